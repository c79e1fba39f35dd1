using Latchwork.Storage.Rules;

namespace Latchwork;

/// <summary>
/// The counters of a namespace: what has happened since it was first used, and in the last 60 minutes and 48 hours. They are kept by the steps that they count, and go
/// with the namespace when it is moved.
/// </summary>
/// <remarks>
/// Minutes and hours are those of the store's clock, full ones of UTC; the last of each list is the one that is not over. What is counted by a confirmation or a cancellation may be
/// counted in the minute in which the partition last noted its time: about a second earlier while somebody listens.
/// </remarks>
public sealed record TimerCounters
{
    /// <summary>Nothing was counted.</summary>
    public static TimerCounters Zero { get; } = new();

    /// <summary>What was counted since the namespace was first used.</summary>
    public TimerCounts Totals { get; init; } = TimerCounts.Zero;

    /// <summary>The last 60 minutes, the oldest first; empty if nothing was ever counted.</summary>
    public IReadOnlyList<TimerCountsBucket> Minutes { get; init; } = [];

    /// <summary>The last 48 hours, the oldest first; empty if nothing was ever counted.</summary>
    public IReadOnlyList<TimerCountsBucket> Hours { get; init; } = [];

    /// <summary>Adds up the counters of partitions: minutes and hours of the same start, up to the latest.</summary>
    internal static TimerCounters Sum(IReadOnlyList<TimerCounters> all)
    {
        if (all.Count == 1) return all[0];
        long[] totals = new long[CounterRing.Width];
        foreach (TimerCounters one in all) CounterRing.Add(totals, one.Totals.ToNumbers());
        return new TimerCounters
        {
            Totals = TimerCounts.From(totals),
            Minutes = Sum(all, static one => one.Minutes, TimeSpan.FromMinutes(1), CounterRing.Minutes),
            Hours = Sum(all, static one => one.Hours, TimeSpan.FromHours(1), CounterRing.Hours),
        };
    }

    private static TimerCountsBucket[] Sum(IReadOnlyList<TimerCounters> all, Func<TimerCounters, IReadOnlyList<TimerCountsBucket>> of, TimeSpan length, int count)
    {
        DateTimeOffset[] ends = [.. all.Select(of).Where(static list => list.Count > 0).Select(static list => list[^1].Start)];
        if (ends.Length == 0) return [];
        DateTimeOffset first = ends.Max() - length * (count - 1);
        long[][] sums = [.. Enumerable.Range(0, count).Select(static _ => new long[CounterRing.Width])];
        foreach (TimerCountsBucket bucket in all.SelectMany(of))
        {
            long at = (bucket.Start - first).Ticks / length.Ticks;
            if (bucket.Start >= first && at < count && bucket.Counts != TimerCounts.Zero) CounterRing.Add(sums[at], bucket.Counts.ToNumbers());
        }

        return [.. sums.Select((sum, i) => new TimerCountsBucket(first + length * i, TimerCounts.From(sum)))];
    }
}
