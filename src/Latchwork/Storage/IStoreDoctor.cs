using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>Examines what a store holds for damage that its own operations never do, and mends it.</summary>
/// <remarks>
/// Every check, together with its mending, is one atomic step on at most some 200 elements, so both are safe while clients are at work: what is
/// merely on its way is never taken for damage. Memory is bounded however much there is.
/// </remarks>
[Experimental("LATCHWORK001")]
public interface IStoreDoctor
{
    /// <summary>Examines namespaces of timers and of locks.</summary>
    /// <param name="ns">Only those with this name; null for all, and for what is of no namespace.</param>
    /// <param name="fix">Whether to mend what can be mended.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What is found, step by step: the same problem of the same namespace may come many times, each time with other names.</returns>
    /// <exception cref="LatchworkStoreException">The store failed, or refused.</exception>
    IAsyncEnumerable<DoctorFinding> ExamineAsync(string? ns, bool fix, CancellationToken cancellationToken);
}

/// <summary>What a step of the doctor found.</summary>
/// <param name="Problem">What is wrong.</param>
/// <param name="Unit">The namespace; null if it is of none.</param>
/// <param name="Names">The ids, nodes or keys that are concerned: all of those of the step; empty if the problem is not about such.</param>
/// <param name="IsMended">Whether it was mended.</param>
/// <param name="Detail">What else is to be said; may be empty.</param>
[Experimental("LATCHWORK001")]
public sealed record DoctorFinding(DoctorProblem Problem, TransferUnit? Unit, IReadOnlyList<string> Names, bool IsMended, string Detail = "");

/// <summary>What may be wrong.</summary>
[Experimental("LATCHWORK001")]
public enum DoctorProblem
{
    /// <summary>An event has a payload and is in no state. Mended: it is put among the dead.</summary>
    OrphanPayload = 0,

    /// <summary>An event has no payload: it is lost. Mended: what is left of it is removed.</summary>
    MissingPayload = 1,

    /// <summary>An event is in several states at once. Mended: it stays in one, alive rather than dead, in flight under a lease rather than scheduled.</summary>
    SeveralStates = 2,

    /// <summary>An event is in flight, but there is no lease. Mended: it is scheduled, due now.</summary>
    MissingLease = 3,

    /// <summary>An event has a lease that never ends. Mended: the lease is over, and the event is taken back by whoever listens.</summary>
    EndlessLease = 4,

    /// <summary>A lease ran out more than ten minutes ago. Not mended: whoever listens takes the event back.</summary>
    LeaseLongOver = 5,

    /// <summary>Records (of tries, failures, leases) are left of events that are gone. Mended: they are dropped.</summary>
    LeftoverRecord = 6,

    /// <summary>A node has been silent for two hours and is still on a list. Mended: it is taken off.</summary>
    LostNode = 7,

    /// <summary>An event is in a partition to which it does not belong, so no call finds it by its id. Mended: it is moved, unless it is in flight.</summary>
    WrongPartition = 8,

    /// <summary>A partition that is none of the namespace has events. Not mended.</summary>
    StrayPartition = 9,

    /// <summary>A partition has another layout than the first one. Not mended.</summary>
    OtherLayout = 10,

    /// <summary>A change of the number of partitions has not come to its end. Not mended.</summary>
    UnfinishedRepartition = 11,

    /// <summary>A move from or to this store has not come to its end. Not mended.</summary>
    UnfinishedMove = 12,

    /// <summary>The journal of a move that is over is still there. Mended: it is dropped.</summary>
    LeftoverJournal = 13,

    /// <summary>What is stored of a key of a locker would stay for ever. Mended: it expires after a day.</summary>
    EndlessLock = 14,

    /// <summary>The counts of a namespace are not those of its events. Mended: they are put right.</summary>
    WrongCount = 15,

    /// <summary>The file itself is damaged. Not mended.</summary>
    DamagedFile = 16,
}
