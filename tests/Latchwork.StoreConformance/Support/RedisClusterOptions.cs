namespace Latchwork.StoreConformance.Support;

/// <summary>How a <see cref="RedisCluster"/> is started.</summary>
public sealed record RedisClusterOptions
{
    /// <summary>How many primaries; the slots are divided evenly. With less than 3 the others cannot elect a new one.</summary>
    public int Primaries { get; init; } = 3;

    /// <summary>How many replicas each primary has.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>
    /// How long a member must be silent before the others take its place (<c>cluster-node-timeout</c>). Short for tests of failover; tests
    /// that want none take a minute, so that a machine that stalls causes no failover by itself.
    /// </summary>
    public TimeSpan NodeTimeout { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Keeps every write in an append-only file, so that a member that is killed and started again has lost nothing.</summary>
    public bool AppendOnly { get; init; }

    /// <summary>More arguments for each member, by its index: <c>_ =&gt; ["--maxmemory", "10mb"]</c>.</summary>
    public Func<int, IReadOnlyList<string>> Arguments { get; init; } = static _ => [];
}
