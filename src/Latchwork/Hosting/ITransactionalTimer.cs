namespace Latchwork;

/// <summary>
/// The timers of one kind of event in a transaction of the application: what is done here is committed with the transaction, or not at all. See
/// <see cref="IDistributedTimer{TEvent}.WithTransaction"/> and <see cref="TransactionalTimer"/>.
/// </summary>
/// <typeparam name="TEvent">The kind of event.</typeparam>
public interface ITransactionalTimer<TEvent>
{
    /// <summary>Posts an event.</summary>
    /// <param name="value">The event.</param>
    /// <param name="due">When it is due. A delay counts from this call, not from the commit.</param>
    /// <param name="options">Id, retries, headers; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>The id, and what the post does if the transaction is committed.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    Task<PostResult> PostAsync(TEvent value, Due due, PostOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Posts many events, in the order of their ids.</summary>
    /// <param name="posts">The events. Of those with the same id the last one stands.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>A result for each event, in the order of <paramref name="posts"/>.</returns>
    /// <exception cref="ArgumentException">An event is out of its bounds; nothing was sent.</exception>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    Task<IReadOnlyList<PostResult>> PostAsync(IReadOnlyList<TimerPost<TEvent>> posts, CancellationToken cancellationToken = default);

    /// <summary>Removes a scheduled event, or purges a dead letter.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="revoke">Whether to remove the event even in flight: its handler's token fires after the commit. Default: false.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.NotFound"/> or <see cref="TimerOutcome.InFlight"/>.</returns>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    Task<TimerOutcome> CancelAsync(string id, bool revoke = false, CancellationToken cancellationToken = default);

    /// <summary>Gives a scheduled event another due time.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="due">Its new due time. A delay counts from this call, not from the commit.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, or why nothing is changed: <see cref="TimerOutcome.NotFound"/>, <see cref="TimerOutcome.InFlight"/>, <see cref="TimerOutcome.DeadLettered"/>.</returns>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    Task<TimerOutcome> ChangeDelayAsync(string id, Due due, CancellationToken cancellationToken = default);
}
