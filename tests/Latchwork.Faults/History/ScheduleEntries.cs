namespace Latchwork.Faults.History;

/// <summary>A write of a schedule's record was sent: it is declared, changed, paused, resumed, or a sweep gives it an occurrence. Times of schedules are in whole ms since 1970.</summary>
/// <param name="At">When.</param>
/// <param name="Call">Its number in the process.</param>
/// <param name="Schedule">The schedule.</param>
/// <param name="Incarnation">Which record.</param>
/// <param name="Version">The version from which it was computed; null: there was no record.</param>
/// <param name="Seconds">The interval.</param>
/// <param name="Misfire">What becomes of missed occurrences.</param>
/// <param name="Overlap">What becomes of occurrences that meet another.</param>
/// <param name="Content">The first byte of the payload.</param>
/// <param name="IsPaused">Whether it is paused.</param>
/// <param name="Next">The time that is expected from now on; null: none.</param>
/// <param name="ReadAt">The time of the store from which it was computed, in ticks.</param>
public sealed record ScheduleWriteSent(
    long At, long Call, string Schedule, string Incarnation, long? Version, int Seconds, MisfirePolicy Misfire, OverlapPolicy Overlap, int Content, bool IsPaused, long? Next,
    long ReadAt) : HistoryEntry(At);

/// <summary>The removal of a schedule was sent.</summary>
/// <param name="At">When.</param>
/// <param name="Call">Its number in the process.</param>
/// <param name="Schedule">The schedule.</param>
public sealed record ScheduleRemovalSent(long At, long Call, string Schedule) : HistoryEntry(At);

/// <summary>An occurrence beside the chain was sent.</summary>
/// <param name="At">When.</param>
/// <param name="Call">Its number in the process.</param>
/// <param name="Schedule">The schedule.</param>
/// <param name="Incarnation">Which record.</param>
/// <param name="Occurrence">The event.</param>
public sealed record OccurrenceTriggered(long At, long Call, string Schedule, string Incarnation, string Occurrence) : HistoryEntry(At);

/// <summary>A step from one occurrence to the next was sent. It has no plan if the occurrence had begun before, or was not the expected one.</summary>
/// <param name="At">When.</param>
/// <param name="Call">Its number in the process.</param>
/// <param name="Schedule">The schedule.</param>
/// <param name="Incarnation">Which record; empty: there was none.</param>
/// <param name="Version">The version from which it was computed.</param>
/// <param name="Occurrence">The event.</param>
/// <param name="Token">The delivery's token; empty: a person cancels it.</param>
/// <param name="Runs">Whether it is to run.</param>
/// <param name="EndsAs">Else why not.</param>
/// <param name="Missed">How many missed times are passed over.</param>
/// <param name="ScheduledFor">Its time; of one that is re-dated, the newest that was missed.</param>
/// <param name="DecidedUntil">Up to which time the chain is decided with it; 0: there is no plan.</param>
/// <param name="Next">The next time; null: none.</param>
/// <param name="ClaimedAt">When it was claimed first, by the store's clock, in ticks; null: not by this process.</param>
public sealed record OccurrenceDecided(
    long At, long Call, string Schedule, string Incarnation, long Version, string Occurrence, string Token, bool Runs, OccurrenceOutcome EndsAs, int Missed, long ScheduledFor,
    long DecidedUntil, long? Next, long? ClaimedAt) : HistoryEntry(At);

/// <summary>The confirmation or the cancellation of an occurrence was sent.</summary>
/// <param name="At">When.</param>
/// <param name="Call">Its number in the process.</param>
/// <param name="Schedule">The schedule.</param>
/// <param name="Occurrence">The event.</param>
/// <param name="Token">The delivery's token; empty: it is cancelled.</param>
public sealed record OccurrenceEndSent(long At, long Call, string Schedule, string Occurrence, string Token) : HistoryEntry(At);

/// <summary>A call was answered, or failed.</summary>
/// <param name="At">When.</param>
/// <param name="Call">Its number in the process.</param>
/// <param name="Outcome">The answer; null if it failed.</param>
/// <param name="IsRefused">Whether it failed, and is known to have changed nothing.</param>
public sealed record ScheduleCallEnded(long At, long Call, string? Outcome, bool IsRefused) : HistoryEntry(At);

/// <summary>A claim brought occurrences.</summary>
/// <param name="At">When it was answered.</param>
/// <param name="Sent">When it was sent.</param>
/// <param name="Count">How many.</param>
public sealed record OccurrencesClaimed(long At, long Sent, int Count) : HistoryEntry(At);

/// <summary>A handler of an occurrence began.</summary>
/// <param name="At">When.</param>
/// <param name="Occurrence">The event.</param>
/// <param name="Token">The delivery's token.</param>
/// <param name="Content">The first byte of its payload.</param>
public sealed record OccurrenceHandled(long At, string Occurrence, string Token, int Content) : HistoryEntry(At);

/// <summary>The namespace of the schedules was to be paused or resumed.</summary>
/// <param name="At">When that was sent.</param>
/// <param name="Call">Its number in the process.</param>
/// <param name="IsPaused">Paused, or resumed.</param>
public sealed record NamespacePauseSent(long At, long Call, bool IsPaused) : HistoryEntry(At);

/// <summary>A schedule at the end of the run.</summary>
/// <param name="At">When it was read.</param>
/// <param name="Schedule">Its id.</param>
/// <param name="Incarnation">Which record.</param>
/// <param name="Version">Its version.</param>
/// <param name="IsPaused">Whether it is paused.</param>
/// <param name="Next">The time of the next occurrence; null: none is expected.</param>
/// <param name="IsWaiting">Whether that occurrence waits or is in flight.</param>
/// <param name="Started">Occurrences that began.</param>
/// <param name="Missed">Times that were passed over.</param>
/// <param name="Skipped">Occurrences that ended without running.</param>
/// <param name="Replaced">Occurrences that were replaced while they waited.</param>
/// <param name="Queued">The occurrence that waits for the end of another.</param>
public sealed record FinalSchedule(
    long At, string Schedule, string Incarnation, long Version, bool IsPaused, long? Next, bool IsWaiting, long Started, long Missed, long Skipped, long Replaced,
    string? Queued) : HistoryEntry(At);

/// <summary>An occurrence that is in the store at the end of the run.</summary>
/// <param name="At">When it was read.</param>
/// <param name="Occurrence">The event.</param>
/// <param name="State">Its state.</param>
public sealed record FinalOccurrence(long At, string Occurrence, TimerState State) : HistoryEntry(At);
