namespace Latchwork.StoreConformance.Support;

/// <summary>For tests that compare the counts by state.</summary>
public static class StatsExtensions
{
    /// <summary>The counts by state alone.</summary>
    public static TimerStats WithoutCounters(this TimerStats stats) => stats with { Counters = TimerCounters.Zero };
}
