namespace Latchwork.Faults.History;

/// <summary>A schedule was declared before the run. Times of schedules are in whole ms since 1970.</summary>
/// <param name="At">When.</param>
/// <param name="Schedule">Its id.</param>
/// <param name="Seconds">Its interval.</param>
/// <param name="Misfire">What becomes of missed occurrences.</param>
/// <param name="Overlap">What becomes of occurrences that meet another.</param>
/// <param name="First">The time of its first occurrence.</param>
public sealed record ScheduleDeclared(long At, string Schedule, int Seconds, MisfirePolicy Misfire, OverlapPolicy Overlap, long First) : HistoryEntry(At);

/// <summary>A step from one occurrence to the next was sent. It has no plan if the occurrence had begun before, or was not the expected one.</summary>
/// <param name="At">When.</param>
/// <param name="Decision">Its number in the process.</param>
/// <param name="Schedule">The schedule.</param>
/// <param name="Occurrence">The event.</param>
/// <param name="Token">The delivery's token; empty: a person cancels it.</param>
/// <param name="Runs">Whether it is to run.</param>
/// <param name="EndsAs">Else why not.</param>
/// <param name="Missed">How many missed times are passed over.</param>
/// <param name="ScheduledFor">Its time; of one that is re-dated, the newest that was missed.</param>
/// <param name="DecidedUntil">Up to which time the chain is decided with it; 0: there is no plan.</param>
/// <param name="Next">The next time; null: none.</param>
/// <param name="ClaimedAt">When it was claimed, by the store's clock, in ticks; null: not by this process.</param>
public sealed record OccurrenceDecided(
    long At, long Decision, string Schedule, string Occurrence, string Token, bool Runs, OccurrenceOutcome EndsAs, int Missed, long ScheduledFor, long DecidedUntil, long? Next,
    long? ClaimedAt) : HistoryEntry(At);

/// <summary>The step was answered, or failed.</summary>
/// <param name="At">When.</param>
/// <param name="Decision">Its number in the process.</param>
/// <param name="Outcome">The answer; null if it failed.</param>
/// <param name="IsRefused">Whether it failed, and is known to have changed nothing.</param>
public sealed record OccurrenceDecisionEnded(long At, long Decision, string? Outcome, bool IsRefused) : HistoryEntry(At);

/// <summary>A handler of an occurrence began.</summary>
/// <param name="At">When.</param>
/// <param name="Occurrence">The event.</param>
/// <param name="Token">The delivery's token.</param>
public sealed record OccurrenceHandled(long At, string Occurrence, string Token) : HistoryEntry(At);

/// <summary>A schedule at the end of the run.</summary>
/// <param name="At">When it was read.</param>
/// <param name="Schedule">Its id.</param>
/// <param name="Next">The time of the next occurrence; null: none is expected.</param>
/// <param name="IsWaiting">Whether that occurrence waits or is in flight.</param>
/// <param name="Started">Occurrences that began.</param>
/// <param name="Missed">Times that were passed over.</param>
/// <param name="Skipped">Occurrences that ended without running.</param>
/// <param name="Replaced">Occurrences that were replaced while they waited.</param>
/// <param name="Queued">The occurrence that waits for the end of another.</param>
public sealed record FinalSchedule(
    long At, string Schedule, long? Next, bool IsWaiting, long Started, long Missed, long Skipped, long Replaced, string? Queued) : HistoryEntry(At);

/// <summary>An occurrence that is in the store at the end of the run.</summary>
/// <param name="At">When it was read.</param>
/// <param name="Occurrence">The event.</param>
/// <param name="State">Its state.</param>
public sealed record FinalOccurrence(long At, string Occurrence, TimerState State) : HistoryEntry(At);
