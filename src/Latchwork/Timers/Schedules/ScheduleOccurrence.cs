namespace Latchwork;

/// <summary>One of the last occurrences of a schedule.</summary>
/// <param name="Id">The id of its event: the schedule's, U+001F, and its time (or <c>+</c> and random characters, if it was triggered).</param>
/// <param name="ScheduledFor">Its time by the schedule; of one that ran late for several that were missed, the newest of these.</param>
/// <param name="StartedAt">When it began, by the store's clock; null if it did not.</param>
/// <param name="EndedAt">When it ended, by the store's clock; null if it did not, or was confirmed in a transaction of the application.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="NodeId">The node on which it began.</param>
public sealed record ScheduleOccurrence(
    string Id, DateTimeOffset ScheduledFor, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, OccurrenceOutcome Outcome, string? NodeId);
