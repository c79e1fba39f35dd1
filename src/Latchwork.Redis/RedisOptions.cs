using Latchwork.Configuration;

namespace Latchwork;

/// <summary>
/// The settings of a <see cref="RedisStore"/>. Where the servers are, and how to connect to them, is said in the terms of StackExchange.Redis
/// (<see cref="StackExchange.Redis.ConfigurationOptions"/>). Checked when the store is made; all failures are named together.
/// </summary>
public sealed class RedisOptions
{
    /// <summary>The default of <see cref="KeyPrefix"/>.</summary>
    public const string DefaultKeyPrefix = "lw:";

    /// <summary>The default of <see cref="MaxQueuedCommands"/>.</summary>
    public const int DefaultMaxQueuedCommands = 100_000;

    /// <summary>The default of <see cref="MaxQueuedBytes"/>: 64 MiB.</summary>
    public const long DefaultMaxQueuedBytes = 64L << 20;

    /// <summary>The largest value of <see cref="Partitions"/>.</summary>
    public const int MaxPartitions = 1_024;

    /// <summary>The default of <see cref="CommandTimeout"/>.</summary>
    public static readonly TimeSpan DefaultCommandTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan _longestCommand = TimeSpan.FromMinutes(10);

    /// <summary>What each of them may be.</summary>
    internal static OptionSet<RedisOptions> Set { get; } = new OptionSet<RedisOptions>(static () => new() { Replication = new() })
        .Duration(nameof(CommandTimeout), TimeSpan.FromMilliseconds(10), _longestCommand, static o => o.CommandTimeout, static (o, value) => o.CommandTimeout = value)
        .Text(nameof(KeyPrefix), "up to 128 bytes of UTF-8 without braces", FindPrefixError, static o => o.KeyPrefix, static (o, value) => o.KeyPrefix = value)
        .Number(nameof(Partitions), 1, MaxPartitions, static o => o.Partitions, static (o, value) => o.Partitions = value)
        .Number(nameof(MaxQueuedCommands), 1, 10_000_000, static o => o.MaxQueuedCommands, static (o, value) => o.MaxQueuedCommands = value)
        .Bytes(nameof(MaxQueuedBytes), 1, 1L << 30, static o => o.MaxQueuedBytes, static (o, value) => o.MaxQueuedBytes = value)
        .Number("Replication.Replicas", 1, 100, static o => o.Replication?.Replicas, static (o, value) => o.ReplicationToSet.Replicas = value)
        .Duration(
            "Replication.Timeout",
            TimeSpan.FromMilliseconds(1),
            new(_longestCommand, nameof(CommandTimeout), static o => o.CommandTimeout),
            static o => o.Replication?.Timeout,
            static (o, value) => o.ReplicationToSet.Timeout = value)
        .Choice<ReplicatedWrites>("Replication.Writes", static o => o.Replication?.Writes, static (o, value) => o.ReplicationToSet.Writes = value);

    /// <summary>
    /// How long a command may take, from the call to the reply, waiting for a connection and repetitions included: 10 ms to 10 min; default 5 s. A
    /// command that was sent is then of unknown outcome. The timeouts of the client's configuration (<c>syncTimeout</c>, <c>asyncTimeout</c>) are not used.
    /// </summary>
    public TimeSpan CommandTimeout { get; set; } = DefaultCommandTimeout;

    /// <summary>What all keys and channels begin with: up to 128 bytes of UTF-8 without braces; default <c>lw:</c>.</summary>
    public string KeyPrefix { get; set; } = DefaultKeyPrefix;

    /// <summary>
    /// The number of partitions of every timer namespace: 1 to 1,024; default 1. Each is in a slot of its own, so that a namespace can use
    /// several primaries of a cluster. All clients of a namespace must agree: a namespace records its number when it is first used, and a client
    /// with another number is refused. <c>latchwork timer repartition</c> changes it.
    /// </summary>
    public int Partitions { get; set; } = 1;

    /// <summary>The most commands under way: 1 to 10,000,000; default 100,000. More are refused immediately.</summary>
    public int MaxQueuedCommands { get; set; } = DefaultMaxQueuedCommands;

    /// <summary>The most bytes of such commands: 1 to 1 GiB; default 64 MiB. A single command may have more.</summary>
    public long MaxQueuedBytes { get; set; } = DefaultMaxQueuedBytes;

    /// <summary>Writes that wait for replicas. Default: null, none do. Needs a connection of the store's own.</summary>
    public RedisReplication? Replication { get; set; }

    /// <summary>Where the store logs. Default: null, nowhere. The log of the client is set in its own configuration.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>
    /// Called with each connection that the store has made for itself, before it is used, and again after a failover behind Sentinels: the place to
    /// instrument it (<c>instrumentation.AddConnection(connection)</c> of OpenTelemetry.Instrumentation.StackExchangeRedis). It must neither change
    /// nor close the connection. If it throws, connecting fails. Default: null, nothing.
    /// </summary>
    public Action<IConnectionMultiplexer>? OnConnectionCreated { get; set; }

    /// <summary>The clock that decides what is due, for tests. Default: null, the server's clock. Timeouts of commands always follow real time.</summary>
    public TimeProvider? TimeProvider { get; set; }

    /// <summary>Whether a cluster's channels are plain ones even where sharded ones exist, as before Redis 7; for tests.</summary>
    internal bool UsesPlainChannels { get; set; }

    /// <summary>The settings of replication, which there are from now on.</summary>
    internal RedisReplication ReplicationToSet => Replication ??= new RedisReplication();

    /// <summary>A copy that nobody can change any more.</summary>
    /// <exception cref="ArgumentException">Settings are wrong.</exception>
    internal RedisOptions CheckedCopy()
    {
        Set.Check(this, "The Redis settings are wrong", "options");
        return Copy();
    }

    internal RedisOptions Copy()
    {
        var copy = (RedisOptions)MemberwiseClone();
        copy.Replication = Replication?.Copy();
        return copy;
    }

    private static string? FindPrefixError(string prefix) =>
        Limits.FindTextError(prefix, 0, 128) ?? (prefix.AsSpan().ContainsAny('{', '}') ? $"must not have braces, which mark the hash tag of a key; it is '{prefix}'" : null);
}
