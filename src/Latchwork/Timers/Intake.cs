using Latchwork.Storage.Rules;

namespace Latchwork;

/// <summary>
/// What a node's claims are for: says how much the next may bring and under which lease, takes in what it brings, and gives that to handlers or to callers
/// who receive.
/// </summary>
internal sealed class Intake
{
    private readonly LeaseHolder _holder;
    private readonly LeaseKeeper _keeper;
    private readonly IDeliveryQueue _queue;
    private readonly Receivers? _receivers;
    private readonly OccurrenceStarter? _starter;
    private readonly Func<int> _maxEvents;
    private readonly int _partitions;

    /// <param name="holder">Holds what comes.</param>
    /// <param name="keeper">Extends its leases.</param>
    /// <param name="queue">Where it goes.</param>
    /// <param name="receivers">The same, if callers receive; null if handlers take what comes.</param>
    /// <param name="maxEvents">The most events that one claim takes.</param>
    /// <param name="partitions">How many partitions there are.</param>
    public Intake(LeaseHolder holder, LeaseKeeper keeper, IDeliveryQueue queue, Receivers? receivers, Func<int> maxEvents, int partitions)
    {
        _holder = holder;
        _keeper = keeper;
        _queue = queue;
        _receivers = receivers;
        _maxEvents = maxEvents;
        _partitions = partitions;
        Pauses = new PartitionPauses(partitions, holder, queue);
        Claiming = new OutageReporter(holder.Errors, holder.Settings.Clock, FailedOperation.Claim);
        _starter = holder.Store.Schedules is { } schedules ? new OccurrenceStarter(holder, schedules, queue, Pauses) : null;
    }

    public PartitionPauses Pauses { get; }

    /// <summary>Reports claims that fail, and that they succeed again.</summary>
    public OutageReporter Claiming { get; }

    /// <summary>
    /// The most events of the next claim of one partition: at most an equal share of what the node may hold, so that claims that wait for one server (of a
    /// cluster, say) do not keep those of the others from being sent, and no partition learns of a full node that is not.
    /// </summary>
    public int MaxOfClaim => Math.Min(_maxEvents(), Math.Max(1, _holder.Capacity.Limit / _partitions));

    /// <summary>The lease of the next claim.</summary>
    public TimeSpan LeaseOfClaim => _receivers?.Lease ?? _holder.Settings.LeaseDuration;

    /// <summary>The number of the last call of a receiver: what a claim that is sent now is an answer to.</summary>
    public long Calls => _receivers?.Calls ?? 0;

    /// <summary>Whether somebody waits for what is due now, of which the answer to a repeated claim says nothing.</summary>
    public bool IsAwaited => _receivers is not null;

    /// <summary>Ends when no occurrence of a schedule is on its way to its handler.</summary>
    public Task StartingSettled => _starter?.Settled ?? Task.CompletedTask;

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
            if (_holder.Held.Add(delivery) is { } older)
            {
                _holder.OnLeaseLost(older, _holder.Now >= older.Deadline && !older.IsEnding ? DeliveryEnd.LeaseRanOut : DeliveryEnd.TakenOver);
            }

            _keeper.Track(delivery, lease);
        }

        if (!isPaused && _starter is not null && deliveries.Exists(static delivery => OccurrenceId.Is(delivery.Id)))
        {
            List<TimerDelivery> occurrences = deliveries.FindAll(static delivery => OccurrenceId.Is(delivery.Id));
            deliveries = deliveries.FindAll(static delivery => !OccurrenceId.Is(delivery.Id));
            // A caller who is given the others first waits no more, and the occurrences would be handed back.
            _starter.Begin(occurrences[0].Client, occurrences, _queue.TakesTogether ? deliveries : []);
            if (deliveries.Count == 0 || _queue.TakesTogether) return Task.CompletedTask;
        }

        if (!isPaused && _queue.TryAdd(deliveries)) return Task.CompletedTask;
        if (isPaused) _holder.Capacity.HandedBack(deliveries.Count);
        _holder.Errors.Log.HandedBack(_holder.Settings.Namespace, deliveries[0].Client.Partition.Index, deliveries.Count);
        return _holder.HandBackAsync(deliveries);
    }

    /// <summary>A partition has answered a claim. Occurrences of schedules that it brought come when their schedules have advanced.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="calls">The number of the last call of a receiver before the claim was sent.</param>
    /// <param name="max">How much was asked for.</param>
    public void OnAnswered(int partition, long calls, int max)
    {
        if (_receivers is not { } receivers) return;
        Task starting = StartingSettled;
        if (starting.IsCompleted) receivers.OnAnswered(partition, calls, max);
        else _ = starting.ContinueWith(_ => receivers.OnAnswered(partition, calls, max), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>A claim failed: who waits for what it would have brought is notified.</summary>
    public void OnFailed(Exception exception) => _receivers?.OnFailed(exception);
}
