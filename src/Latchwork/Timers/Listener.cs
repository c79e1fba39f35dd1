using Latchwork.Diagnostics;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// One membership of a node in a namespace, from join to leave: it receives notifications, claims, keeps leases, and runs handlers.
/// </summary>
internal sealed partial class Listener : ILiveTimer, IDisposable
{
    /// <summary>What is kept of the grace for the end of the subscription, whoever has used up the rest.</summary>
    private static readonly TimeSpan _forTheEnd = TimerSettings.LeaveGrace / 8;

    private readonly ITimerStore _store;
    private readonly ClaimLoop[] _loops;
    private readonly int[] _pauses;
    private readonly PartitionClient[] _clients;
    private readonly LeaseKeeper _keeper;
    private readonly Dispatcher? _handlers;
    private readonly OccurrenceStarter? _starter;
    private readonly ScheduleSweeper? _sweeper;
    private readonly Func<int> _maxEvents;
    private readonly CancellationTokenSource _abort = new();
    private readonly TaskCompletionSource<Task> _handedBack = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task[] _claims = [];
    private IAsyncDisposable? _subscription;
    private volatile bool _abandoned;
    private int _isPaused;

    /// <summary>A listener that calls a handler.</summary>
    public Listener(
        PartitionClients clients, PartitionClient[] opened, TimerSettings settings, ErrorReporter errors, Func<int> maxEvents, Func<TimerDelivery, CancellationToken, Task> handler)
        : this(clients, opened, settings, errors, maxEvents, new NodeCapacity(settings.MaxInFlight, settings.MaxConcurrency))
    {
        _handlers = new Dispatcher(settings, Capacity, new HandlerRun(this, handler).RunAsync, HandBackUnstartedAsync);
        Dispatcher = _handlers;
    }

    /// <summary>A listener for callers who receive.</summary>
    public Listener(PartitionClients clients, PartitionClient[] opened, TimerSettings settings, ErrorReporter errors, Func<int> maxEvents, Receivers receivers)
        : this(clients, opened, settings, errors, maxEvents, receivers.Capacity)
    {
        Dispatcher = Receivers = receivers;
        receivers.Attach(this);
    }

    private Listener(PartitionClients clients, PartitionClient[] opened, TimerSettings settings, ErrorReporter errors, Func<int> maxEvents, NodeCapacity capacity)
    {
        _store = clients.Store;
        Transactions = clients.Transactions;
        _clients = opened;
        _maxEvents = maxEvents;
        Settings = settings;
        Errors = errors;
        Claiming = new OutageReporter(errors, settings.Clock, TimerTrouble.Claim);
        Calls = new DeliveryCalls(clients.Store, settings);
        Capacity = capacity;
        _starter = clients.Store.Schedules is { } schedules ? new OccurrenceStarter(this, schedules) : null;
        _sweeper = clients.Store.Schedules is { } swept ? new ScheduleSweeper(this, swept, opened) : null;
        _keeper = new LeaseKeeper(this, clients.Store);
        _pauses = new int[opened.Length];
        _loops = Array.ConvertAll(opened, client => new ClaimLoop(this, clients.Store, client));
    }

    public TimerSettings Settings { get; }

    public ErrorReporter Errors { get; }

    /// <summary>Told how claims go.</summary>
    public OutageReporter Claiming { get; }

    public DeliveryCalls Calls { get; }

    string ILiveTimer.Namespace => Settings.Namespace;

    int ILiveTimer.InFlight => Capacity.Taken;

    /// <summary>What the store offers for transactions of the application; throws if it offers nothing.</summary>
    public Func<ITimerTransactions> Transactions { get; }

    public HeldDeliveries Held { get; } = new();

    public NodeCapacity Capacity { get; }

    public IDeliveryQueue Dispatcher { get; } = null!; // set by the constructor that is chosen

    public int MaxEvents => _maxEvents();

    /// <summary>
    /// The most places that the claim of one partition takes: an equal share, so that claims that wait for one server (of a cluster, say) do
    /// not keep those of the others from being sent, and no partition hears of a full node that is not.
    /// </summary>
    public int CapacityOfPartition => Math.Max(1, Capacity.Limit / _clients.Length);

    /// <summary>Called when a handler has returned and the store was told.</summary>
    public Action<TimerDelivery>? Ran { get; set; }

    public TimeSpan Now => Settings.Clock.Now;

    /// <summary>Gives up what is under way: the leave is over, or the node is abandoned.</summary>
    public CancellationToken Aborted => _abort.Token;

    /// <summary>Whether the node stopped without telling the store.</summary>
    public bool IsAbandoned => _abandoned;

    /// <summary>Subscribes to notifications, then claims. Ends when every partition has answered the first claim.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _subscription = await _store.SubscribeAsync(Settings.Namespace, Settings.NodeId, OnNotification, cancellationToken)
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
        List<TimerDelivery> queued = Dispatcher.Stop();
        foreach (TimerDelivery delivery in Dispatcher.Running()) delivery.Stop(StopReason.NodeLeaving);
        Task handingBack = HandBackAsync(queued);
        _handedBack.TrySetResult(handingBack);

