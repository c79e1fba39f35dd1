using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Latchwork.Storage;

/// <summary>What a namespace is of.</summary>
[Experimental("LATCHWORK001")]
public enum TransferKind
{
    /// <summary>Timers.</summary>
    Timers = 0,

    /// <summary>Keys of lockers.</summary>
    Locks = 1,
}

/// <summary>A namespace: what is moved as a whole.</summary>
/// <param name="Kind">What it is of.</param>
/// <param name="Namespace">Its name.</param>
[Experimental("LATCHWORK001")]
public readonly record struct NamespaceRef(TransferKind Kind, string Namespace)
{
    /// <inheritdoc/>
    public override string ToString() => $"the {(Kind == TransferKind.Timers ? "timer" : "lock")} namespace '{Namespace}'";
}

/// <summary>How far a move is.</summary>
[Experimental("LATCHWORK001")]
public enum TransferPhase
{
    /// <summary>Source: closed; its contents are being moved.</summary>
    Moving = 0,

    /// <summary>Source: closed and empty.</summary>
    Moved = 1,

    /// <summary>Target: takes in.</summary>
    Importing = 2,

    /// <summary>Target: takes nothing in any more, but still knows what came.</summary>
    Closed = 3,

    /// <summary>Target: the move is over, and the journal is dropped.</summary>
    Done = 4,
}

/// <summary>A mark of a namespace. It is stored as text: phase, move, count and place, with spaces between them.</summary>
/// <param name="Phase">How far the move is.</param>
/// <param name="MoveId">The move.</param>
/// <param name="Count">Source: the events that it had when it was closed. Target: the events that came. (Of locks: zero.)</param>
/// <param name="Place">Where the other store is.</param>
[Experimental("LATCHWORK001")]
public sealed record TransferMark(TransferPhase Phase, string MoveId, long Count, string Place)
{
    private static readonly string[] _phases = ["moving", "moved", "importing", "closed", "done"];

    /// <summary>Reads a mark.</summary>
    /// <param name="text">What <see cref="ToString"/> returned; null or empty for none.</param>
    /// <returns>The mark, or null.</returns>
    /// <exception cref="FormatException">It is not of a form that this version writes.</exception>
    public static TransferMark? Parse(string? text)
    {
        if (string.IsNullOrEmpty(text)) return null;
        string[] parts = text.Split(' ', 4); // the place comes last, as it may have spaces of its own
        int phase = Array.IndexOf(_phases, parts[0]);
        return phase >= 0 && parts.Length == 4 && long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out long count)
            ? new TransferMark((TransferPhase)phase, parts[1], count, parts[3])
            : throw new FormatException($"The mark of a move is not of a form that this version writes: '{text}'.");
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{_phases[(int)Phase]} {MoveId} {Count} {Place}");
}

/// <summary>The marks of a namespace.</summary>
/// <param name="Seal">It is, or was, the source of a move; null: it is not closed.</param>
/// <param name="Import">It is, or was, the target of a move.</param>
[Experimental("LATCHWORK001")]
public sealed record TransferMarks(TransferMark? Seal, TransferMark? Import)
{
    /// <summary>
    /// Timers: who paused the namespace, and why; null if it is not paused. It goes with the namespace: the step that opens the import pauses the target, and
    /// the one that says that everything was moved away ends the pause of the source.
    /// </summary>
    public TimerPause? Pause { get; init; }

    /// <summary>Timers, of marks as they are to be: counters that are added to those of the namespace in the same step. Null, as in all marks that were read: none.</summary>
    public TimerCounters? Counters { get; init; }

    /// <summary>Locks, in the same way: what the lockers of the namespace have done.</summary>
    public LockerStats? LockerStats { get; init; }

    /// <summary>Whether a namespace that was moved away is opened again: what was counted went with it, so that it is counted anew.</summary>
    /// <param name="before">The marks before these.</param>
    internal bool EndsSeal(TransferMarks before) => Seal is null && before.Seal is { Phase: TransferPhase.Moved };
}

/// <summary>The answer to sealing.</summary>
/// <param name="Seal">The seal in force; null if it was refused, or only looked at.</param>
/// <param name="Listeners">The nodes that listen; at most 20 are named.</param>
/// <param name="LeaseLeft">The time until the last lease of the events in flight runs out; zero if none runs.</param>
[Experimental("LATCHWORK001")]
public sealed record CloseAnswer(TransferMark? Seal, IReadOnlyList<string> Listeners, TimeSpan LeaseLeft);

/// <summary>What a store did with an element of a move.</summary>
[Experimental("LATCHWORK001")]
public enum ImportOutcome
{
    /// <summary>It was taken in.</summary>
    Imported = 0,

