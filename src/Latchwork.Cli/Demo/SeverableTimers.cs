using Latchwork.Storage;

namespace Latchwork.Cli.Demo;

/// <summary>The timer operations of a <see cref="SeverableStore"/>.</summary>
internal sealed class SeverableTimers : ITimerStore
{
    private readonly ITimerStore _inner;
    private readonly Plug _plug;

    public SeverableTimers(ITimerStore inner, Plug plug)
    {
        _inner = inner;
        _plug = plug;
    }

    public Task<int> OpenAsync(string ns, CancellationToken cancellationToken) => _plug.GuardAsync(() => _inner.OpenAsync(ns, cancellationToken));

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.NamespacesAsync(cancellationToken));

    public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.PostAsync(partition, entries, cancellationToken));

    public Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.ClaimAsync(partition, request, cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.ConfirmAsync(partition, deliveries, cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(
        TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.ExtendAsync(partition, deliveries, lease, cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.ReleaseAsync(partition, deliveries, cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(
        TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.FailAsync(partition, failures, deadLetters, cancellationToken));

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.PeekAsync(partition, id, cancellationToken));

    public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.CancelAsync(partition, id, revoke, cancellationToken));

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.ChangeDelayAsync(partition, id, due, cancellationToken));

    public Task<TimerPage> UpcomingAsync(
        TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken));

    public Task<TimerPage> DeadAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.DeadAsync(partition, cursor, limit, cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(
        TimerPartition partition, IReadOnlyList<DeadKey> keys, Due due, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.RequeueAsync(partition, keys, due, cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadKey> keys, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.PurgeAsync(partition, keys, cancellationToken));

    public Task<IReadOnlyList<TimerNode>> NodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.NodesAsync(partition, cancellationToken));

    public Task<TimerStats> StatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.StatsAsync(partition, cancellationToken));

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<TimerBell> ring, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.SubscribeAsync(ns, nodeId, _plug.Guard(ring), cancellationToken));

    public Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.LeaveAsync(partition, nodeId, cancellationToken));
}
