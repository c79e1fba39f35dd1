using System.Collections.Concurrent;
using Latchwork.Storage;
using Latchwork.StoreConformance.Locking;

namespace Latchwork.StoreConformance.Engine;

/// <summary>The shapes in which an operation of a store can fail.</summary>
public enum Fault
{
    /// <summary>Throws before it returns a task. Nothing happened.</summary>
    ThrowsAtOnce,

    /// <summary>Returns a task that has failed. Nothing happened.</summary>
    FailedTask,

    /// <summary>Fails after a while. Nothing happened.</summary>
    FailsLater,

    /// <summary>It was done, but the reply is lost: the outcome is unknown.</summary>
    ReplyLost,

    /// <summary>It was not done, but nobody knows: the outcome is unknown.</summary>
    RequestLost,
}

/// <summary>A store whose operations fail, wait, or lose notifications when a test says so.</summary>
public sealed class FaultyStore(LatchworkStore inner) : LatchworkStore
{
    private readonly InstrumentedLockerStore _locks = new(inner.Locks);

    /// <summary>The operations, by the names of the contract.</summary>
    public FaultyTimerStore Faults { get; } = new(inner.Timers);

    /// <summary>The store itself, for what a test does without faults.</summary>
    public LatchworkStore Inner => inner;

    public override ITimerStore Timers => Faults;

    public override ILockerStore Locks => _locks;

    /// <summary>How many requests for keys were sent.</summary>
    public int LockRequests => _locks.Requests;

    /// <summary>Called with each namespace of keys that is opened before the store gets it: it may fail, or take its time.</summary>
    public Func<string, Task>? BeforeLockOpen
    {
        get => _locks.BeforeOpen;
        set => _locks.BeforeOpen = value;
    }

    /// <summary>Called with each request for a key before the store gets it: it may fail, or take its time.</summary>
    public Func<LockerRequest, Task>? BeforeLockRequest
    {
        get => _locks.BeforeRequest;
        set => _locks.BeforeRequest = value;
    }

    /// <summary>Called with the nonce of each release of a key before the store gets it: it may fail, or take its time.</summary>
    public Func<string, Task>? BeforeLockRelease
    {
        get => _locks.BeforeRelease;
        set => _locks.BeforeRelease = value;
    }

    public override ITimerTransactions? TimerTransactions => inner.TimerTransactions;

    public override string Description => inner.Description;

    public override ValueTask DisposeAsync() => inner.DisposeAsync();
}

/// <summary>The operations of a <see cref="FaultyStore"/>.</summary>
public sealed class FaultyTimerStore(ITimerStore inner) : ITimerStore
{
    private readonly ConcurrentDictionary<string, ConcurrentQueue<Fault>> _faults = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _holds = new();
    private readonly ConcurrentDictionary<string, int> _calls = new();
    private readonly ConcurrentDictionary<string, Fault> _always = new();

    private readonly ConcurrentQueue<WakeNotification> _heard = new();
    private readonly QuietGate _quiet = new();

    /// <summary>How many notifications of a kind the timers have received.</summary>
    public int NotificationsReceived(WakeNotificationKind kind) => _heard.Count(notification => notification.Kind == kind);

    /// <summary>Whether notifications are lost.</summary>
    public bool DropNotifications { get; set; }

    /// <summary>If set, the number of partitions that the store pretends to have.</summary>
    public int? Partitions { get; set; }

    /// <summary>Called with the arguments of each claim, as it is sent.</summary>
    public Action<ClaimRequest>? OnClaim { get; set; }

    /// <summary>Called after the store has answered a claim, before the engine hears of it.</summary>
    public Func<TimerPartition, TimerClaim, Task>? AfterClaim { get; set; }

    /// <summary>Called with the partition before it is paused or resumed.</summary>
    public Func<TimerPartition, Task>? BeforePause { get; set; }

    /// <summary>Called with the name of each operation, after the store has answered it.</summary>
    public Action<string>? Answered { get; set; }

    /// <summary>Called with the name of each operation, after the store has answered it and before the engine hears of it.</summary>
    public Func<string, Task>? AfterAnswer { get; set; }

    /// <summary>Every claim that was sent.</summary>
    public ConcurrentQueue<ClaimRequest> Claims { get; } = new();

    /// <summary>Every answer of the store to a claim.</summary>
    public ConcurrentQueue<TimerClaim> Answers { get; } = new();