    /// <summary>It came before; nothing was changed.</summary>
    Known = 1,

    /// <summary>Something else has its id (or its lock); nothing was changed.</summary>
    Conflict = 2,

    /// <summary>The import is not open for this move; nothing was changed.</summary>
    Closed = 3,
}

/// <summary>
/// An event on its way; or, if its id is that of a schedule and U+001F, the record of that schedule, which comes before all events. Its times are relative to the clock of the store that was read, at the moment of reading.
/// </summary>
/// <param name="Id">Its id.</param>
/// <param name="Payload">Its bytes.</param>
/// <param name="Headers">Its headers; empty if it has none.</param>
/// <param name="Retries">The retries that are spent.</param>
/// <param name="MaxRetries">The retries that it has in all.</param>
/// <param name="DueIn">When it is due; below zero if that has passed.</param>
/// <param name="Failures">Its last ten failures, the oldest first.</param>
/// <param name="DeadLetter">Why it was dead-lettered, and how long ago; null if it was not.</param>
[Experimental("LATCHWORK001")]
public sealed record TransferEvent(
    string Id,
    ReadOnlyMemory<byte> Payload,
    IReadOnlyDictionary<string, string> Headers,
    int Retries,
    int MaxRetries,
    TimeSpan DueIn,
    IReadOnlyList<AttemptFailure> Failures,
    TransferDeadLetter? DeadLetter)
{
    /// <summary>How often a handler of it was interrupted.</summary>
    public int Interruptions { get; init; }

    /// <summary>Whether it is due at an absolute time: then a clock of the target that goes back later moves it with the clock, as no delay is. Default: false.</summary>
    public bool IsAbsolute { get; init; }
}

/// <summary>A dead letter on its way.</summary>
/// <param name="Reason">Why it was dead-lettered.</param>
/// <param name="Ago">How long ago.</param>
[Experimental("LATCHWORK001")]
public sealed record TransferDeadLetter(DeadLetterReason Reason, TimeSpan Ago);

/// <summary>A key on its way. Its times are relative to the clock of the store that was read, at the moment of reading.</summary>
/// <param name="Key">The key.</param>
/// <param name="FencingToken">The highest fencing token ever given.</param>
/// <param name="KeepFor">How long it is to be kept.</param>
/// <param name="Outcome">The last outcome, if it is still of use.</param>
/// <param name="HeldBy">The node that holds the lock under a lease that runs; such a key cannot be moved yet. Else null.</param>
/// <param name="LeaseLeft">The time left on that lease.</param>
[Experimental("LATCHWORK001")]
public sealed record TransferKey(string Key, long FencingToken, TimeSpan KeepFor, TransferResult? Outcome, string? HeldBy, TimeSpan LeaseLeft);

/// <summary>An outcome on its way.</summary>
/// <param name="FencingToken">The fencing token of its run.</param>
/// <param name="Kind">What the bytes are.</param>
/// <param name="Data">The bytes.</param>
/// <param name="Age">How long ago it was published.</param>
/// <param name="FreshFor">How long it is fresh, from its publication on.</param>
/// <param name="HandOverFor">How long it is handed over to those who waited, from its publication on.</param>
[Experimental("LATCHWORK001")]
public sealed record TransferResult(long FencingToken, LockerOutcomeKind Kind, ReadOnlyMemory<byte> Data, TimeSpan Age, TimeSpan FreshFor, TimeSpan HandOverFor);

/// <summary>A page of keys.</summary>
/// <param name="Keys">The keys.</param>
/// <param name="Cursor">What to ask the next page with, or null after the last one.</param>
[Experimental("LATCHWORK001")]
public sealed record TransferKeyPage(IReadOnlyList<TransferKey> Keys, string? Cursor);

/// <summary>A page of the history of a namespace of timers.</summary>
/// <param name="Lines">Completed events, of each partition the last first.</param>
/// <param name="Cursor">What to ask the next page with, or null after the last one.</param>
[Experimental("LATCHWORK001")]
public sealed record CompletedPage(IReadOnlyList<CompletedEvent> Lines, string? Cursor);

/// <summary>What became of a namespace that was to be dropped.</summary>
/// <param name="IsDropped">Whether it was dropped. If not, nothing was changed, unless it has several partitions and a node joined in the middle of it.</param>
/// <param name="Events">The events that it holds, or held: scheduled, in flight and dead-lettered; and the records of its schedules.</param>
/// <param name="Listeners">The nodes that listen, which are in the way; at most 20.</param>
[Experimental("LATCHWORK001")]
public sealed record NamespaceDrop(bool IsDropped, long Events, IReadOnlyList<string> Listeners);

