namespace Latchwork.Monitoring;

/// <summary>What happened to events in the last minute that is over.</summary>
/// <param name="Delivered">Deliveries.</param>
/// <param name="Confirmed">Deliveries that were confirmed.</param>
/// <param name="Failed">Attempts that failed: see <see cref="FailedAttempts"/>.</param>
/// <param name="DeadLettered">Events that were dead-lettered.</param>
internal readonly record struct MinuteRates(long Delivered, long Confirmed, long Failed, long DeadLettered)
{
    public static MinuteRates Of(TimerCounters counters)
    {
        if (counters.Minutes.Count < 2) return default;
        TimerCounts counts = counters.Minutes[^2].Counts;
        return new MinuteRates(counts.Delivered, counts.Confirmed, FailedAttempts(counts), counts.DeadLettered);
    }

    /// <summary>Attempts that somebody reported as failed, and those whose lease ran out.</summary>
    public static long FailedAttempts(TimerCounts counts) => counts.Failed + counts.ExpiredLeases;
}
