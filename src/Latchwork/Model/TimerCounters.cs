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
}