        // Without waiting for the handlers: from now on others are woken in this node's place.
        using var bound = new CancellationTokenSource();
        Task told = TellStoreAsync(bound.Token);
        await EndsWithinAsync(Dispatcher.Idle, Settings.ShutdownTimeout, cancellationToken).ConfigureAwait(false);

        TimeSpan end = Now + TimerSettings.LeaveGrace;
        foreach (TimerDelivery delivery in Dispatcher.Running()) delivery.GiveUp();
        Task through = Task.WhenAll([.. _claims, handingBack, Dispatcher.Settled, StartingEndsAsync(), told]);
        await EndsWithinAsync(through, TimerSettings.LeaveGrace - _forTheEnd, CancellationToken.None).ConfigureAwait(false);
        int overran = Dispatcher.Running().Length;
        Close();
        await bound.CancelAsync().ConfigureAwait(false);
        await UnsubscribeAsync(end).ConfigureAwait(false);
        Errors.Log.Left(Settings.NodeId, Settings.Namespace, queued.Count, overran);
    }

    /// <summary>Ends when, in a leave, what had not begun is handed back and no handler runs but those that wait for this themselves.</summary>
    /// <param name="caller">The delivery of a handler that waits.</param>
    public async Task OthersThroughAsync(TimerDelivery caller)
    {
        await Dispatcher.OthersIdleAsync(caller).ConfigureAwait(false);
        await (await _handedBack.Task.ConfigureAwait(false)).ConfigureAwait(false);
    }

    /// <summary>Stops everything immediately and tells nobody, as a crash or a frozen process would. The subscription stays, and nobody listens to it.</summary>
    public void Abandon()
    {
        _abandoned = true;
        foreach (ClaimLoop loop in _loops) loop.Stop();
        List<TimerDelivery> queued = Dispatcher.Stop();
        _keeper.Dispose();
        _abort.Cancel();
        foreach (TimerDelivery delivery in queued.Concat(Held.ToArray())) OnLeaseLost(delivery, DeliveryEnd.LeftBehind, quietly: true);
    }

    public void Dispose()
    {
        _keeper.Close();
        Dispatcher.Dispose();
        foreach (ClaimLoop loop in _loops) loop.Dispose();
        _abort.Cancel();
    }

    /// <summary>Ends the subscription, within a bound.</summary>
    public Task UnsubscribeAsync() => UnsubscribeAsync(Now + TimerSettings.LeaveGrace);

    private async Task UnsubscribeAsync(TimeSpan end)
    {
        if (Interlocked.Exchange(ref _subscription, null) is not { } subscription) return;
        await TryAsync(() => subscription.DisposeAsync().AsTask(), end, TimerTrouble.Unsubscription).ConfigureAwait(false);
    }

    /// <summary>Takes what a claim brought. Ends immediately, or after a leave when all of it was handed back.</summary>
    /// <param name="deliveries">What it brought.</param>
    /// <param name="lease">The lease that the claim asked for.</param>
    /// <param name="isPaused">Whether the namespace was paused meanwhile: then all of it is handed back.</param>
    public Task ReceiveAsync(List<TimerDelivery> deliveries, TimeSpan lease, bool isPaused = false)
    {
        foreach (TimerDelivery delivery in deliveries)
        {
            // Another delivery of the same event can only be stale: its lease ran out, or the event was replaced.
            // Or this node has ended it (a retry without a delay, say), and the answer is still on its way.
            if (Held.Add(delivery) is { } older) OnLeaseLost(older, Now >= older.Deadline && !older.IsEnding ? DeliveryEnd.LeaseRanOut : DeliveryEnd.TakenOver);
            _keeper.Track(delivery, lease);
        }

        if (!isPaused && _starter is not null && deliveries.Exists(static delivery => OccurrenceId.Is(delivery.Id)))
        {
            List<TimerDelivery> occurrences = deliveries.FindAll(static delivery => OccurrenceId.Is(delivery.Id));
            deliveries = deliveries.FindAll(static delivery => !OccurrenceId.Is(delivery.Id));
            _starter.Begin(occurrences[0].Client, occurrences);
            if (deliveries.Count == 0) return Task.CompletedTask;
        }

        if (!isPaused && Dispatcher.TryAdd(deliveries)) return Task.CompletedTask;
        if (isPaused) Capacity.HandedBack(deliveries.Count);
        Errors.Log.HandedBack(Settings.Namespace, deliveries[0].Client.Partition.Index, deliveries.Count);
        return HandBackAsync(deliveries);
    }

    /// <summary>The namespace is paused: what no handler has begun goes back, with no retry spent. What runs goes on.</summary>
    public void HandBackUnstarted(PartitionClient client)
    {
        MarkPaused(client);
        Dispatcher.HandBack(delivery => delivery.Client == client);
    }

    /// <summary>A partition was found paused: what is being started sees it from now on, and does not start. May be called on a thread of the store.</summary>
    public void MarkPaused(PartitionClient client) => Interlocked.Increment(ref _pauses[client.Partition.Index]);

    /// <summary>How often a partition was found paused: what was begun to be started before, and has not started, is handed back.</summary>
    public int PausesOf(PartitionClient client) => Volatile.Read(ref _pauses[client.Partition.Index]);

    /// <summary>Says once that the namespace is paused, and once that it is not any more.</summary>
    public void NotePause(TimerPause? pause)
    {
        if (Interlocked.Exchange(ref _isPaused, pause is null ? 0 : 1) == (pause is null ? 0 : 1)) return;
        if (pause is null) Errors.Log.Resumed(Settings.Namespace);
        else Errors.Log.Paused(Settings.Namespace, pause.By, pause.Since, pause.Reason);
    }

    /// <summary>An occurrence of a schedule ended, or was handed back, before its handler was called.</summary>
    public void DidNotRun(TimerDelivery delivery)
    {
        Capacity.HandlerReturned(ran: false, took: null);
        Ran?.Invoke(delivery);
    }

    // When the last claim is answered, nothing begins any more.
    private async Task StartingEndsAsync()
    {
        if (_starter is null) return;
        await Task.WhenAll(_claims).ConfigureAwait(false);
        await _starter.Settled.ConfigureAwait(false);
    }

    // Held and extended until then: it may be repeated for as long as the lease lasts.
    private Task HandBackUnstartedAsync(List<TimerDelivery> deliveries)
    {
        foreach (IGrouping<PartitionClient, TimerDelivery> client in deliveries.GroupBy(delivery => delivery.Client))
        {
            Errors.Log.HandedBack(Settings.Namespace, client.Key.Partition.Index, client.Count());
        }

        return Task.WhenAll(deliveries.ConvertAll(delivery => HandBackAsync(delivery, Now + Settings.LeaseDuration)));
    }

    // On a thread of the store: never calls the store, never throws.
    private void OnNotification(WakeNotification notification)
    {
        if (_abandoned) return;
        if (notification.Kind == WakeNotificationKind.Missed)
        {
            foreach (ClaimLoop loop in _loops) loop.AskIn(TimeSpan.Zero);
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
                OnRevoked(notification.Delivery);
            }
        }
    }

    private async Task HandBackAsync(List<TimerDelivery> deliveries)
    {
        await Task.WhenAll(deliveries.ConvertAll(HandBackAsync)).ConfigureAwait(false);
    }

    /// <summary>Hands a delivery back, unless it is over. Never throws.</summary>
    public Task HandBackAsync(TimerDelivery delivery) => HandBackAsync(delivery, Now + TimerSettings.LeaveGrace);

    private async Task HandBackAsync(TimerDelivery delivery, TimeSpan repeatUntil)
    {
        try
        {
            // What a caller received outlives the membership, and so does its call.
            if (!delivery.IsOver) await delivery.ReleaseAsync(repeatUntil, delivery.IsReceived && !_abandoned ? CancellationToken.None : Aborted).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Nobody waits for this: it is reported, and the lease runs out.
        catch (Exception e)
#pragma warning restore CA1031
        {
            OnLeaseLost(delivery, DeliveryEnd.LeftBehind, quietly: true);
            if (!_abandoned) Errors.Report(TimerTrouble.HandBack, e, delivery);
        }

        delivery.MarkEnded();
    }

    // What is left is left to run out: handlers that do not end, and deliveries that wait for a manual confirm. What callers have received is theirs.
    private void Close()
    {
        Dispose();
        foreach (ClaimLoop loop in _loops) loop.Stop();
        foreach (TimerDelivery delivery in Held.ToArray())
        {
            if (!delivery.IsReceived) OnLeaseLost(delivery, DeliveryEnd.LeftBehind, quietly: true);
        }
    }

    /// <summary>Takes the node off the list of each partition, when the last claim of that one is answered.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    private Task TellStoreAsync(CancellationToken cancellationToken) => Task.WhenAll(_clients.Select(async (client, i) =>
    {
        // Whoever leaves before it has claimed is told of anyway.
        if (i < _claims.Length) await _claims[i].WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await TryAsync(() => _store.LeaveAsync(client.Partition, Settings.NodeId, cancellationToken), Now + TimerSettings.LeaveGrace, TimerTrouble.Leave).ConfigureAwait(false);
    }));

    // Never throws. What is left behind is still listened to: its failure belongs in the log, when the store is closed, say.
    private async Task TryAsync(Func<Task> call, TimeSpan end, TimerTrouble failure)
    {
        try
        {
            Task called = call();
            if (await EndsWithinAsync(called, end - Now, CancellationToken.None).ConfigureAwait(false)) await called.OffStoreThread().ConfigureAwait(false);
            else _ = NoteAsync(called, failure);
        }
#pragma warning disable CA1031 // A node leaves whether the store hears of it or not.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Errors.Report(failure, e);
        }
    }

    private async Task NoteAsync(Task leftBehind, TimerTrouble failure)
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
