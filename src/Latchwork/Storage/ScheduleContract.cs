using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>Which record of a schedule, and which state of it.</summary>
/// <param name="Incarnation">Random, given at the first write; a schedule that is removed and added anew has another.</param>
/// <param name="Number">1 at the first write; grows with every write, and whenever an occurrence is taken out of the record.</param>
[Experimental("LATCHWORK001")]
public readonly record struct ScheduleVersion(string Incarnation, long Number);

/// <summary>What happened to the occurrences of a schedule, in numbers.</summary>
/// <param name="Started">Occurrences that began.</param>
/// <param name="Missed">Times that were passed over because they were missed.</param>
/// <param name="Skipped">Occurrences that ended without running: the schedule was occupied or paused, or they were cancelled.</param>
/// <param name="Replaced">Occurrences that waited for the end of another and were replaced by a newer one.</param>
[Experimental("LATCHWORK001")]
public sealed record ScheduleCounts(long Started, long Missed, long Skipped, long Replaced);

/// <summary>One of the last occurrences of a schedule.</summary>
/// <param name="Id">The id of its event.</param>
/// <param name="ScheduledFor">Its time by the schedule.</param>
/// <param name="StartedAt">When it began; null if it did not.</param>
/// <param name="EndedAt">When it ended; null if it did not, or if that was not noted.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="NodeId">The node on which it began.</param>
[Experimental("LATCHWORK001")]
public sealed record OccurrenceEntry(string Id, DateTimeOffset ScheduledFor, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, OccurrenceOutcome Outcome, string? NodeId);

/// <summary>A schedule as it is stored.</summary>
/// <param name="Id">The schedule.</param>
/// <param name="Version">Which record.</param>
/// <param name="Body">What the engine keeps of it; the store does not look into it.</param>
/// <param name="IsPaused">Whether it is paused.</param>
/// <param name="ExpectedId">The occurrence that comes next, and has not begun; null: none.</param>
/// <param name="QueuedId">The occurrence that waits for the end of another; null: none.</param>
/// <param name="RunningIds">Occurrences that began, at most <see cref="ScheduleRecord.MaxRunning"/>; some may have ended.</param>
/// <param name="DecidedUntil">The time up to which the chain is decided, in whole ms; 1970: nothing yet.</param>
/// <param name="Counts">What happened to its occurrences.</param>
/// <param name="History">The last <see cref="ScheduleRecord.MaxHistory"/> occurrences, the oldest first.</param>
[Experimental("LATCHWORK001")]
public sealed record ScheduleRecord(
    string Id,
    ScheduleVersion Version,
    ReadOnlyMemory<byte> Body,
    bool IsPaused,
    string? ExpectedId,
    string? QueuedId,
    IReadOnlyList<string> RunningIds,
    DateTimeOffset DecidedUntil,
    ScheduleCounts Counts,
    IReadOnlyList<OccurrenceEntry> History)
{
    /// <summary>The most running occurrences that are kept; the oldest go first.</summary>
    public const int MaxRunning = 10;

    /// <summary>The most occurrences that are kept in the history; the oldest go first.</summary>
    public const int MaxHistory = 10;

    /// <summary>How long a queued occurrence waits before it comes to see whether the schedule is free, in ms, unless the end of the other makes it due before.</summary>
    public const int QueueRecheck = 10_000;

    /// <summary>In an answer: the state of the expected occurrence. Null: there is no such event. It is not stored.</summary>
    public TimerState? ExpectedState { get; init; }
}

/// <summary>Records, and the time at which they were read.</summary>
/// <param name="Now">The time of the partition.</param>
/// <param name="Records">A record, or null if there is none, for each id.</param>
[Experimental("LATCHWORK001")]
public sealed record ScheduleReading(DateTimeOffset Now, IReadOnlyList<ScheduleRecord?> Records);

/// <summary>A page of records.</summary>
/// <param name="Now">The time of the partition.</param>
/// <param name="Records">The records.</param>
/// <param name="Cursor">What to ask the next page with, or null after the last one.</param>
[Experimental("LATCHWORK001")]
public sealed record SchedulePage(DateTimeOffset Now, IReadOnlyList<ScheduleRecord> Records, string? Cursor);

/// <summary>A record that is to be written.</summary>
/// <param name="Id">The schedule: without U+001F.</param>
/// <param name="Expected">The version that was read; null: there must be no record.</param>
/// <param name="Incarnation">That of the version, or of a new record a random one: 1 to 64 characters.</param>
/// <param name="Body">What the engine keeps.</param>
/// <param name="IsPaused">Whether it is paused.</param>
/// <param name="Next">The occurrence that is expected from now on; null: none.</param>
[Experimental("LATCHWORK001")]
public sealed record ScheduleWrite(string Id, ScheduleVersion? Expected, string Incarnation, ReadOnlyMemory<byte> Body, bool IsPaused, TimerEntry? Next);

/// <summary>What became of a write.</summary>
[Experimental("LATCHWORK001")]
public enum ScheduleWriteOutcome
{
    /// <summary>It was written.</summary>
    Written = 0,

    /// <summary>It was written, but the occurrence that was expected before is in flight, and stays the expected one.</summary>
    Kept = 1,

    /// <summary>The record is not as it was read; nothing was changed.</summary>
    Changed = 2,
}

/// <summary>The answer to a write.</summary>
/// <param name="Outcome">What was done.</param>
/// <param name="Now">The time of the partition.</param>
/// <param name="Record">The record as it is now; null: there is none.</param>
[Experimental("LATCHWORK001")]
public sealed record ScheduleWritten(ScheduleWriteOutcome Outcome, DateTimeOffset Now, ScheduleRecord? Record);

