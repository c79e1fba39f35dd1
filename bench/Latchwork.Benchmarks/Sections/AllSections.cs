using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Sections;

internal static class AllSections
{
    /// <summary>All, in the order in which they run: the longest last.</summary>
    public static IReadOnlyList<Section> InOrder { get; } =
    [
        new PostsSection(),
        new BatchSection(),
        new DrainSection(),
        new LatenessSection(),
        new IdleSection(),
        new LockerSection(),
        new DotNetSection(),
        new MemorySection(),
        new AloneSection(),
        new CostsSection(),
        new StartSection(),
        new SqliteSection(),
        new PostgresSection(),
        new GrowthSection(),
        new ClusterSection(),
        new PendingSection(),
        new PostgresBloatSection(),
    ];

    /// <summary>Those that were asked for; without names all but those that take a name.</summary>
    public static IEnumerable<Section> Chosen(IReadOnlyList<string> only) =>
        InOrder.Where(section => only.Count == 0 ? !section.OnlyByName : only.Contains(section.Name));
}

/// <summary>How contenders are called in figures.</summary>
internal static class Names
{
    public const string Latchwork = "Latchwork";
    public const string Tuned = "Latchwork, tuned";
    public const string Quiet = "Latchwork, idle threads of the pool do not spin";
    public const string Kept = "Latchwork, tuned, completed kept";
    public const string Raw = "raw ZADD + HSET";
    public const string RawVariadic = "raw, one ZADD and HSET a batch";
    public const string BullMq = "BullMQ";
    public const string DTimer = "dtimer";
    public const string Ancestor = "process-locker, re-implemented";
    public const string AncestorPipelining = "process-locker, re-implemented, automatic pipelining";
    public const string Quartz = "Quartz.NET in memory";
    public const string Hangfire = "Hangfire";
    public const string DistributedLock = "DistributedLock.Redis";
    public const string RedLock = "RedLock.net";
    public const string FusionCache = "FusionCache";

    /// <summary>The settings of a listener that is tuned for throughput.</summary>
    public const int TunedMaxEvents = 200;

    public const int TunedMaxInFlight = 2000;
}
