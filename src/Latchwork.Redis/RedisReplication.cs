namespace Latchwork;

/// <summary>Which writes wait for replicas.</summary>
[Flags]
public enum ReplicatedWrites
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Posts of timers.</summary>
    Posts = 1,

    /// <summary>Publications of the locker: results and failures.</summary>
    Publishes = 2,

    /// <summary>Both.</summary>
    All = Posts | Publishes,
}

/// <summary>
/// Lets some writes wait (<c>WAIT</c>) until replicas have them, so that a failover loses fewer of those that were acknowledged. They go over
/// a connection of their own, which they hold up while they wait. With too few replicas in time a write fails with
/// <see cref="StoreOutcome.NotReplicated"/>: it was applied all the same.
/// </summary>
/// <remarks>It makes losses rarer, not impossible: the server does not undo what was not replicated, and a failover may choose a replica that lags.</remarks>
public sealed class RedisReplication
{
    /// <summary>The default of <see cref="Timeout"/>.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(1);

    /// <summary>How many replicas must have a write: 1 to 100; default 1.</summary>
    public int Replicas { get; set; } = 1;

    /// <summary>How long to wait for them: 1 ms to <see cref="RedisOptions.CommandTimeout"/>; default 1 s.</summary>
    public TimeSpan Timeout { get; set; } = DefaultTimeout;

    /// <summary>Which writes wait; default <see cref="ReplicatedWrites.All"/>.</summary>
    public ReplicatedWrites Writes { get; set; } = ReplicatedWrites.All;

    internal RedisReplication Copy() => (RedisReplication)MemberwiseClone();
}
