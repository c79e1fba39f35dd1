using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>
/// What the timer engine needs of a store. Every method is one atomic step on one partition, decided by the store's own clock; none takes
/// a <c>now</c>. Arguments were checked by the engine; a store checks only the bounds that protect it.
/// </summary>
/// <remarks>
/// A method throws <see cref="LatchworkStoreException"/> when the store cannot answer, and says whether the outcome is known. Answers that
/// belong to normal life are return values. Batches hold at most <see cref="Limits.MaxBatch"/> elements and, beyond a single element,
/// <see cref="Limits.MaxBatchBytes"/> bytes of payload; their answers have the order of their elements, and elements take effect in that order.
/// </remarks>
[Experimental("LATCHWORK001")]
public interface ITimerStore
{
    /// <summary>Prepares a namespace: records it and its layout when first used, else checks that this client can work with it.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>Its number of partitions.</returns>
    /// <exception cref="LatchworkStoreException">The namespace has a format or a number of partitions that this client cannot work with; both are named.</exception>
    Task<int> OpenAsync(string ns, CancellationToken cancellationToken);

    /// <summary>Looks a namespace up for those who only look: nothing is written. One that was moved away is refused, as by every other operation.</summary>
    /// <remarks>Unless a store does it better, it is looked for in the list of all, and opened if it is there.</remarks>
    /// <param name="ns">The namespace.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>Its number of partitions; null if it was never used.</returns>
    /// <exception cref="LatchworkStoreException">The namespace has a format or a number of partitions that this client cannot work with; both are named.</exception>
    async Task<int?> FindAsync(string ns, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> namespaces = await NamespacesAsync(cancellationToken).ConfigureAwait(false);
        return namespaces.Contains(ns) ? await OpenAsync(ns, cancellationToken).ConfigureAwait(false) : null;
    }

    /// <summary>Recurring schedules; null if this store keeps none. A store that passes operations on to another passes this on, too.</summary>
    IScheduleStore? Schedules => null;

