namespace Latchwork.Monitoring;

/// <summary>What is shown of one counter of a namespace.</summary>
/// <param name="LastMinute">In the last minute that is over.</param>
/// <param name="LastHour">In the last 60 minutes, the one that is not over included.</param>
/// <param name="LastTwoDays">In the last 48 hours, the one that is not over included.</param>
/// <param name="Total">In all.</param>
internal readonly record struct CounterSums(long LastMinute, long LastHour, long LastTwoDays, long Total)
{
    public static CounterSums Of(TimerCounters counters, Func<TimerCounts, long> of) => new(
        counters.Minutes.Count > 1 ? of(counters.Minutes[^2].Counts) : 0,
        counters.Minutes.Sum(one => of(one.Counts)),
        counters.Hours.Sum(one => of(one.Counts)),
        of(counters.Totals));
}
