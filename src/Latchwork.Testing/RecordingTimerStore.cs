using Latchwork.Storage;

namespace Latchwork.Testing;

/// <summary>Notes what is posted; everything else passes through.</summary>
internal sealed class RecordingTimerStore(ITimerStore inner, TestJournal journal) : ITimerStore
{
    public Task<int> OpenAsync(string ns, CancellationToken cancellationToken) =>
        inner.OpenAsync(ns, cancellationToken);

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        inner.NamespacesAsync(cancellationToken);

    public async Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken)
    {
        IReadOnlyList<PostOutcome> answer = await inner.PostAsync(partition, entries, cancellationToken).ConfigureAwait(false);
        journal.Posted(partition.Namespace, entries, answer);
        return answer;
    }

    public Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        inner.ClaimAsync(partition, request, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        inner.ConfirmAsync(partition, deliveries, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        inner.ExtendAsync(partition, deliveries, lease, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        inner.ReleaseAsync(partition, deliveries, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        inner.FailAsync(partition, failures, deadLetters, cancellationToken);

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        inner.PeekAsync(partition, id, cancellationToken);

    public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        inner.CancelAsync(partition, id, revoke, cancellationToken);

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        inner.ChangeDelayAsync(partition, id, due, cancellationToken);

    public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken);

    public Task<TimerPage> DeadAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.DeadAsync(partition, cursor, limit, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadKey> keys, Due due, CancellationToken cancellationToken) =>
        inner.RequeueAsync(partition, keys, due, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadKey> keys, CancellationToken cancellationToken) =>
        inner.PurgeAsync(partition, keys, cancellationToken);

    public Task<IReadOnlyList<TimerNode>> NodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        inner.NodesAsync(partition, cancellationToken);

    public Task<TimerStats> StatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        inner.StatsAsync(partition, cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<TimerBell> ring, CancellationToken cancellationToken) =>
        inner.SubscribeAsync(ns, nodeId, ring, cancellationToken);

    public Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        inner.LeaveAsync(partition, nodeId, cancellationToken);
}
