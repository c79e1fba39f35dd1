using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>
/// Timer operations as a part of a transaction of the application, on its connection. None commits, rolls back, or opens another connection, and none
/// locks anything but the events that it names. What they answer holds if the transaction is committed.
/// </summary>
/// <remarks>A method throws <see cref="LatchworkStoreException"/> when the store cannot answer or refuses. The transaction is aborted then, as after any error.</remarks>
[Experimental("LATCHWORK001")]
public interface ITimerTransactions
{
    /// <summary>Schedules events. Listeners are notified by the commit.</summary>
    /// <param name="transaction">The application's transaction.</param>
    /// <param name="partition">The partition to which all the ids belong.</param>
    /// <param name="entries">The events: at most <see cref="Limits.MaxBatch"/>; the same id may come twice.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>An answer for each event.</returns>
    Task<IReadOnlyList<PostOutcome>> PostAsync(DbTransaction transaction, TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken);

    /// <summary>Removes a scheduled event, purges a dead letter, and with <paramref name="revoke"/> takes one in flight from its node, which is notified by the commit.</summary>
    /// <param name="transaction">The application's transaction.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="id">The event's id.</param>
    /// <param name="revoke">Whether to remove the event even in flight.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.NotFound"/> or <see cref="TimerOutcome.InFlight"/>.</returns>
    Task<TimerOutcome> CancelAsync(DbTransaction transaction, TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken);

    /// <summary>Gives a scheduled event another due time.</summary>
    /// <param name="transaction">The application's transaction.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="id">The event's id.</param>
    /// <param name="due">Its new due time.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, or why nothing was changed.</returns>
    Task<TimerOutcome> ChangeDelayAsync(DbTransaction transaction, TimerPartition partition, string id, Due due, CancellationToken cancellationToken);

    /// <summary>Ends a delivery for good. While the transaction is open, nobody else can take the event, even after the end of its lease.</summary>
    /// <param name="transaction">The application's transaction.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="delivery">The delivery.</param>
    /// <param name="completed">What to keep of completed events: its line is written with the transaction. What exceeds the limits goes with a later step.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns><see cref="TimerOutcome.Done"/>, <see cref="TimerOutcome.Stale"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    Task<TimerOutcome> ConfirmAsync(DbTransaction transaction, TimerPartition partition, DeliveryKey delivery, CompletedLimits completed, CancellationToken cancellationToken);
}
