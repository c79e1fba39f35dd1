using Latchwork.Storage;

namespace Latchwork.Faults.History;

/// <summary>
/// Records what the engines ask of a store by themselves: claims, confirmations, extensions, failures, hand-backs, and every call on a lock.
/// Workers give it to their timers and lockers in the place of the store; what they ask through the API, they record themselves.
/// </summary>
/// <param name="inner">The store. It is disposed with this one.</param>
/// <param name="history">Where.</param>
public sealed class RecordingStore(LatchworkStore inner, HistoryWriter history) : LatchworkStore
{
    /// <inheritdoc/>
    public override ITimerStore Timers { get; } = new RecordingTimerStore(inner.Timers, history);

    /// <inheritdoc/>
    public override ILockerStore Locks { get; } = new RecordingLockerStore(inner.Locks, history);

    /// <inheritdoc/>
    public override ITimerTransactions? TimerTransactions => inner.TimerTransactions; // who has the transaction records what becomes of it

    /// <inheritdoc/>
    public override string Description => inner.Description;

    /// <inheritdoc/>
    public override IStoreMaintenance? Maintenance => inner.Maintenance;

    /// <inheritdoc/>
    public override long Reconnects => inner.Reconnects;

    /// <inheritdoc/>
    public override Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default) => inner.CheckAsync(cancellationToken);

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => inner.DisposeAsync();
}
