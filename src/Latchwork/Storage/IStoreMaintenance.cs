using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>
/// What is done to a store as a whole, outside the engines: examining it, dropping a namespace, changing the number of its partitions, and moving it from one store
/// to another. All can be continued after they were cut off at any step.
/// </summary>
/// <remarks>
/// <para>
/// A move reads pages of the source (<c>Read…</c>), writes them to the target (<c>Write…</c>), compares the counts, and then switches the namespace from one
/// to the other. Every method that it needs is one atomic step, can be repeated with the same effect (a lost reply, a killed process), and takes and returns at
/// most <see cref="Limits.MaxBatch"/> elements and, beyond a single element, <see cref="Limits.MaxBatchBytes"/> bytes of payload.
/// </para>
/// <para>
/// Two marks of a namespace say how far a move is. The <b>seal</b>, in the source: none, then <see cref="TransferPhase.Moving"/> (its clients
/// are refused, its contents go), then <see cref="TransferPhase.Moved"/> (it is empty, and its clients are still refused). The <b>import</b>,
/// in the target, whose clients are served all the time: none, then <see cref="TransferPhase.Importing"/>, then
/// <see cref="TransferPhase.Done"/>; or <see cref="TransferPhase.Closed"/> while a move is being aborted. As long as it is importing or
/// closed the target keeps a journal of the ids that came, written in the same step as the events themselves; so an event that comes again is
/// known, even if it was delivered and confirmed in the meantime.
/// </para>
/// <para>
/// A namespace that a store keeps in several partitions has marks in each. A step is then atomic in each partition, and if it is cut off in between
/// it counts as not made: it can be made again.
/// </para>
/// <para>
/// Every step names its move and is refused if the mark is another's. So two movers of the same move do no harm, and what was sent by a
/// mover that is gone does nothing after the move is over.
/// </para>
/// </remarks>
[Experimental("LATCHWORK001")]
public interface IStoreMaintenance
{
    /// <summary>Where the store is, complete: what the other store records, and what the clients of a closed namespace read. Without passwords.</summary>
    string Place { get; }

