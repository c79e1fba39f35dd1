namespace Latchwork;

/// <summary>The answer to a declaration.</summary>
/// <param name="Id">The schedule.</param>
/// <param name="Outcome">What was done.</param>
/// <param name="Next">The time of the next occurrence by the schedule; null if it is paused.</param>
public readonly record struct ScheduleResult(string Id, ScheduleOutcome Outcome, DateTimeOffset? Next);
