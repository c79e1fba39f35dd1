using Latchwork.Storage;

namespace Latchwork.Hosting;

/// <summary>The timer operations of a <see cref="ConnectingStore"/>: passed on immediately when the store is open, else when it is.</summary>
internal sealed class ConnectingTimerStore(ConnectingStore owner) : ITimerStore
{
    public IScheduleStore Schedules { get; } = new ConnectingScheduleStore(owner);

    public Task<int> OpenAsync(string ns, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.OpenAsync(ns, cancellationToken), cancellationToken);

    public Task<int?> FindAsync(string ns, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.FindAsync(ns, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.NamespacesAsync(cancellationToken), cancellationToken);

    public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.PostAsync(partition, entries, cancellationToken), cancellationToken);

    public Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.ClaimAsync(partition, request, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.ConfirmAsync(partition, deliveries, completed, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.ExtendAsync(partition, deliveries, lease, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.ReleaseAsync(partition, deliveries, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.FailAsync(partition, failures, deadLetters, cancellationToken), cancellationToken);

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.PeekAsync(partition, id, cancellationToken), cancellationToken);

    public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.CancelAsync(partition, id, revoke, cancellationToken), cancellationToken);

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.ChangeDelayAsync(partition, id, due, cancellationToken), cancellationToken);

    public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken), cancellationToken);

    public Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.InFlightAsync(partition, cursor, limit, cancellationToken), cancellationToken);

    public Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.DeadLettersAsync(partition, cursor, limit, cancellationToken), cancellationToken);

    public Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.CompletedAsync(partition, cursor, limit, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.RequeueAsync(partition, keys, due, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.PurgeAsync(partition, keys, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.GetNodesAsync(partition, cancellationToken), cancellationToken);

    public Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.GetStatsAsync(partition, cancellationToken), cancellationToken);

    public Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.PauseAsync(partition, request, cancellationToken), cancellationToken);

    public Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.ResumeAsync(partition, cancellationToken), cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.SubscribeAsync(ns, nodeId, notify, cancellationToken), cancellationToken);

    public Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Timers.LeaveAsync(partition, nodeId, cancellationToken), cancellationToken);
}
