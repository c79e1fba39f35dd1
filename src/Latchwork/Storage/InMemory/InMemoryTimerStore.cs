using System.Collections.Concurrent;

namespace Latchwork.Storage.InMemory;

/// <summary>Timers in memory. Every operation completes immediately, on the caller's thread.</summary>
internal sealed class InMemoryTimerStore : ITimerStore
{
    private readonly TimeProvider _timeProvider;
    private readonly ConcurrentDictionary<string, bool> _namespaces = new();
    private readonly ConcurrentDictionary<TimerPartition, InMemoryPartition> _partitions = new();
    private readonly NotificationHub _notifications = new();
    private volatile bool _closed;

    public InMemoryTimerStore(TimeProvider timeProvider)
    {
        _timeProvider = timeProvider;
        Schedules = new InMemoryScheduleStore(this);
    }

    public IScheduleStore Schedules { get; }

    public void Close()
    {
        _closed = true;
        _notifications.Clear();
        _partitions.Clear();
    }

    public Task<int> OpenAsync(string ns, CancellationToken cancellationToken) => Run(
        () =>
        {
            _namespaces.TryAdd(ns, true);
            return 1;
        },
        cancellationToken);

    public Task<int?> FindAsync(string ns, CancellationToken cancellationToken) =>
        Run<int?>(() => _namespaces.ContainsKey(ns) ? 1 : null, cancellationToken);

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        Run<IReadOnlyList<string>>(() => [.. _namespaces.Keys.Order(StringComparer.Ordinal)], cancellationToken);

    public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        Run(partition, p => p.Post(entries), cancellationToken);

    public Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        Run(partition, p => p.Claim(request), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        Run(partition, p => p.Confirm(deliveries, completed), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        Run(partition, p => p.Extend(deliveries, lease), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        Run(partition, p => p.Release(deliveries), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        Run(partition, p => p.Fail(failures, deadLetters), cancellationToken);

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        Run(partition, p => p.Peek(id), cancellationToken);

    public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        Run(partition, p => p.Cancel(id, revoke), cancellationToken);

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        Run(partition, p => p.ChangeDelay(id, due), cancellationToken);

    public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        Run(partition, p => p.Upcoming(offset, duration, cursor, limit), cancellationToken);

    public Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Run(partition, p => p.InFlight(cursor, limit), cancellationToken);

    public Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Run(partition, p => p.DeadLetters(cursor, limit), cancellationToken);

    public Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Run(partition, p => p.Completed(cursor, limit), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
        Run(partition, p => p.Requeue(keys, due), cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
        Run(partition, p => p.Purge(keys), cancellationToken);

    public Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Run(partition, p => p.Nodes(), cancellationToken);

    public Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Run(partition, p => p.Stats(), cancellationToken);

    public Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken) =>
        Run(partition, p => p.Pause(request), cancellationToken);

    public Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Run(partition, p => p.Resume(), cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken) =>
        Run(() => _notifications.Subscribe(ns, nodeId, notify), cancellationToken);

    public Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        Run(
            partition,
            p =>
            {
                p.Leave(nodeId);
                return true;
            },
            cancellationToken);

    /// <summary>Does something with a partition.</summary>
    internal Task<T> Run<T>(TimerPartition partition, Func<InMemoryPartition, T> operation, CancellationToken cancellationToken) =>
        Run(() => operation(_partitions.GetOrAdd(partition, static (key, store) => store.Create(key), this)), cancellationToken);

    private Task<T> Run<T>(Func<T> operation, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<T>(cancellationToken);
        if (_closed) return Task.FromException<T>(new ObjectDisposedException(nameof(InMemoryStore)));
        try
        {
            return Task.FromResult(operation());
        }
        catch (ArgumentException e)
        {
            return Task.FromException<T>(e);
        }
    }

    private InMemoryPartition Create(TimerPartition partition) => new(partition, _timeProvider, _notifications);
}