    /// <summary>Lists the namespaces that were ever used and not forgotten, in ordinal order.</summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The namespaces.</returns>
    Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken);

    /// <summary>Schedules events. An earlier head notifies two listening nodes.</summary>
    /// <param name="partition">The partition to which all the ids belong.</param>
    /// <param name="entries">The events; the same id may come twice.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>An answer for each event.</returns>
    Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken);

    /// <summary>
    /// Takes back events whose lease ran out (a retry is spent, or they are dead-lettered), then moves due events in flight, and says when to ask again. Due events are taken
    /// in order of due time, then id; in a backlog (see <see cref="ClaimRequest.BacklogAge"/>) from both ends in turn. The bound of bytes cuts what was so chosen,
    /// and so does the first event that is one too many of those with no retry left (see <see cref="ClaimRequest.MaxLastAttempts"/>).
    /// Also the node's sign of life: it is listed, woken and given poll slots from its first claim until it leaves or misses its poll slot.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="request">The node's request.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The events and the time to ask again.</returns>
    Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Ends deliveries for good: the events are gone. In the same step their lines of the history are written, one an id (the last completion stands), and what
    /// exceeds the limits goes: at most <see cref="Limits.MaxBatch"/> lines, the oldest first. Never refused at a memory limit. An expired lease that nobody took over is still good.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="deliveries">The deliveries.</param>
    /// <param name="completed">What to keep of the completed events. With a retention of zero nothing is written, and nothing goes.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/> for each.</returns>
    Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken);

    /// <summary>
    /// Makes leases last <paramref name="lease"/> from now on (never shorter than they are). An expired lease that nobody took over is still good.
    /// Must complete without a free thread of the pool.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="deliveries">The deliveries.</param>
    /// <param name="lease">The lease from now on.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>
    /// <see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/> for each; or <see cref="TimerOutcome.InFlight"/>: a transaction
    /// of the application holds the event at the moment, so that the lease is neither extended nor lost, and is to be tried again.
    /// </returns>
    Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Hands deliveries back: the events are scheduled again at their former due time, no retry is spent, and a free node is woken.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="deliveries">The deliveries.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/> for each.</returns>
    Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken);

    /// <summary>
    /// Ends deliveries that failed: each event is scheduled again with one retry spent, or is dead-lettered. Those that were interrupted are handed
    /// back (see <see cref="TimerFailure.IsInterruption"/>).
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="failures">The failures.</param>
    /// <param name="deadLetters">What to keep of the dead letters.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns><see cref="TimerOutcome.Done"/> (will be retried), <see cref="TimerOutcome.DeadLettered"/> (it was dead-lettered), <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/> for each.</returns>
    Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken);

    /// <summary>Looks at an event. Of an id that is in no state its line of the history is shown, if there is one.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="id">The event's id.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The event, or null if it is unknown.</returns>
    Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken);

    /// <summary>Removes a scheduled event, purges a dead letter, and with <paramref name="revoke"/> takes one in flight from its node, which is notified.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="id">The event's id.</param>
    /// <param name="revoke">Whether to remove the event even in flight.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.NotFound"/> or <see cref="TimerOutcome.InFlight"/>.</returns>
    Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken);

    /// <summary>Gives a scheduled event another due time.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="id">The event's id.</param>
    /// <param name="due">Its new due time.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, or why nothing was changed.</returns>
    Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken);

    /// <summary>Lists scheduled events in order of due time, then id (by bytes). An event that stays scheduled at its time while all pages are read appears exactly once.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="offset">Start with what is due this long from now; null: from the earliest, overdue included.</param>
    /// <param name="duration">The length of the window from there (from now, when there is no offset; overdue events are before it and included); null: to the end.</param>
    /// <param name="cursor">Null for the first page, then the cursor of the page before (which keeps the window of the first).</param>
    /// <param name="limit">The most events on the page: 1 to <see cref="Limits.MaxBatch"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>A page.</returns>
    Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Lists what is in flight, those first whose lease ends first. Whatever is in flight at the first page and stays so is listed; whose lease is extended
    /// between two pages may come again. What is claimed after the first page is left out.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cursor">Null for the first page, then the cursor of the page before.</param>
    /// <param name="limit">The most events that are looked at for the page: 1 to <see cref="Limits.MaxBatch"/>. There may be fewer on it, and yet more to come.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>A page.</returns>
    Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken);

    /// <summary>Lists dead letters, the oldest first.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cursor">Null for the first page, then the cursor of the page before.</param>
    /// <param name="limit">The most events on the page: 1 to <see cref="Limits.MaxBatch"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>A page.</returns>
    Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken);

    /// <summary>Lists completed events, the last first (those of the same millisecond by id, backwards). A line that is written while pages are read may be left out; no id comes twice.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cursor">Null for the first page, then the cursor of the page before.</param>
    /// <param name="limit">The most lines on the page: 1 to <see cref="Limits.MaxBatch"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>A page.</returns>
    Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken);

    /// <summary>Schedules dead letters again, with no retry spent, no interruption counted, and their failures kept.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="keys">The dead letters that are meant.</param>
    /// <param name="due">When they are due.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/> or <see cref="TimerOutcome.NotFound"/> for each.</returns>
    Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken);

    /// <summary>Deletes dead letters for good.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="keys">The dead letters that are meant.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="TimerOutcome.Done"/> or <see cref="TimerOutcome.NotFound"/> for each.</returns>
    Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken);

    /// <summary>Lists the nodes that listen, and those that fell silent in the last hour.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The nodes, by id.</returns>
    Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken);

    /// <summary>
    /// Counts by state, reads the age of the oldest overdue event, and the counters (see <see cref="TimerCounters"/>), at a cost that does not grow with their number. The
    /// counters are kept by the operations themselves: a claim counts what it delivers and takes back, and so on; none of them costs a round trip or a statement more.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The counts.</returns>
    Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken);

    /// <summary>
    /// Pauses a partition. From now on claims take nothing: they answer who paused it (<see cref="TimerClaim.Pause"/>) and the node's poll slot, and nobody is
    /// woken for what is due. Everything else is served as before; claims still take back events whose lease ran out. The listening nodes are notified
    /// (<see cref="WakeNotificationKind.Paused"/>). A claim that is repeated with its token gives what it gave before. Never refused at a memory limit.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="request">Who pauses it, and why.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>The pause in force: of a partition that was paused already the one before, unless <see cref="PauseRequest.Since"/> is given.</returns>
    Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken);

    /// <summary>Ends the pause of a partition, and wakes listeners for what is due. Never refused at a memory limit.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>The pause that was ended; null if the partition was not paused.</returns>
    Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken);

    /// <summary>Subscribes to the notifications of one node in one namespace. Completes when the store is known to have accepted; call it before the first claim.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="nodeId">The node.</param>
    /// <param name="notify">Called for each notification, one at a time, on a thread of the store: it must return immediately and must not throw.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>Ends the subscription when disposed.</returns>
    Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken);

    /// <summary>Takes a node off the list: it is woken no more, and if it was the one to claim next, another is woken.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="nodeId">The node.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>A task that ends when it is done.</returns>
    Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken);
}
