using Latchwork.Diagnostics;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// One membership of a node in a namespace, from join to leave: it receives notifications, claims, keeps leases, and runs handlers.
/// </summary>
internal sealed class Listener : ILiveTimer, IDisposable
{
    /// <summary>What is kept of the grace for the end of the subscription, whoever has used up the rest.</summary>
    private static readonly TimeSpan _forTheEnd = TimerSettings.LeaveGrace / 8;

    private readonly LeaseHolder _holder;
    private readonly LeaseKeeper _keeper;
    private readonly IDeliveryQueue _queue;
    private readonly Intake _intake;
    private readonly PartitionClient[] _clients;
    private readonly ClaimLoop[] _loops;
    private readonly ScheduleSweeper? _sweeper;
    private readonly TaskCompletionSource<Task> _handedBack = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task[] _claims = [];
    private IAsyncDisposable? _subscription;

    private Listener(LeaseHolder holder, PartitionClient[] clients, IDeliveryQueue queue, Receivers? receivers, Func<int> maxEvents)
    {
        _holder = holder;
        _clients = clients;
        _queue = queue;
        _keeper = new LeaseKeeper(holder);
        _intake = new Intake(holder, _keeper, queue, receivers, maxEvents, clients.Length);
        _loops = Array.ConvertAll(clients, client => new ClaimLoop(holder, _intake, client));
        _sweeper = holder.Store.Schedules is { } schedules ? new ScheduleSweeper(holder, schedules, clients) : null;
    }

    string ILiveTimer.Namespace => Settings.Namespace;

    int ILiveTimer.InFlight => _holder.Capacity.Taken;

    /// <summary>Whether the node stopped without telling the store.</summary>
    public bool IsAbandoned => _holder.IsAbandoned;

    private TimerSettings Settings => _holder.Settings;

    private ErrorReporter Errors => _holder.Errors;

    private TimeSpan Now => _holder.Now;

    /// <summary>Makes a listener that calls a handler.</summary>
    public static Listener ForHandler(
        PartitionClients clients, PartitionClient[] opened, TimerSettings settings, ErrorReporter errors, Func<int> maxEvents, Func<TimerDelivery, CancellationToken, Task> handler)
    {
        var holder = new LeaseHolder(clients, settings, errors, new NodeCapacity(settings.MaxInFlight, settings.MaxConcurrency));
        var dispatcher = new Dispatcher(settings, holder.Capacity, new HandlerRun(holder, handler).RunAsync, holder.HandBackUnstartedAsync);
        return new Listener(holder, opened, dispatcher, receivers: null, maxEvents);
    }

    /// <summary>Makes a listener for callers who receive.</summary>
    public static Listener ForReceivers(PartitionClients clients, PartitionClient[] opened, TimerSettings settings, ErrorReporter errors, Func<int> maxEvents, Receivers receivers)
    {
        var holder = new LeaseHolder(clients, settings, errors, receivers.Capacity);
        var listener = new Listener(holder, opened, receivers, receivers, maxEvents);
        receivers.Attach(holder, opened.Length, listener.AskAll);
        return listener;
    }

    /// <summary>Makes a listener that never asks by itself, for tests that step.</summary>
    public static SteppedListener ForSteps(
        PartitionClients clients, PartitionClient[] opened, TimerSettings settings, ErrorReporter errors, Func<TimerDelivery, CancellationToken, Task> handler)
    {
        Listener listener = ForHandler(clients, opened, settings, errors, static () => 1, handler);
        return new SteppedListener(listener._holder, listener._intake, opened, listener);
    }

    /// <summary>Whether a delivery came by this listener.</summary>
    public bool Owns(TimerDelivery delivery) => delivery.IsOf(_holder);

    /// <summary>What is held of an event.</summary>
    public TimerDelivery? Find(string id) => _holder.Held.Find(id);

