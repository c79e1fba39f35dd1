using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Latchwork.Redis;
using Latchwork.Redis.Checking;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Connections.Cluster;
using Latchwork.Redis.Doctoring;
using Latchwork.Redis.Locking;
using Latchwork.Redis.Partitioning;
using Latchwork.Redis.Timers;
using Latchwork.Redis.Transfer;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>The store on Redis 6.2 or later, or Valkey.</summary>
public sealed class RedisStore : LatchworkStore
{
    private readonly IRedisConnection _connection;
    private readonly ReplicatedWriter? _replicated;
    private readonly StoreCheck _check;

    private RedisStore(IRedisConnection connection, ReplicatedWriter? replicated, RedisOptions options, string address)
    {
        _connection = connection;
        _replicated = replicated;
        _check = new StoreCheck(connection, options);
        var keys = new RedisKeys(options.KeyPrefix, connection is ClusterConnection);
        ReplicatedWrites writes = options.Replication?.Writes ?? ReplicatedWrites.None;
        var timers = new RedisTimerStore(connection, keys, options.TimeProvider, options.Partitions)
        {
            Replicated = writes.HasFlag(ReplicatedWrites.Posts) ? replicated : null,
        };
        var locks = new RedisLockerStore(connection, keys, options.TimeProvider)
        {
            Replicated = writes.HasFlag(ReplicatedWrites.Publishes) ? replicated : null,
        };
        (Timers, Locks) = (timers, locks);
        Partitions = new Repartition(timers);
        Doctor = new RedisDoctor(timers, locks);
        Transfer = new RedisTransfer(timers, locks, PlaceOf(address, options));
    }

    /// <inheritdoc/>
    public override ITimerStore Timers { get; }

    /// <inheritdoc/>
    public override ILockerStore Locks { get; }

    /// <inheritdoc/>
    [Experimental("LATCHWORK001")]
    public override IStoreTransfer Transfer { get; }

    /// <inheritdoc/>
    [Experimental("LATCHWORK001")]
    public override IStorePartitions Partitions { get; }

    /// <inheritdoc/>
    [Experimental("LATCHWORK001")]
    public override IStoreDoctor Doctor { get; }

    /// <inheritdoc/>
    public override string Description => _connection.Description;

    /// <inheritdoc/>
    public override long Reconnects => _connection.Reconnects;

    /// <summary>Connects to a server.</summary>
    /// <param name="connection">A URI (<c>redis://user:password@host:port/database</c>, <c>unix:///path</c>) or a connection string; see <see cref="RedisOptions.Parse"/>.</param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    /// <returns>The store. From now on a lost connection is made anew, until the store is disposed.</returns>
    /// <exception cref="ArgumentException">The text is not a valid address; what is wrong is named, without the password.</exception>
    /// <exception cref="LatchworkStoreException">The server cannot be reached, refuses, or cannot be worked with.</exception>
    public static Task<RedisStore> ConnectAsync(string connection, CancellationToken cancellationToken = default) =>
        ConnectAsync(RedisOptions.Parse(connection), cancellationToken);

    /// <summary>Connects to a server.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    /// <returns>The store. From now on a lost connection is made anew, until the store is disposed.</returns>
    /// <exception cref="ArgumentException">Settings are wrong; all of them are named, without the password.</exception>
    /// <exception cref="LatchworkStoreException">The server cannot be reached, refuses, or cannot be worked with.</exception>
    public static async Task<RedisStore> ConnectAsync(RedisOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options = options.CheckedCopy();
        IRedisConnection connection = await OpenAsync(options, null, cancellationToken).ConfigureAwait(false);
        ReplicatedWriter? writer = null;
        try
        {
            if (options.Replication is { } replication)
                writer = new ReplicatedWriter(await OpenAsync(options, replication, cancellationToken).ConfigureAwait(false), replication);
            var store = new RedisStore(connection, writer, options, options.ToString());
            await store.CheckAtStartAsync(cancellationToken).ConfigureAwait(false);
            if (connection is RedisConnection single)
                single.OnReconnected = () => _ = store._check.RunForLogAsync(single);
            if (connection is ClusterConnection cluster)
                cluster.OnPrimary = primary => _ = store._check.RunForLogAsync(primary);
            return store;
        }
        catch
        {
            if (writer is not null)
                await writer.DisposeAsync().ConfigureAwait(false);
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Puts a store on a connection of another client. The store disposes it.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="options">The settings of the store (<see cref="RedisOptions.KeyPrefix"/>, <see cref="RedisOptions.Partitions"/>, <see cref="RedisOptions.TimeProvider"/>); those of a connection are not used.</param>
    /// <returns>The store.</returns>
    /// <exception cref="ArgumentException">Writes are to wait for replicas, or it is a cluster, which needs connections of the store's own.</exception>
    [Experimental("LATCHWORK001")]
    public static RedisStore Over(IRedisConnection connection, RedisOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        if (options?.Replication is not null)
            throw new ArgumentException("Writes can wait for replicas only on connections that the store makes itself.", nameof(options));
        if (options?.Cluster == true)
            throw new ArgumentException("A cluster can be used only over connections that the store makes itself.", nameof(options));
        return new RedisStore(connection, null, (options ?? new RedisOptions()).CheckedCopy(), connection.Description);
    }

    /// <inheritdoc/>
    public override Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default) =>
        _check.RunAsync(cancellationToken).OffStoreThread();

    /// <summary>The address together with what else makes it this store and no other.</summary>
    private static string PlaceOf(string address, RedisOptions options)
    {
        var more = new List<string>();
        if (options.KeyPrefix != RedisOptions.DefaultKeyPrefix) more.Add($"prefix={options.KeyPrefix}");
        if (options.Partitions != 1) more.Add(string.Create(CultureInfo.InvariantCulture, $"partitions={options.Partitions}"));
        if (more.Count == 0) return address;
        return $"{address}{(address.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{string.Join('&', more)}";
    }

    private static async Task<IRedisConnection> OpenAsync(RedisOptions options, RedisReplication? replication, CancellationToken cancellationToken) => options.Cluster
        ? await ClusterConnection.ConnectAsync(options, cancellationToken, replication).ConfigureAwait(false)
        : await RedisConnection.ConnectAsync(options, cancellationToken, replication).ConfigureAwait(false);

    // A server that is in trouble for the moment is no reason not to start; one that cannot run scripts is.
    private async Task CheckAtStartAsync(CancellationToken cancellationToken)
    {
        try
        {
            // The caller goes on behind this, and must not do so on the thread that reads the connection.
            await _check.RunAsync(cancellationToken).OffStoreThread().ConfigureAwait(false);
        }
        catch (LatchworkStoreException e) when (e.IsTransient || e.Outcome == StoreOutcome.Unknown)
        {
            _check.OnFailed(e);
        }
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (_replicated is not null)
            await _replicated.DisposeAsync().ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
    }
}
