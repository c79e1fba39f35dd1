namespace Latchwork;

/// <summary>Chooses Redis or Valkey as the store of an application.</summary>
public static class RedisLatchworkBuilderExtensions
{
    /// <summary>
    /// Keeps everything on the Redis or Valkey that the application names elsewhere: in the setting <c>Latchwork:Redis:ConnectionString</c>, for
    /// which the store makes a connection of its own, or else by a registered <see cref="IConnectionMultiplexer"/>, which the store shares (see
    /// <see cref="RedisStore.Create"/>). With neither of them the host does not start. The section <c>Latchwork:Redis</c> also has
    /// <c>CommandTimeout</c>, <c>KeyPrefix</c>, <c>Partitions</c>, <c>MaxQueuedCommands</c> and <c>MaxQueuedBytes</c> (<see cref="RedisOptions"/>), and the
    /// section <c>Replication</c> with <c>Replicas</c>, <c>Timeout</c> and <c>Writes</c> (<see cref="RedisReplication"/>).
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <param name="serviceKey">The key with which the <see cref="IConnectionMultiplexer"/> is registered. Default: null, it has none.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UseRedis(this LatchworkBuilder builder, Action<RedisOptions>? configure = null, object? serviceKey = null) =>
        Use(builder, new RedisConnectionChoice(null, null, null, serviceKey, configure));

    /// <summary>Keeps everything on a Redis or Valkey, over a connection of the store's own. The server need not be there yet when the application starts.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connection">A connection string; see <see cref="RedisStore.ConnectAsync(string, RedisOptions?, CancellationToken)"/>. Settings from the section <c>Latchwork:Redis</c> overrule its options.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UseRedis(this LatchworkBuilder builder, string connection, Action<RedisOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connection);
        return Use(builder, new RedisConnectionChoice(connection, null, null, null, configure));
    }

    /// <summary>
    /// Keeps everything on a Redis or Valkey, over a connection of the store's own that is configured in the client's terms, with the application's
    /// credentials: the recommended way with Microsoft Entra, AWS IAM, client certificates, and so on.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configuration">Gives the configuration; called once, when the host starts.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UseRedis(this LatchworkBuilder builder, Func<IServiceProvider, ConfigurationOptions> configuration, Action<RedisOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Use(builder, new RedisConnectionChoice(null, configuration, null, null, configure));
    }

    /// <summary>Keeps everything on the application's own connection; see <see cref="RedisStore.Create"/> for what is weaker then.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="multiplexer">Gives the connection; called once, when the host starts.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UseRedis(this LatchworkBuilder builder, Func<IServiceProvider, IConnectionMultiplexer> multiplexer, Action<RedisOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(multiplexer);
        return Use(builder, new RedisConnectionChoice(null, null, multiplexer, null, configure));
    }

    private static LatchworkBuilder Use(LatchworkBuilder builder, RedisConnectionChoice choice)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.UseStore("Redis", (services, settings) => new RedisStoreSource(services, settings, choice));
    }
}