/// <summary>What became of a change of the number of partitions.</summary>
/// <param name="From">The number before (equal to <paramref name="To"/> if there was nothing to do).</param>
/// <param name="To">The number that was asked for.</param>
/// <param name="Moved">How many events went to another partition in this call.</param>
/// <param name="Obstacle">Why it cannot be done as things are, and what to do; null: it was done.</param>
/// <param name="Doubled">
/// Ids that were in the partition to which they belong and in another one besides (a damage); of those the copy in the right one is kept. At most 20.
/// </param>
[Experimental("LATCHWORK001")]
public sealed record PartitionChange(int From, int To, long Moved, string? Obstacle, IReadOnlyList<string> Doubled);

/// <summary>What a step of the doctor found.</summary>
/// <param name="Problem">What is wrong.</param>
/// <param name="Unit">The namespace; null if it is of none.</param>
/// <param name="Names">The ids, nodes or keys that are concerned: all of those of the step; empty if the problem is not about such.</param>
/// <param name="IsRepaired">Whether it was repaired.</param>
/// <param name="Detail">What else is to be said; may be empty.</param>
[Experimental("LATCHWORK001")]
public sealed record StoreFinding(StoreProblem Problem, NamespaceRef? Unit, IReadOnlyList<string> Names, bool IsRepaired, string Detail = "");

/// <summary>What may be wrong.</summary>
[Experimental("LATCHWORK001")]
public enum StoreProblem
{
    /// <summary>An event has a payload and is in no state. Repaired: it is put among the dead letters.</summary>
    OrphanPayload = 0,

    /// <summary>An event has no payload: it is lost. Repaired: what is left of it is removed.</summary>
    MissingPayload = 1,

    /// <summary>An event is in several states at the same time. Repaired: it stays in one, in flight or scheduled rather than dead-lettered, in flight under a lease rather than scheduled.</summary>
    SeveralStates = 2,

    /// <summary>An event is in flight, but there is no lease. Repaired: it is scheduled, due now.</summary>
    MissingLease = 3,

    /// <summary>An event has a lease that never ends. Repaired: the lease is over, and the event is taken back by whoever listens.</summary>
    EndlessLease = 4,

    /// <summary>A lease ran out more than ten minutes ago. Not repaired: whoever listens takes the event back.</summary>
    LeaseLongOver = 5,

    /// <summary>Records (of tries, failures, leases) are left of events that are gone. Repaired: they are dropped.</summary>
    LeftoverRecord = 6,

    /// <summary>A node has been silent for two hours and is still on a list. Repaired: it is taken off.</summary>
    LostNode = 7,

    /// <summary>An event is in a partition to which it does not belong, so no call finds it by its id. Repaired: it is moved, unless it is in flight.</summary>
    WrongPartition = 8,

    /// <summary>A partition that is none of the namespace has events. Not repaired.</summary>
    StrayPartition = 9,

    /// <summary>A partition has another layout than the first one. Not repaired.</summary>
    OtherLayout = 10,

    /// <summary>A change of the number of partitions has not come to its end. Not repaired.</summary>
    UnfinishedRepartition = 11,

    /// <summary>A move from or to this store has not come to its end. Not repaired.</summary>
    UnfinishedMove = 12,

    /// <summary>The journal of a move that is over is still there. Repaired: it is dropped.</summary>
    LeftoverJournal = 13,

    /// <summary>What is stored of a key of a locker would stay forever. Repaired: it expires after a day.</summary>
    EndlessLock = 14,

    /// <summary>The counts of a namespace are not those of its events. Repaired: they are put right.</summary>
    WrongCount = 15,

    /// <summary>The file itself is damaged. Not repaired.</summary>
    DamagedFile = 16,

    /// <summary>What is stored of a scheduled event cannot be read. Repaired: it is put among the dead letters, as the claim that met it would do.</summary>
    DamagedRecord = 17,

    /// <summary>The record of a schedule cannot be read, or not be evaluated by this program. Not repaired: declare the schedule anew, or remove it.</summary>
    DamagedSchedule = 18,

    /// <summary>A schedule that is not paused expects no occurrence. Repaired: the next one is posted, as whoever listens does within some 10 s.</summary>
    NoExpectedOccurrence = 19,

    /// <summary>The occurrence that a schedule expects does not exist, or is a dead letter. Repaired: it is posted, as whoever listens does within some 10 s.</summary>
    MissingOccurrence = 20,

    /// <summary>An occurrence that has not begun is none that its schedule knows, or there is no such schedule. Not repaired: it is delivered like any other event.</summary>
    StrayOccurrence = 21,

    /// <summary>What is stored of the last occurrences of a schedule cannot be read. Repaired: it is dropped, and what is running is not known to occupy the schedule.</summary>
    DamagedOccurrences = 22,
}
