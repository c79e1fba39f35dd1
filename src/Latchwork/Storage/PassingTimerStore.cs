namespace Latchwork.Storage;

/// <summary>Passes every operation on to another store: for stores that do something besides at some of them.</summary>
/// <param name="inner">The other store.</param>
internal abstract class PassingTimerStore(ITimerStore inner) : ITimerStore
{
    public virtual IScheduleStore? Schedules => inner.Schedules;

    public virtual Task<int> OpenAsync(string ns, CancellationToken cancellationToken) =>
        inner.OpenAsync(ns, cancellationToken);

    public virtual Task<int?> FindAsync(string ns, CancellationToken cancellationToken) =>
        inner.FindAsync(ns, cancellationToken);

    public virtual Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        inner.NamespacesAsync(cancellationToken);

    public virtual Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        inner.PostAsync(partition, entries, cancellationToken);

    public virtual Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        inner.ClaimAsync(partition, request, cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        inner.ConfirmAsync(partition, deliveries, completed, cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        inner.ExtendAsync(partition, deliveries, lease, cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        inner.ReleaseAsync(partition, deliveries, cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        inner.FailAsync(partition, failures, deadLetters, cancellationToken);

    public virtual Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        inner.PeekAsync(partition, id, cancellationToken);

    public virtual Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        inner.CancelAsync(partition, id, revoke, cancellationToken);

    public virtual Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        inner.ChangeDelayAsync(partition, id, due, cancellationToken);

    public virtual Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken);

    public virtual Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.InFlightAsync(partition, cursor, limit, cancellationToken);

    public virtual Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.DeadLettersAsync(partition, cursor, limit, cancellationToken);

    public virtual Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.CompletedAsync(partition, cursor, limit, cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
        inner.RequeueAsync(partition, keys, due, cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
        inner.PurgeAsync(partition, keys, cancellationToken);

    public virtual Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        inner.GetNodesAsync(partition, cancellationToken);

    public virtual Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        inner.GetStatsAsync(partition, cancellationToken);

    public virtual Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken) =>
        inner.PauseAsync(partition, request, cancellationToken);

    public virtual Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        inner.ResumeAsync(partition, cancellationToken);

    public virtual Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken) =>
        inner.SubscribeAsync(ns, nodeId, notify, cancellationToken);

    public virtual Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        inner.LeaveAsync(partition, nodeId, cancellationToken);
}
