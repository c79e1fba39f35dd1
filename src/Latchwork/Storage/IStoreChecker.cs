using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>Examines what a store holds for damage that its own operations never do, and repairs it.</summary>
/// <remarks>
/// Every check, together with its repair, is one atomic step on at most some 200 elements, so both are safe while clients are at work: what is
/// merely on its way is never taken for damage. Memory is bounded however much there is.
/// </remarks>
[Experimental("LATCHWORK001")]
public interface IStoreChecker
{
    /// <summary>Examines namespaces of timers and of locks.</summary>
    /// <param name="ns">Only those with this name; null for all, and for what is of no namespace.</param>
    /// <param name="fix">Whether to repair what can be repaired.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What is found, step by step: the same problem of the same namespace may come many times, each time with other names.</returns>
    /// <exception cref="LatchworkStoreException">The store failed, or refused.</exception>
    IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, CancellationToken cancellationToken);
}

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
