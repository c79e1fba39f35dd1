using Latchwork.Redis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>Chooses Redis or Valkey as the store of an application.</summary>
public static class RedisLatchworkBuilderExtensions
{
    /// <summary>
    /// Keeps everything on the Redis or Valkey whose address is in the configuration: <c>Latchwork:Redis:ConnectionString</c>, and the other
    /// settings beside it (<c>User</c>, <c>Password</c>, <c>SentinelService</c>, <c>SentinelUser</c>, <c>SentinelPassword</c>, <c>Database</c>, <c>ClientName</c>, <c>ConnectTimeout</c>,
    /// <c>CommandTimeout</c>, <c>KeyPrefix</c>, <c>Partitions</c>, <c>MaxQueuedCommands</c>, <c>MaxQueuedBytes</c>): see <see cref="RedisOptions"/>. The section
    /// <c>Tls</c> within has <c>Enabled</c>, <c>AuthorityFile</c>, <c>CertificateFile</c>, <c>KeyFile</c> and <c>HostName</c> (<see cref="RedisTlsOptions"/>),
    /// the section <c>Replication</c> has <c>Replicas</c>, <c>Timeout</c> and <c>Writes</c> (<see cref="RedisReplication"/>).
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UseRedis(this LatchworkBuilder builder, Action<RedisOptions>? configure = null) =>
        Use(builder, connection: null, configure);

    /// <summary>Keeps everything on a Redis or Valkey. The server need not be there yet when the application starts.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connection">A URI or a connection string; see <see cref="RedisOptions.Parse"/>. Settings from the section <c>Latchwork:Redis</c> add to it.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UseRedis(this LatchworkBuilder builder, string connection, Action<RedisOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return Use(builder, connection, configure);
    }

    private static LatchworkBuilder Use(LatchworkBuilder builder, string? connection, Action<RedisOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.UseStore("Redis", (services, settings) =>
            RedisStoreSource.Create(connection, settings, services.GetService<ILoggerFactory>(), configure));
    }
}