    /// <summary>Lets the next calls of an operation fail.</summary>
    public void Fail(string operation, params Fault[] faults)
    {
        foreach (Fault fault in faults) _faults.GetOrAdd(operation, _ => new()).Enqueue(fault);
    }

    /// <summary>Lets every call of an operation fail until told otherwise.</summary>
    public void FailAlways(string operation, Fault? fault)
    {
        if (fault is { } given) _always[operation] = given;
        else _always.TryRemove(operation, out _);
    }

    /// <summary>Holds the replies of an operation back until the returned source is completed.</summary>
    public TaskCompletionSource Hold(string operation) => _holds[operation] = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Like <see cref="Hold"/>, but what waits continues on the thread that completes the source.</summary>
    public TaskCompletionSource HoldInline(string operation) => _holds[operation] = new();

    /// <summary>Holds the replies of an operation no more.</summary>
    public void Release(string operation) => _holds.TryRemove(operation, out _);

    /// <summary>Does something while no call is with the store: those under way end first, and new ones wait. Replies that are held back are not waited for.</summary>
    public Task<T> WhileQuietAsync<T>(Func<Task<T>> act) => _quiet.WhileQuietAsync(act);

    /// <summary>How often an operation was called.</summary>
    public int Calls(string operation) => _calls.GetValueOrDefault(operation);

    public IScheduleStore? Schedules => inner.Schedules is { } schedules ? new FaultySchedules(this, schedules) : null;

