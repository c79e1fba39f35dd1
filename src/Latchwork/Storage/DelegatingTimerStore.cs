namespace Latchwork.Storage;

/// <summary>Passes the operations of a timer store on, each through <see cref="PassAsync"/>: for stores that do something around all of them, or besides at some.</summary>
internal abstract class DelegatingTimerStore : ITimerStore
{
    public abstract IScheduleStore? Schedules { get; }

    public virtual Task<int> OpenAsync(string ns, CancellationToken cancellationToken) =>
        PassAsync("open", ns, static (s, a, token) => s.OpenAsync(a, token), cancellationToken);

    public virtual Task<int?> FindAsync(string ns, CancellationToken cancellationToken) =>
        PassAsync("find", ns, static (s, a, token) => s.FindAsync(a, token), cancellationToken);

    public virtual Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        PassAsync("namespaces", 0, static (s, a, token) => s.NamespacesAsync(token), cancellationToken);

    public virtual Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        PassAsync("post", (partition, entries), static (s, a, token) => s.PostAsync(a.partition, a.entries, token), cancellationToken);

    public virtual Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        PassAsync("claim", (partition, request), static (s, a, token) => s.ClaimAsync(a.partition, a.request, token), cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        PassAsync("confirm", (partition, deliveries, completed), static (s, a, token) => s.ConfirmAsync(a.partition, a.deliveries, a.completed, token), cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        PassAsync("extend", (partition, deliveries, lease), static (s, a, token) => s.ExtendAsync(a.partition, a.deliveries, a.lease, token), cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        PassAsync("release", (partition, deliveries), static (s, a, token) => s.ReleaseAsync(a.partition, a.deliveries, token), cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        PassAsync("fail", (partition, failures, deadLetters), static (s, a, token) => s.FailAsync(a.partition, a.failures, a.deadLetters, token), cancellationToken);

    public virtual Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        PassAsync("peek", (partition, id), static (s, a, token) => s.PeekAsync(a.partition, a.id, token), cancellationToken);

    public virtual Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        PassAsync("cancel", (partition, id, revoke), static (s, a, token) => s.CancelAsync(a.partition, a.id, a.revoke, token), cancellationToken);

    public virtual Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        PassAsync("change_delay", (partition, id, due), static (s, a, token) => s.ChangeDelayAsync(a.partition, a.id, a.due, token), cancellationToken);

    public virtual Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        PassAsync("upcoming", (partition, offset, duration, cursor, limit), static (s, a, token) => s.UpcomingAsync(a.partition, a.offset, a.duration, a.cursor, a.limit, token), cancellationToken);

    public virtual Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        PassAsync("in_flight", (partition, cursor, limit), static (s, a, token) => s.InFlightAsync(a.partition, a.cursor, a.limit, token), cancellationToken);

    public virtual Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        PassAsync("dead", (partition, cursor, limit), static (s, a, token) => s.DeadLettersAsync(a.partition, a.cursor, a.limit, token), cancellationToken);

    public virtual Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        PassAsync("completed", (partition, cursor, limit), static (s, a, token) => s.CompletedAsync(a.partition, a.cursor, a.limit, token), cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
        PassAsync("requeue", (partition, keys, due), static (s, a, token) => s.RequeueAsync(a.partition, a.keys, a.due, token), cancellationToken);

    public virtual Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
        PassAsync("purge", (partition, keys), static (s, a, token) => s.PurgeAsync(a.partition, a.keys, token), cancellationToken);

    public virtual Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        PassAsync("nodes", partition, static (s, a, token) => s.GetNodesAsync(a, token), cancellationToken);

    public virtual Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        PassAsync("stats", partition, static (s, a, token) => s.GetStatsAsync(a, token), cancellationToken);

    public virtual Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken) =>
        PassAsync("pause", (partition, request), static (s, a, token) => s.PauseAsync(a.partition, a.request, token), cancellationToken);

    public virtual Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        PassAsync("resume", partition, static (s, a, token) => s.ResumeAsync(a, token), cancellationToken);

    public virtual Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken) =>
        PassAsync("subscribe", (ns, nodeId, notify), static (s, a, token) => s.SubscribeAsync(a.ns, a.nodeId, a.notify, token), cancellationToken);

    public virtual Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        PassAsync("leave", (partition, nodeId), static (s, a, token) => DoneAsync(s.LeaveAsync(a.partition, a.nodeId, token)), cancellationToken);

    /// <summary>Passes one operation on.</summary>
    /// <param name="operation">Its name, as in metrics.</param>
    /// <param name="args">Its arguments.</param>
    /// <param name="call">Calls it on a store.</param>
    /// <param name="cancellationToken">The token of the call.</param>
    protected abstract Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<ITimerStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken);

    private static async Task<bool> DoneAsync(Task operation)
    {
        await operation.ConfigureAwait(false);
        return true;
    }
}