/// <summary>What became of a record that was to be removed.</summary>
[Experimental("LATCHWORK001")]
public enum ScheduleRemoval
{
    /// <summary>It was removed.</summary>
    Removed = 0,

    /// <summary>There is none.</summary>
    NotFound = 1,

    /// <summary>It has another version; nothing was changed.</summary>
    Changed = 2,
}

/// <summary>What was decided of an occurrence that was claimed, from a record that was read.</summary>
/// <param name="Delivery">The occurrence, and the token of its lease. An empty token: nobody holds it, and it is to end (see <see cref="Revoke"/>).</param>
/// <param name="NodeId">The node.</param>
/// <param name="Version">The version of the record from which all this was computed.</param>
/// <param name="Run">Whether it is to run; else it ends as <paramref name="EndAs"/>.</param>
/// <param name="Overlap">What to do if it is to run and the schedule is occupied.</param>
/// <param name="EndAs">Why it does not run.</param>
/// <param name="ScheduledFor">Its time by the schedule, in whole ms; of one that is re-dated, the newest that was missed.</param>
/// <param name="Headers">Headers instead of those of the event; null: they stay.</param>
/// <param name="Missed">How many missed times are passed over, itself included if it ends as missed.</param>
/// <param name="DecidedUntil">The time up to which the chain is decided with this, in whole ms.</param>
/// <param name="Next">The occurrence that is expected from now on; null: none.</param>
[Experimental("LATCHWORK001")]
public sealed record OccurrenceAdvance(
    DeliveryKey Delivery,
    string NodeId,
    ScheduleVersion Version,
    bool Run,
    OverlapPolicy Overlap,
    OccurrenceOutcome EndAs,
    DateTimeOffset ScheduledFor,
    IReadOnlyDictionary<string, string>? Headers,
    int Missed,
    DateTimeOffset DecidedUntil,
    TimerEntry? Next)
{
    /// <summary>With an empty token: whether it ends even in flight; its node is notified.</summary>
    public bool Revoke { get; init; }
}

/// <summary>What a store made of an advance.</summary>
[Experimental("LATCHWORK001")]
public enum AdvanceOutcome
{
    /// <summary>The handler may run: it has begun now, or had begun before.</summary>
    Run = 0,

    /// <summary>It ended without running, and is gone.</summary>
    Ended = 1,

    /// <summary>It waits for the end of another: it is scheduled again, and the delivery is over.</summary>
    Waiting = 2,

    /// <summary>The record is not as it was read; nothing was changed.</summary>
    Changed = 3,

    /// <summary>There is no such delivery (any more); nothing was changed.</summary>
    Gone = 4,

    /// <summary>Without a token: it is in flight; nothing was changed.</summary>
    InFlight = 5,
}

/// <summary>The answer to an advance.</summary>
/// <param name="Outcome">What was done.</param>
/// <param name="Record">For <see cref="AdvanceOutcome.Changed"/> the record as it is now; else null.</param>
[Experimental("LATCHWORK001")]
public sealed record AdvanceAnswer(AdvanceOutcome Outcome, ScheduleRecord? Record);

/// <summary>An occurrence beside the chain.</summary>
/// <param name="Id">The schedule.</param>
/// <param name="Version">The version of the record from which it was computed.</param>
/// <param name="Overlap">What to do if the schedule is occupied.</param>
/// <param name="ScheduledFor">When it was asked for, in whole ms.</param>
/// <param name="Entry">The event: due now, its id new.</param>
[Experimental("LATCHWORK001")]
public sealed record OccurrenceTrigger(string Id, ScheduleVersion Version, OverlapPolicy Overlap, DateTimeOffset ScheduledFor, TimerEntry Entry);

/// <summary>What a store made of an occurrence beside the chain.</summary>
[Experimental("LATCHWORK001")]
public enum TriggerDecision
{
    /// <summary>It is posted, and occupies the schedule from now on.</summary>
    Posted = 0,

    /// <summary>The schedule is occupied: it waits for the end of the other.</summary>
    Queued = 1,

    /// <summary>The schedule is occupied: nothing is posted.</summary>
    Skipped = 2,

    /// <summary>The record is not as it was read, or is gone; nothing was changed.</summary>
    Changed = 3,
}

/// <summary>The answer to a trigger.</summary>
/// <param name="Decision">What was done.</param>
/// <param name="Record">For <see cref="TriggerDecision.Changed"/> the record as it is now, null if there is none; else null.</param>
[Experimental("LATCHWORK001")]
public sealed record TriggerAnswer(TriggerDecision Decision, ScheduleRecord? Record);

/// <summary>The answer to a sweep.</summary>
/// <param name="Total">How many records the partition has.</param>
/// <param name="Now">The time of the partition.</param>
/// <param name="Strays">Records without an occurrence that waits or is in flight: at most 50.</param>
/// <param name="Cursor">What to ask on with; null if all were looked at, or it was not time yet.</param>
[Experimental("LATCHWORK001")]
public sealed record ScheduleSweep(long Total, DateTimeOffset Now, IReadOnlyList<ScheduleRecord> Strays, string? Cursor)
{
    /// <summary>The most strays in an answer.</summary>
    public const int MaxStrays = 50;

    /// <summary>The most records that one call reads.</summary>
    public const int MaxLooked = 1_000;
}
