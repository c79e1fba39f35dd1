using System.Diagnostics.CodeAnalysis;

namespace Latchwork;

/// <summary>The store on Redis 6.2 or later, or Valkey, reached through StackExchange.Redis.</summary>
public sealed class RedisStore : LatchworkStore
{
    private readonly IRedisConnection _connection;
    private readonly StoreCheck _check;

    internal RedisStore(IRedisConnection connection, RedisOptions options)
    {
        _connection = connection;
        var log = new SafeLogger(options.LoggerFactory?.CreateLogger("Latchwork.Redis") ?? NullLogger.Instance);
        var losses = new LossMonitor(log, options.TimeProvider ?? TimeProvider.System);
        _check = new StoreCheck(connection, options, losses, log);
        var keys = new RedisKeys(options.KeyPrefix, () => connection.IsCluster, () => connection.Database);
        ReplicatedWrites writes = options.Replication?.Writes ?? ReplicatedWrites.None;
        ReplicatedWriter? writer = options.Replication is { } replication && connection is RedisConnection own ? new ReplicatedWriter(own, replication) : null;
        var timers = new RedisTimerStore(connection, keys, options.TimeProvider, options.Partitions)
        {
            Replicated = writes.HasFlag(ReplicatedWrites.Posts) ? writer : null,
            Log = log,
            Losses = losses,
        };
        var locks = new RedisLockerStore(connection, keys, options.TimeProvider)
        {
            Replicated = writes.HasFlag(ReplicatedWrites.Publishes) ? writer : null,
        };
        (Timers, Locks) = (timers, locks);
        Maintenance = new RedisMaintenance(timers, locks, PlaceOf(connection.Description, options));
    }

    /// <inheritdoc/>
    public override ITimerStore Timers { get; }

    /// <inheritdoc/>
    public override ILockerStore Locks { get; }

    /// <inheritdoc/>
    [Experimental("LATCHWORK001")]
    public override IStoreMaintenance Maintenance { get; }

    /// <inheritdoc/>
    public override string Description => _connection.Description;

    /// <inheritdoc/>
    public override long Reconnects => _connection.Reconnects;

    /// <summary>Connects, over connections of the store's own. This is the recommended way: every guarantee holds.</summary>
    /// <param name="configuration">
    /// A connection string of StackExchange.Redis (<c>host:6379,password=…,ssl=true</c>, <c>sentinel:26379,serviceName=main</c>), or a URI, with
    /// percent-encoding: <c>redis://user:password@host:port/database</c>, <c>rediss://…</c> with TLS, <c>redis+sentinel://host,host,host/service/database</c>,
    /// <c>redis+cluster://host,host,host</c> or <c>unix:///path</c>. Both may have options of the store: <c>prefix</c>, <c>partitions</c>,
    /// <c>commandTimeout</c> (<c>250ms</c>, <c>5s</c>, <c>1m</c>), <c>waitReplicas</c>, <c>waitTimeout</c>, <c>waitWrites</c> (<c>posts</c>,
    /// <c>publishes</c>, <c>all</c>); they overrule <paramref name="options"/>.
    /// </param>
    /// <param name="options">The settings of the store. Default: null, the defaults.</param>
    /// <param name="cancellationToken">A token that cancels connecting.</param>
    /// <returns>The store. From now on a lost connection is made again, until the store is disposed.</returns>
    /// <exception cref="ArgumentException">The text or the settings are not valid; all that is wrong is named, without the password.</exception>
    /// <exception cref="LatchworkStoreException">The server cannot be reached, refuses, or cannot be worked with.</exception>
    public static Task<RedisStore> ConnectAsync(string configuration, RedisOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var problems = new List<string>();
        RedisOptions merged = (options ?? new RedisOptions()).Copy();
        ConfigurationOptions settings = RedisConnectionString.Read(configuration, merged, problems);
        problems.AddRange(RedisOptions.Set.FindErrors(merged));
        RedisOptionsCheck.ThrowIfAny(problems, nameof(configuration));
        return ConnectAsync(settings, merged, cancellationToken);
    }