    public async Task<int> OpenAsync(string ns, CancellationToken cancellationToken)
    {
        int count = await Around(nameof(OpenAsync), () => _quiet.EnterAsync(() => inner.OpenAsync(ns, cancellationToken)));
        return Partitions ?? count;
    }

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) => inner.NamespacesAsync(cancellationToken);

    public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        Around(nameof(PostAsync), () => _quiet.EnterAsync(() => inner.PostAsync(partition, entries, cancellationToken)));

    public Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
    {
        Claims.Enqueue(request);
        OnClaim?.Invoke(request);
        return Around(nameof(ClaimAsync), async () =>
        {
            TimerClaim claim = await _quiet.EnterAsync(() => inner.ClaimAsync(partition, request, cancellationToken));
            Answers.Enqueue(claim);
            if (AfterClaim is { } after) await after(partition, claim);
            return claim;
        });
    }

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        Around(nameof(ConfirmAsync), () => _quiet.EnterAsync(() => inner.ConfirmAsync(partition, deliveries, completed, cancellationToken)));

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        Around(nameof(ExtendAsync), () => _quiet.EnterAsync(() => inner.ExtendAsync(partition, deliveries, lease, cancellationToken)));

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        Around(nameof(ReleaseAsync), () => _quiet.EnterAsync(() => inner.ReleaseAsync(partition, deliveries, cancellationToken)));

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        Around(nameof(FailAsync), () => _quiet.EnterAsync(() => inner.FailAsync(partition, failures, deadLetters, cancellationToken)));

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        Around(nameof(PeekAsync), () => _quiet.EnterAsync(() => inner.PeekAsync(partition, id, cancellationToken)));

    public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        Around(nameof(CancelAsync), () => _quiet.EnterAsync(() => inner.CancelAsync(partition, id, revoke, cancellationToken)));

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        Around(nameof(ChangeDelayAsync), () => _quiet.EnterAsync(() => inner.ChangeDelayAsync(partition, id, due, cancellationToken)));

    public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        Around(nameof(UpcomingAsync), () => _quiet.EnterAsync(() => inner.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken)));

    public Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Around(nameof(InFlightAsync), () => inner.InFlightAsync(partition, cursor, limit, cancellationToken));

    public Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Around(nameof(DeadLettersAsync), () => _quiet.EnterAsync(() => inner.DeadLettersAsync(partition, cursor, limit, cancellationToken)));

    public Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Around(nameof(CompletedAsync), () => _quiet.EnterAsync(() => inner.CompletedAsync(partition, cursor, limit, cancellationToken)));

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
        Around(nameof(RequeueAsync), () => _quiet.EnterAsync(() => inner.RequeueAsync(partition, keys, due, cancellationToken)));

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
        Around(nameof(PurgeAsync), () => _quiet.EnterAsync(() => inner.PurgeAsync(partition, keys, cancellationToken)));

    public Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) => inner.GetNodesAsync(partition, cancellationToken);

    public Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) => inner.GetStatsAsync(partition, cancellationToken);

    public Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken) =>
        Around(nameof(PauseAsync), async () =>
        {
            if (BeforePause is { } before) await before(partition);
            return await _quiet.EnterAsync(() => inner.PauseAsync(partition, request, cancellationToken));
        });

    public Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Around(nameof(ResumeAsync), async () =>
        {
            if (BeforePause is { } before) await before(partition);
            return await _quiet.EnterAsync(() => inner.ResumeAsync(partition, cancellationToken));
        });

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken) =>
        Around(nameof(SubscribeAsync), () => _quiet.EnterAsync(() => inner.SubscribeAsync(ns, nodeId, notification => Notify(notify, notification), cancellationToken)));

    public async Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) => await Around(nameof(LeaveAsync), async () =>
    {
        await _quiet.EnterAsync(async () =>
        {
            await inner.LeaveAsync(partition, nodeId, cancellationToken);
            return true;
        });
        return true;
    });

    private void Notify(Action<WakeNotification> notify, WakeNotification notification)
    {
        if (DropNotifications) return;
        notify(notification);
        _heard.Enqueue(notification);
    }

    private Task<T> Around<T>(string operation, Func<Task<T>> call)
    {
        _calls.AddOrUpdate(operation, 1, static (_, n) => n + 1);
        Fault? fault = _faults.TryGetValue(operation, out ConcurrentQueue<Fault>? faults) && faults.TryDequeue(out Fault next) ? next
            : _always.TryGetValue(operation, out Fault always) ? always : null;
        return fault switch
        {
            Fault.ThrowsAtOnce => throw Refused(operation),
            Fault.FailedTask => Task.FromException<T>(Refused(operation)),
            _ => AroundAsync(operation, call, fault),
        };
    }

    private async Task<T> AroundAsync<T>(string operation, Func<Task<T>> call, Fault? fault)
    {
        if (fault == Fault.FailsLater)
        {
            await Task.Yield();
            throw Refused(operation);
        }

        if (fault == Fault.RequestLost) throw Unknown(operation);
        T result = await call().ConfigureAwait(false);
        if (_holds.TryGetValue(operation, out TaskCompletionSource? hold)) await hold.Task.ConfigureAwait(false);
        if (AfterAnswer is { } after) await after(operation).ConfigureAwait(false);
        Answered?.Invoke(operation);
        if (fault == Fault.ReplyLost) throw Unknown(operation);
        return result;
    }

    private static LatchworkStoreException Refused(string operation) => new($"{operation} was refused by the test.", StoreOutcome.NotApplied) { IsTransient = true };

    private static LatchworkStoreException Unknown(string operation) => new($"The reply to {operation} was lost by the test.", StoreOutcome.Unknown) { IsTransient = true };

    /// <summary>The operations on schedules; their faults are said by the same names.</summary>
    private sealed class FaultySchedules(FaultyTimerStore owner, IScheduleStore inner) : IScheduleStore
    {
        public Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
            owner.Around(nameof(ReadAsync), () => owner._quiet.EnterAsync(() => inner.ReadAsync(partition, ids, cancellationToken)));

        public Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
            owner.Around(nameof(ListAsync), () => owner._quiet.EnterAsync(() => inner.ListAsync(partition, cursor, limit, cancellationToken)));

        public Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken) =>
            owner.Around(nameof(WriteAsync), () => owner._quiet.EnterAsync(() => inner.WriteAsync(partition, write, cancellationToken)));

        public Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
            owner.Around(nameof(RemoveAsync), () => owner._quiet.EnterAsync(() => inner.RemoveAsync(partition, id, version, cancellationToken)));

        public Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken) =>
            owner.Around(nameof(AdvanceAsync), () => owner._quiet.EnterAsync(() => inner.AdvanceAsync(partition, advances, cancellationToken)));

        public Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken) =>
            owner.Around(nameof(TriggerAsync), () => owner._quiet.EnterAsync(() => inner.TriggerAsync(partition, trigger, cancellationToken)));

        public Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken) =>
            owner.Around(nameof(SweepAsync), () => owner._quiet.EnterAsync(() => inner.SweepAsync(partition, cursor, interval, cancellationToken)));
    }
}
