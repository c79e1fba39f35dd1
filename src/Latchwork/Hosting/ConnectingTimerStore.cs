using Latchwork.Storage;

namespace Latchwork.Hosting;

/// <summary>The timer operations of a <see cref="ConnectingStore"/>: passed on at once when the store is open, else when it is.</summary>
internal sealed class ConnectingTimerStore(ConnectingStore owner) : ITimerStore
{
    private ITimerStore? Open => owner.Store?.Timers;

    public Task<int> OpenAsync(string ns, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.OpenAsync(ns, cancellationToken)
            : WaitAsync(store => store.OpenAsync(ns, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        Open is { } open
            ? open.NamespacesAsync(cancellationToken)
            : WaitAsync(store => store.NamespacesAsync(cancellationToken), cancellationToken);

    public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.PostAsync(partition, entries, cancellationToken)
            : WaitAsync(store => store.PostAsync(partition, entries, cancellationToken), cancellationToken);

    public Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.ClaimAsync(partition, request, cancellationToken)
            : WaitAsync(store => store.ClaimAsync(partition, request, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.ConfirmAsync(partition, deliveries, cancellationToken)
            : WaitAsync(store => store.ConfirmAsync(partition, deliveries, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.ExtendAsync(partition, deliveries, lease, cancellationToken)
            : WaitAsync(store => store.ExtendAsync(partition, deliveries, lease, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.ReleaseAsync(partition, deliveries, cancellationToken)
            : WaitAsync(store => store.ReleaseAsync(partition, deliveries, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.FailAsync(partition, failures, deadLetters, cancellationToken)
            : WaitAsync(store => store.FailAsync(partition, failures, deadLetters, cancellationToken), cancellationToken);

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.PeekAsync(partition, id, cancellationToken)
            : WaitAsync(store => store.PeekAsync(partition, id, cancellationToken), cancellationToken);

    public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.CancelAsync(partition, id, revoke, cancellationToken)
            : WaitAsync(store => store.CancelAsync(partition, id, revoke, cancellationToken), cancellationToken);

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.ChangeDelayAsync(partition, id, due, cancellationToken)
            : WaitAsync(store => store.ChangeDelayAsync(partition, id, due, cancellationToken), cancellationToken);

    public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken)
            : WaitAsync(store => store.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken), cancellationToken);

    public Task<TimerPage> DeadAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.DeadAsync(partition, cursor, limit, cancellationToken)
            : WaitAsync(store => store.DeadAsync(partition, cursor, limit, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadKey> keys, Due due, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.RequeueAsync(partition, keys, due, cancellationToken)
            : WaitAsync(store => store.RequeueAsync(partition, keys, due, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadKey> keys, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.PurgeAsync(partition, keys, cancellationToken)
            : WaitAsync(store => store.PurgeAsync(partition, keys, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerNode>> NodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.NodesAsync(partition, cancellationToken)
            : WaitAsync(store => store.NodesAsync(partition, cancellationToken), cancellationToken);

    public Task<TimerStats> StatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.StatsAsync(partition, cancellationToken)
            : WaitAsync(store => store.StatsAsync(partition, cancellationToken), cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<TimerBell> ring, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.SubscribeAsync(ns, nodeId, ring, cancellationToken)
            : WaitAsync(store => store.SubscribeAsync(ns, nodeId, ring, cancellationToken), cancellationToken);

    public Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.LeaveAsync(partition, nodeId, cancellationToken)
            : WaitAsync(store => store.LeaveAsync(partition, nodeId, cancellationToken), cancellationToken);

    private async Task<T> WaitAsync<T>(Func<ITimerStore, Task<T>> call, CancellationToken cancellationToken)
    {
        LatchworkStore store = await owner.GetAsync(cancellationToken).ConfigureAwait(false);
        return await call(store.Timers).ConfigureAwait(false);
    }

    private async Task WaitAsync(Func<ITimerStore, Task> call, CancellationToken cancellationToken)
    {
        LatchworkStore store = await owner.GetAsync(cancellationToken).ConfigureAwait(false);
        await call(store.Timers).ConfigureAwait(false);
    }
}