    /// <summary>Connects, over connections of the store's own, with the application's configuration of the client: its credentials, TLS, Sentinels, and so on.</summary>
    /// <param name="configuration">
    /// The configuration. It is copied, and changed where a guarantee depends on it: the backlog is off (<c>FailFast</c>), subscriptions share the
    /// connection, a lost connection is tried again every 250 ms, the heartbeat is a second at most, and the timeouts of commands are those of
    /// <see cref="RedisOptions.CommandTimeout"/>.
    /// </param>
    /// <param name="options">The settings of the store. Default: null, the defaults.</param>
    /// <param name="cancellationToken">A token that cancels connecting.</param>
    /// <returns>The store. From now on a lost connection is made again, until the store is disposed.</returns>
    /// <exception cref="ArgumentException">The configuration or the settings are not valid; all that is wrong is named, without the password.</exception>
    /// <exception cref="LatchworkStoreException">The server cannot be reached, refuses, or cannot be worked with.</exception>
    public static async Task<RedisStore> ConnectAsync(ConfigurationOptions configuration, RedisOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        options = (options ?? new RedisOptions()).Copy();
        var problems = new List<string>();
        RedisOptionsCheck.AddProblems(configuration, problems);
        problems.AddRange(RedisOptions.Set.FindErrors(options));
        RedisOptionsCheck.ThrowIfAny(problems, nameof(configuration));
        RedisConnection connection = await RedisConnection.ConnectAsync(configuration, options, cancellationToken).ConfigureAwait(false);
        var store = new RedisStore(connection, options);
        try
        {
            await store.CheckAtStartAsync(cancellationToken).ConfigureAwait(false);
            connection.OnReconnected = () => _ = store._check.RunForLogAsync();
            return store;
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Puts a store on the application's own connection. It is used as it is: never changed, never closed. Three guarantees are weaker than with a
    /// connection of the store's own, see <c>docs/redis.md</c>: failover behind Sentinels, a starved thread pool, and the order of subscriptions.
    /// </summary>
    /// <param name="multiplexer">The connection. It need not be connected yet.</param>
    /// <param name="options">The settings of the store. Default: null, the defaults.</param>
    /// <returns>The store. Disposing it leaves the connection as it is.</returns>
    /// <exception cref="ArgumentException">Settings are wrong, writes are to wait for replicas (which needs connections of the store's own), or the connection has a channel prefix.</exception>
    public static RedisStore Create(IConnectionMultiplexer multiplexer, RedisOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(multiplexer);
        options = CheckShared(multiplexer, options ?? new RedisOptions());
        var store = new RedisStore(RedisConnection.Share(multiplexer, options), options);
        store._check.LogShared();
        return store;
    }

    internal static RedisOptions CheckShared(IConnectionMultiplexer multiplexer, RedisOptions options)
    {
        if (options.Replication is not null)
            throw new ArgumentException("Writes can wait for replicas only over connections that the store makes itself: use RedisStore.ConnectAsync.", nameof(options));
        if (HasChannelPrefix(multiplexer))
            throw new ArgumentException("The connection has a channel prefix, so that notifications would not arrive: use a connection without one, or RedisStore.ConnectAsync.", nameof(multiplexer));
        return options.CheckedCopy();
    }

    private static bool HasChannelPrefix(IConnectionMultiplexer multiplexer) =>
        RedisConnectionString.TryParse(multiplexer.Configuration) is { } settings
            ? !settings.ChannelPrefix.IsNullOrEmpty
            : multiplexer.Configuration.Contains("channelPrefix=", StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public override Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default)
    {
        // Whoever checks wants to know how it is now, and not whether it gets better in a while.
        if (_connection.Outage is not { } reason) return _check.RunAsync(cancellationToken).OffStoreThread();
        string message = $"There is no connection to the server at {Description} now, because {reason}. Nothing was changed.";
        return Task.FromException<IReadOnlyList<StoreWarning>>(new LatchworkStoreException(message, StoreOutcome.NotApplied) { IsTransient = true });
    }

    /// <summary>The address together with what else makes it this store and no other.</summary>
    private static string PlaceOf(string address, RedisOptions options)
    {
        var more = new List<string>();
        if (options.KeyPrefix != RedisOptions.DefaultKeyPrefix) more.Add($"prefix={options.KeyPrefix}");
        if (options.Partitions != 1) more.Add(string.Create(CultureInfo.InvariantCulture, $"partitions={options.Partitions}"));
        if (more.Count == 0) return address;
        return $"{address}{(address.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{string.Join('&', more)}";
    }

    // A server that is in trouble for the moment is no reason not to start; one that cannot run scripts is.
    private async Task CheckAtStartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _check.RunAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (LatchworkStoreException e) when (e.IsTransient || e.Outcome == StoreOutcome.Unknown)
        {
            _check.LogFailure(e);
        }
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => _connection.DisposeAsync();
}
