namespace Latchwork.Storage.Rules;

/// <summary>Counters of a namespace as a whole.</summary>
internal static class CounterSum
{
    /// <summary>Adds up the counters of partitions: minutes and hours of the same start, up to the latest.</summary>
    public static TimerCounters Of(IReadOnlyList<TimerCounters> all)
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