    /// <summary>Subscribes to notifications, then claims. Ends when every partition has answered the first claim.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _subscription = await _holder.Store.SubscribeAsync(Settings.Namespace, Settings.NodeId, OnNotification, cancellationToken)
            .OffStoreThread().ConfigureAwait(false);
        _claims = Array.ConvertAll(_loops, loop => Task.Run(loop.RunAsync, CancellationToken.None));
        await Task.WhenAll(Array.ConvertAll(_loops, loop => loop.Answered)).Observed().WaitAsync(cancellationToken).ConfigureAwait(false);
        _sweeper?.Start();
        Errors.Log.Joined(Settings.NodeId, Settings.Namespace);
    }

    /// <summary>
    /// Stops to claim, hands back what has not begun, tells the handlers to stop, waits for them within bounds, and takes the node off the list.
    /// When their time is over, everything that is left has <see cref="TimerSettings.LeaveGrace"/> in all.
    /// </summary>
    public async Task LeaveAsync(CancellationToken cancellationToken)
    {
        foreach (ClaimLoop loop in _loops) loop.Stop();
        List<TimerDelivery> queued = _queue.Stop();
        foreach (TimerDelivery delivery in _queue.Running()) delivery.Stop(StopReason.NodeLeaving);
        Task handingBack = _holder.HandBackAsync(queued);
        _handedBack.TrySetResult(handingBack);

        // Without waiting for the handlers: from now on others are woken in this node's place.
        using var bound = new CancellationTokenSource();
        Task told = TellStoreAsync(bound.Token);
        await EndsWithinAsync(_queue.Idle, Settings.ShutdownTimeout, cancellationToken).ConfigureAwait(false);

        TimeSpan end = Now + TimerSettings.LeaveGrace;
        foreach (TimerDelivery delivery in _queue.Running()) delivery.GiveUp();
        Task through = Task.WhenAll([.. _claims, handingBack, _queue.Settled, StartingEndsAsync(), told]);
        await EndsWithinAsync(through, TimerSettings.LeaveGrace - _forTheEnd, CancellationToken.None).ConfigureAwait(false);
        int overran = _queue.Running().Length;
        Close();
        await bound.CancelAsync().ConfigureAwait(false);
        await UnsubscribeAsync(end).ConfigureAwait(false);
        Errors.Log.Left(Settings.NodeId, Settings.Namespace, queued.Count, overran);
    }

    /// <summary>Ends when, in a leave, what had not begun is handed back and no handler runs but those that wait for this themselves.</summary>
    /// <param name="caller">The delivery of a handler that waits.</param>
    public async Task OthersThroughAsync(TimerDelivery caller)
    {
        await _queue.OthersIdleAsync(caller).ConfigureAwait(false);
        await (await _handedBack.Task.ConfigureAwait(false)).ConfigureAwait(false);
    }

    /// <summary>Stops everything immediately and tells nobody, as a crash or a frozen process would. The subscription stays, and nobody listens to it.</summary>
    public void Abandon()
    {
        _holder.Abandon();
        foreach (ClaimLoop loop in _loops) loop.Stop();
        List<TimerDelivery> queued = _queue.Stop();
        _keeper.Dispose();
        _holder.Abort();
        foreach (TimerDelivery delivery in queued.Concat(_holder.Held.ToArray())) _holder.OnLeaseLost(delivery, DeliveryEnd.LeftBehind, quietly: true);
    }

    public void Dispose()
    {
        _keeper.Close();
        _queue.Dispose();
        foreach (ClaimLoop loop in _loops) loop.Dispose();
        _holder.Abort();
    }

    /// <summary>Ends the subscription, within a bound.</summary>
    public Task UnsubscribeAsync() => UnsubscribeAsync(Now + TimerSettings.LeaveGrace);

    private async Task UnsubscribeAsync(TimeSpan end)
    {
        if (Interlocked.Exchange(ref _subscription, null) is not { } subscription) return;
        await TryAsync(() => subscription.DisposeAsync().AsTask(), end, FailedOperation.Unsubscription).ConfigureAwait(false);
    }

    // Asks every partition now.
    private void AskAll()
    {
        foreach (ClaimLoop loop in _loops) loop.AskIn(TimeSpan.Zero);
    }

    // When the last claim is answered, nothing begins any more.
    private async Task StartingEndsAsync()
    {
        await Task.WhenAll(_claims).ConfigureAwait(false);
        await _intake.StartingSettled.ConfigureAwait(false);
    }

    // On a thread of the store: never calls the store, never throws.
    private void OnNotification(WakeNotification notification)
    {
        if (IsAbandoned) return;
        if (notification.Kind == WakeNotificationKind.Missed)
        {
            AskAll();
        }
        else if (notification.Partition >= 0 && notification.Partition < _loops.Length)
        {
            if (notification.Kind == WakeNotificationKind.Due)
            {
                _loops[notification.Partition].AskIn(notification.AskIn);
            }
            else if (notification.Kind == WakeNotificationKind.Paused)
            {
                _loops[notification.Partition].OnPaused();
            }
            else if (notification.Kind == WakeNotificationKind.Revoked)
            {
                // First noted, then looked up: of a claim that is being taken in, one or the other finds it.
                _loops[notification.Partition].RevokedEarly(notification.Delivery);
                _holder.OnRevoked(notification.Delivery);
            }
        }
    }

    // What is left is left to run out: handlers that do not end, and deliveries that wait for a manual confirm. What callers have received is theirs.
    private void Close()
    {
        Dispose();
        foreach (ClaimLoop loop in _loops) loop.Stop();
        foreach (TimerDelivery delivery in _holder.Held.ToArray())
        {
            if (!delivery.IsReceived) _holder.OnLeaseLost(delivery, DeliveryEnd.LeftBehind, quietly: true);
        }
    }

    /// <summary>Takes the node off the list of each partition, when the last claim of that one is answered.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    private Task TellStoreAsync(CancellationToken cancellationToken) => Task.WhenAll(_clients.Select(async (client, i) =>
    {
        // Whoever leaves before it has claimed is taken off anyway.
        if (i < _claims.Length) await _claims[i].WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await TryAsync(() => _holder.Store.LeaveAsync(client.Partition, Settings.NodeId, cancellationToken), Now + TimerSettings.LeaveGrace, FailedOperation.Leave).ConfigureAwait(false);
    }));

    // Never throws. What is left behind is still listened to: its failure belongs in the log, when the store is closed, say.
    private async Task TryAsync(Func<Task> call, TimeSpan end, FailedOperation failure)
    {
        try
        {
            Task called = call();
            if (await EndsWithinAsync(called, end - Now, CancellationToken.None).ConfigureAwait(false)) await called.OffStoreThread().ConfigureAwait(false);
            else _ = NoteAsync(called, failure);
        }
#pragma warning disable CA1031 // A node leaves whether the store learns of it or not.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Errors.Report(failure, e);
        }
    }

    private async Task NoteAsync(Task leftBehind, FailedOperation failure)
    {
        Errors.Report(failure, new TimeoutException($"There was no answer within {TimerSettings.LeaveGrace}."));
        await leftBehind.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (leftBehind.Exception is { } e) Errors.Report(failure, e.GetBaseException(), quietly: true);
    }

    private async Task<bool> EndsWithinAsync(Task task, TimeSpan bound, CancellationToken cancellationToken)
    {
        if (bound < TimeSpan.Zero) bound = TimeSpan.Zero;
        await task.WaitAsync(bound, Settings.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // A leave ends in code of the user, a host that stops, say, which may block until the store is closed: not on the store's thread.
        if (CallerThread.IsShared) await CallerThread.Yield();
        return task.IsCompleted;
    }
}