    /// <summary>Lists the namespaces of timers and of locks, closed ones included.</summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The namespaces, in ordinal order within their kind.</returns>
    Task<IReadOnlyList<NamespaceRef>> ListAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Examines namespaces of timers and of locks for damage that the store's own operations never do, and repairs it. Every check, together with its repair, is one
    /// atomic step on at most some 200 elements, so both are safe while clients are at work: what is merely on its way is never taken for damage.
    /// </summary>
    /// <param name="ns">Only those with this name; null for all, and for what is of no namespace.</param>
    /// <param name="fix">Whether to repair what can be repaired.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What is found, step by step: the same problem of the same namespace may come many times, each time with other names.</returns>
    /// <exception cref="LatchworkStoreException">The store failed, or refused.</exception>
    IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, CancellationToken cancellationToken);

    /// <summary>
    /// Gives a namespace of timers another number of partitions. From its first step to its last every client is refused, and who has the former number for
    /// ever. If it ends before its end (an exception, a killed process, a lost connection), the namespace stays closed, nothing is lost, and the
    /// same call again continues; a call with the former number turns back.
    /// </summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="partitions">The number of partitions: 1 to 1,024.</param>
    /// <param name="progress">Is told how many events were moved from one partition to another; may be null.</param>
    /// <param name="cancellationToken">Ends it before its end.</param>
    /// <returns>What was done; null if there is no such namespace.</returns>
    /// <exception cref="NotSupportedException">This store keeps each namespace in one partition.</exception>
    /// <exception cref="LatchworkStoreException">The store failed, or refused.</exception>
    Task<PartitionChange?> RepartitionAsync(string ns, int partitions, Action<long>? progress, CancellationToken cancellationToken);

    /// <summary>
    /// Drops a namespace of timers: its events of every state, its nodes, its name. Refused while a node listens, and for a namespace that is being
    /// moved. What is posted to it meanwhile is dropped with it, or begins it anew. Made again after it was cut off, it continues.
    /// </summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="force">Whether to drop it although it holds events.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>What was done; null if there is no such namespace.</returns>
    /// <exception cref="LatchworkStoreException">The namespace is being moved, or was; or the store failed.</exception>
    Task<NamespaceDrop?> DropTimersAsync(string ns, bool force, CancellationToken cancellationToken);

    /// <summary>Reads the marks of a namespace.</summary>
    /// <param name="unit">The namespace; it need not exist.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The marks.</returns>
    Task<TransferMarks> ReadMarksAsync(NamespaceRef unit, CancellationToken cancellationToken);

    /// <summary>
    /// Source: closes a namespace. Timers: refused while a node listens or an event is in flight under a lease that has not run out. Locks:
    /// from now on no lock is granted, but an owner may renew, publish and release.
    /// </summary>
    /// <param name="unit">The namespace.</param>
    /// <param name="moveId">The move: 1 to 64 characters without spaces.</param>
    /// <param name="target">The <see cref="Place"/> of the target.</param>
    /// <param name="checkOnly">Only says whether it would be refused.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>The seal in force, which may be an earlier one; or what stands in the way.</returns>
    Task<CloseAnswer> CloseAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken);

    /// <summary>Reads the counters of a namespace of timers, also of one that is closed.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The counters of all its partitions.</returns>
    Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken);

    /// <summary>Reads the history of a namespace of timers, also of one that is closed. The step that says that everything was moved away deletes it.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="cursor">Null to begin, then the cursor of the page before.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>At most <see cref="Limits.MaxBatch"/> lines; there may be none and yet more to come.</returns>
    Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken);

    /// <summary>
    /// Target: takes lines of the history in, if an import is open for this move. Of an id that has one here already the later completion stands, so no journal is
    /// needed. What exceeds the bound of the namespace goes, the oldest first. Of several partitions each is a step of its own.
    /// </summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="moveId">The move.</param>
    /// <param name="lines">At most <see cref="Limits.MaxBatch"/> lines, each id once.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether the import is open for this move.</returns>
    Task<bool> WriteCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken);

    /// <summary>Reads what the lockers of a namespace of locks have done, also of one that is closed.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The counts.</returns>
    Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken);

    /// <summary>
    /// Switches a namespace from one phase of a move to the next: replaces both marks if they are as expected, and if a seal becomes
    /// <see cref="TransferPhase.Moved"/> only of a namespace that is empty. Counters in the wanted marks are added in the same step (see
    /// <see cref="TransferMarks.Counters"/>); a namespace that was moved away and is opened again counts anew.
    /// </summary>
    /// <param name="unit">The namespace.</param>
    /// <param name="expected">The marks as they were seen.</param>
    /// <param name="wanted">The marks as they are to be.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether they were replaced; if not, nothing was changed.</returns>
    Task<bool> SwitchAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken);

    /// <summary>Target: drops a piece of the journal, unless an import is open or closed.</summary>
    /// <param name="unit">The namespace.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether nothing (more) is to be dropped.</returns>
    Task<bool> DropJournalAsync(NamespaceRef unit, CancellationToken cancellationToken);

    /// <summary>
    /// Source: deletes events that have arrived, and reads the next: partition by partition first the records of schedules (see <see cref="TransferEvent"/>; their
    /// occurrences that are in flight and have not begun are scheduled again, with no retry spent), then those events that fall due first, then those whose lease ran
    /// out (as they would be after somebody took them back), then the dead letters. The order is the same at every call.
    /// </summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="moveId">The move under which it is closed.</param>
    /// <param name="arrived">The events to delete; those that are gone already are passed over.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Events; none if the namespace is empty.</returns>
    /// <exception cref="LatchworkStoreException">The namespace is not closed by this move.</exception>
    Task<IReadOnlyList<TransferEvent>> ReadEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken);

    /// <summary>Target: takes events in and notes them in the journal. If one of them is a <see cref="ImportOutcome.Conflict"/>, none of its partition is taken in.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="moveId">The move.</param>
    /// <param name="events">The events, each id once.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>An answer for each event.</returns>
    Task<IReadOnlyList<ImportOutcome>> WriteEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken);

    /// <summary>
    /// Source: deletes keys that have arrived, and reads about as many more. A lock whose lease ran out is ended in the same step, so that its
    /// former owner is refused from then on; one whose lease runs is returned as held, and stays. On Redis each key is a step of its own.
    /// </summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="moveId">The move under which it is closed.</param>
    /// <param name="arrived">The keys to delete; those that are gone already are passed over.</param>
    /// <param name="cursor">Null to begin, then the cursor of the page before.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Keys; there may be none and yet more to come.</returns>
    /// <exception cref="LatchworkStoreException">The namespace is not closed by this move.</exception>
    Task<TransferKeyPage> ReadKeysAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken);

    /// <summary>
    /// Target: takes keys in. A key whose highest fencing token here is as high or higher is <see cref="ImportOutcome.Known"/> and stays as it is,
    /// so no journal is needed; one that is locked here is a <see cref="ImportOutcome.Conflict"/>. Each key is a step of its own.
    /// </summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="moveId">The move.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>An answer for each key.</returns>
    Task<IReadOnlyList<ImportOutcome>> WriteKeysAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken);
}
