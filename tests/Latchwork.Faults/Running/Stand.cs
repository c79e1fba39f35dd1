using System.Globalization;
using Latchwork.Faults.Injection;
using Latchwork.Redis;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Faults.Running;

/// <summary>A store under test: real servers, or a real file, and what can be done to them.</summary>
public abstract class Stand : IAsyncDisposable
{
    /// <summary>What can be done here, to workers and to the store.</summary>
    public abstract IReadOnlyCollection<FaultKind> Faults { get; }

    /// <summary>What can be done besides, if it is asked for by name: it leaves little to be judged.</summary>
    public virtual IReadOnlyCollection<FaultKind> OnRequest => [];

    /// <summary>Kinds that this store knows but this machine does not allow, and why.</summary>
    public virtual string? Missing => null;

    /// <summary>What runs, with its version.</summary>
    public abstract string Version { get; }

    /// <summary>The address at which nothing stands in between.</summary>
    public abstract string Uri { get; }

    /// <summary>What stands between a worker and its server; null where nothing does.</summary>
    /// <param name="worker">The worker's number.</param>
    public virtual WorkerProxy? ProxyOf(int worker) => null;

    /// <summary>The address of a worker.</summary>
    /// <param name="worker">Its number.</param>
    public virtual string UriOf(int worker) => Uri;

    /// <summary>The name of the variant of a fault, for the record: <c>Killed</c>; empty where there is one only.</summary>
    /// <param name="fault">The fault.</param>
    public virtual string VariantOf(PlannedFault fault) => "";

    /// <summary>Up to how long before a fault (µs), and during it, writes that were acknowledged may be lost; null if it loses nothing.</summary>
    /// <param name="fault">The fault.</param>
    public virtual long? LossWindowOf(PlannedFault fault) => null;

    /// <summary>Compares what the application has stored beside the store, in transactions of its own, with what was recorded. Nobody works any more.</summary>
    /// <param name="folder">The history.</param>
    /// <returns>What does not fit.</returns>
    public virtual Task<IReadOnlyList<string>> CompareAsync(string folder) => Task.FromResult<IReadOnlyList<string>>([]);

    /// <summary>Looks for what happened to the store by itself, such as a failover that nobody asked for: then the history says too little.</summary>
    /// <returns>What; null if nothing did.</returns>
    public virtual Task<string?> FindSurpriseAsync() => Task.FromResult<string?>(null);

    /// <summary>Deletes or spoils what the store keeps of an event.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="id">The event's id.</param>
    /// <param name="body">What is to be kept in its place; null: nothing.</param>
    /// <returns>Whether there was something.</returns>
    public virtual Task<bool> DamageAsync(TimerPartition partition, string id, string? body) => throw new NotSupportedException("This store keeps nothing of an event that could be damaged for itself.");

    /// <summary>Does something to the store, and repairs it again.</summary>
    /// <param name="fault">What.</param>
    /// <returns>A task that ends when all is well again.</returns>
    public abstract Task HurtAsync(PlannedFault fault);

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();

    /// <summary>The stand of a kind of store.</summary>
    /// <param name="options">The run's options.</param>
    /// <param name="workers">How many workers there are.</param>
    public static async Task<Stand> StartAsync(RunOptions options, int workers) => options.Store switch
    {
        StoreKind.Redis or StoreKind.Shared => await RedisStand.LaunchAsync(options, workers),
        StoreKind.Sentinel => await SentinelStand.LaunchAsync(options),
        StoreKind.Cluster => await ClusterStand.LaunchAsync(options),
        StoreKind.Sqlite => new SqliteStand(),
        StoreKind.Postgres => await PostgresStand.LaunchAsync(workers),
        _ => throw new ArgumentOutOfRangeException(nameof(options), options.Store, "There is no stand for this store."),
    };
}

/// <summary>What can be done to any redis-server.</summary>
internal static class RedisFaults
{
    /// <summary>The query that keeps the time of a command short, so that many an outcome is unknown.</summary>
    public static string Query(RunOptions options) =>
        string.Create(CultureInfo.InvariantCulture, $"?commandTimeout=2s&connectTimeout=2s&partitions={options.Partitions ?? (options.Store == StoreKind.Cluster ? 4 : 1)}");

    /// <summary>What a replica may lack when it takes its primary's place, in µs.</summary>
    public const long ReplicaLag = 1_000_000;

    /// <summary>What is done to workers of all kinds of server.</summary>
    public static readonly FaultKind[] Common = [FaultKind.Kill, FaultKind.Stop, FaultKind.Terminate, FaultKind.Callbacks, FaultKind.Clock, FaultKind.Connections, FaultKind.Flush, FaultKind.Memory, FaultKind.Damage, FaultKind.Burst];

    /// <summary>How a server keeps its writes.</summary>
    public static RedisServerOptions Durable(string appendfsync) => new() { AppendOnly = true, Arguments = ["--appendfsync", appendfsync] };

    public static async Task<string> VersionAsync(RedisServer server)
    {
        string[] lines = (await server.CommandAsync("INFO", "server")).Split('\n');
        string? Field(string name) => Array.Find(lines, line => line.StartsWith(name + ":", StringComparison.Ordinal))?[(name.Length + 1)..].Trim();
        return Field("valkey_version") is { } valkey ? $"valkey {valkey}" : $"redis {Field("redis_version")}";
    }

    public static async Task EndConnectionsAsync(IEnumerable<RedisServer> servers)
    {
        foreach (RedisServer server in servers)
        {
            await server.CommandAsync("CLIENT", "KILL", "TYPE", "normal");
            await server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
        }
    }

    public static async Task FlushScriptsAsync(IEnumerable<RedisServer> servers)
    {
        foreach (RedisServer server in servers) await server.CommandAsync("SCRIPT", "FLUSH");
    }

    /// <summary>The key that has the bodies of a partition.</summary>
    public static string BodiesOf(TimerPartition partition) =>
        new RedisKeys(RedisOptions.DefaultKeyPrefix).Of(partition).ChannelPrefix[..^"wake:".Length] + TimerPartitionKeys.NameOf(TimerKey.Body);

    public static async Task<bool> DamageAsync(RedisServer server, TimerPartition partition, string id, string? body)
    {
        // One step: what has gone meanwhile must not be there again.
        const string Spoil = "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return 1";
        string key = BodiesOf(partition);
        string[] command = body is null ? ["HDEL", key, id] : ["EVAL", Spoil, "1", key, id, body];
        return await server.CommandAsync(command) == "1";
    }

    public static async Task FillMemoryAsync(IReadOnlyCollection<RedisServer> servers, TimeSpan duration)
    {
        foreach (RedisServer server in servers) await server.CommandAsync("CONFIG", "SET", "maxmemory", "1mb");
        await Task.Delay(duration);
        foreach (RedisServer server in servers) await server.CommandAsync("CONFIG", "SET", "maxmemory", "0");
    }
}
