using System.Diagnostics.CodeAnalysis;
using Latchwork.Diagnostics;
using Latchwork.Storage;

namespace Latchwork;

/// <summary>
/// What a membership is to the deliveries that it holds: its settings, its clock, its calls to the store; and what happens when a delivery ends on this
/// node, whoever caused that.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A source without timer and wait handle holds nothing that must be disposed.")]
internal sealed class LeaseHolder
{
    private readonly CancellationTokenSource _abort = new();
    private volatile bool _abandoned;

    public LeaseHolder(PartitionClients clients, TimerSettings settings, ErrorReporter errors, NodeCapacity capacity)
    {
        Store = clients.Store;
        Transactions = clients.Transactions;
        Settings = settings;
        Errors = errors;
        Capacity = capacity;
        Calls = new DeliveryCalls(clients.Store, settings);
    }

    public ITimerStore Store { get; }

    public TimerSettings Settings { get; }

    public ErrorReporter Errors { get; }

    public DeliveryCalls Calls { get; }

    /// <summary>What the store offers for transactions of the application; throws if it offers nothing.</summary>
    public Func<ITimerTransactions> Transactions { get; }

    public HeldDeliveries Held { get; } = new();

    public NodeCapacity Capacity { get; }

    public TimeSpan Now => Settings.Clock.Now;

    /// <summary>Gives up what is under way: the leave is over, or the node is abandoned.</summary>
    public CancellationToken Aborted => _abort.Token;

    /// <summary>Whether the node stopped without telling the store.</summary>
    public bool IsAbandoned => _abandoned;

    /// <summary>Called when a delivery is no longer held.</summary>
    public Action? Removed { get; set; }

    /// <summary>Called when a handler has returned and the store was told.</summary>
    public Action<TimerDelivery>? Ran { get; set; }

    /// <summary>From now on nothing is sent to the store.</summary>
    public void Abandon() => _abandoned = true;

    /// <summary>Gives up what is under way.</summary>
    public void Abort() => _abort.Cancel();

    /// <summary>A delivery is no longer this node's: its handler is notified, and what was not begun will not be.</summary>
    public void OnLeaseLost(TimerDelivery delivery, DeliveryEnd why, bool quietly = false)
    {
        bool running = delivery.HasStarted && !(delivery.HasReturned && Settings.Confirmation == Confirmation.Manual);
        if (why == DeliveryEnd.Revoked) delivery.WasRevoked = true;

        // A stale token is what the end of a delivery leaves, too. A lease that has run out is known by the clock: a handler that runs is notified.
        bool isDoubtful = why == DeliveryEnd.TakenOver || (why == DeliveryEnd.LeaseRanOut && delivery.HasReturned);
        if (isDoubtful && delivery.Suspect()) return;
        if (!delivery.Drop(why == DeliveryEnd.Revoked ? StopReason.Revoked : StopReason.LeaseLost)) return;

        if (Metrics.LostLeases.Enabled) CountLost(why);
        Errors.Log.Lost(delivery.Id, Settings.Namespace, delivery.Attempt, why, running ? "begun" : delivery.HasReturned ? "returned" : "not begun");
        if (quietly || !running || delivery.IsReceived) return; // who received it learns it by its token and by the answers to its calls
        if (why == DeliveryEnd.LeaseRanOut)
        {
            Errors.Report(FailedOperation.LostLease, new TimeoutException("The lease ran out before it was extended."), delivery);
        }
        else if (why == DeliveryEnd.TakenOver)
        {
            Errors.Report(FailedOperation.LostLease, new LatchworkStoreException("The event was taken over, replaced or removed.", StoreOutcome.NotApplied), delivery);
        }
    }

    private void CountLost(DeliveryEnd why)
    {
        string? reason = why switch
        {
            DeliveryEnd.LeaseRanOut => "lease_ran_out",
            DeliveryEnd.TakenOver => "taken_over",
            DeliveryEnd.Revoked => "revoked",
            DeliveryEnd.Unknown => "unknown",
            _ => null, // left to run out, by will
        };
        if (reason is null) return;
        System.Diagnostics.TagList tags = Names.OfTimer(Settings.Namespace, "process");
        tags.Add(Names.Reason, reason);
        Listeners.Tell(tags, static tags => Metrics.LostLeases.Add(1, tags));
    }

    /// <summary>The store told of a replacement or revocation.</summary>
    public void OnRevoked(DeliveryKey key)
    {
        if (Held.Find(key) is { } delivery) OnLeaseLost(delivery, DeliveryEnd.Revoked);
    }

    /// <summary>A delivery was settled, lost, or is held by its caller alone.</summary>
    public void NotHeld(TimerDelivery delivery)
    {
        Held.Remove(delivery);
        Removed?.Invoke();
    }

    /// <summary>A delivery was settled or lost, and its handler is through: its place is free.</summary>
    public void Finished() => Capacity.Finished();

    /// <summary>An occurrence of a schedule ended, or was handed back, before its handler was called.</summary>
    public void DidNotRun(TimerDelivery delivery)
    {
        Capacity.HandlerReturned(ran: false, took: null);
        Ran?.Invoke(delivery);
    }

    /// <summary>Hands deliveries back, unless they are over. Never throws.</summary>
    public Task HandBackAsync(List<TimerDelivery> deliveries) => Task.WhenAll(deliveries.ConvertAll(HandBackAsync));

    /// <summary>Hands a delivery back, unless it is over. Never throws.</summary>
    public Task HandBackAsync(TimerDelivery delivery) => HandBackAsync(delivery, Now + TimerSettings.LeaveGrace);

    private async Task HandBackAsync(TimerDelivery delivery, TimeSpan repeatUntil)
    {
        try
        {
            // What a caller received outlives the membership, and so does its call.
            if (!delivery.IsOver) await delivery.ReleaseAsync(repeatUntil, delivery.IsReceived && !IsAbandoned ? CancellationToken.None : Aborted).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Nobody waits for this: it is reported, and the lease runs out.
        catch (Exception e)
#pragma warning restore CA1031
        {
            OnLeaseLost(delivery, DeliveryEnd.LeftBehind, quietly: true);
            if (!IsAbandoned) Errors.Report(FailedOperation.HandBack, e, delivery);
        }

        delivery.MarkEnded();
    }

    /// <summary>Hands back what no handler has begun. Held and extended until then: it may be repeated for as long as the lease lasts. Never throws.</summary>
    public Task HandBackUnstartedAsync(List<TimerDelivery> deliveries)
    {
        foreach (IGrouping<PartitionClient, TimerDelivery> client in deliveries.GroupBy(delivery => delivery.Client))
        {
            Errors.Log.HandedBack(Settings.Namespace, client.Key.Partition.Index, client.Count());
        }

        return Task.WhenAll(deliveries.ConvertAll(delivery => HandBackAsync(delivery, Now + Settings.LeaseDuration)));
    }
}
