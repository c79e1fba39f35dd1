namespace Latchwork;

/// <summary>Of which schedule an event is an occurrence, and for when.</summary>
/// <param name="ScheduleId">The schedule.</param>
/// <param name="ScheduledFor">
/// Its time by the schedule; if it runs for several that were missed, the newest of these; if it was triggered, when it was.
/// </param>
public sealed record OccurrenceInfo(string ScheduleId, DateTimeOffset ScheduledFor);
