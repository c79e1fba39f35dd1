namespace Latchwork;

/// <summary>Counts of a namespace.</summary>
/// <param name="Scheduled">Events that wait, overdue ones included.</param>
/// <param name="InFlight">Events that a node holds.</param>
/// <param name="DeadLetters">Dead letters that are kept.</param>
/// <param name="DeadLettersEvicted">Dead letters that were deleted because they were too old or too many, since the namespace was first used.</param>
/// <param name="OldestOverdue">How long the most overdue scheduled event has waited since its time; null when none is overdue.</param>
public sealed record TimerStats(long Scheduled, long InFlight, long DeadLetters, long DeadLettersEvicted, TimeSpan? OldestOverdue)
{
    /// <summary>Who paused the namespace, and why; null when it is not paused. While it is, nothing is delivered, and what is due becomes overdue.</summary>
    public TimerPause? Pause { get; init; }

    /// <summary>What has happened since the namespace was first used, and in the last 60 minutes and 48 hours.</summary>
    public TimerCounters Counters { get; init; } = TimerCounters.Zero;
}
