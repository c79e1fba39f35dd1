using Latchwork.Diagnostics;
using Latchwork.Storage;

namespace Latchwork;

/// <content>The ends of deliveries on this node, whoever caused them.</content>
internal sealed partial class Listener
{
    /// <summary>A delivery is no longer this node's: its handler is told, and what was not begun will not be.</summary>
    public void OnLeaseLost(TimerDelivery delivery, DeliveryEnd why, bool quietly = false)
    {
        bool running = delivery.HasStarted && !(delivery.HasReturned && Settings.Confirmation == Confirmation.Manual);
        if (why == DeliveryEnd.Revoked) delivery.WasRevoked = true;

        // A stale token is what the end of a delivery leaves, too. A lease that has run out is known by the clock: a handler that runs is told.
        bool isDoubtful = why == DeliveryEnd.TakenOver || (why == DeliveryEnd.LeaseRanOut && delivery.HasReturned);
        if (isDoubtful && delivery.Suspect()) return;
        if (!delivery.Drop(why == DeliveryEnd.Revoked ? StopReason.Revoked : StopReason.LeaseLost)) return;

        if (Metrics.LostLeases.Enabled) CountLost(why);
        Errors.Log.Lost(delivery.Id, Settings.Namespace, delivery.Attempt, why, running ? "begun" : delivery.HasReturned ? "returned" : "not begun");
        if (quietly || !running || delivery.IsReceived) return; // who received it is told by its token and by the answers to its calls
        if (why == DeliveryEnd.LeaseRanOut)
        {
            Errors.Report(TimerTrouble.LostLease, new TimeoutException("The lease ran out before it was extended."), delivery);
        }
        else if (why == DeliveryEnd.TakenOver)
        {
            Errors.Report(TimerTrouble.LostLease, new LatchworkStoreException("The event was taken over, replaced or removed.", StoreOutcome.NotApplied), delivery);
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
        _keeper.OnRemoved();
    }

    /// <summary>A delivery was settled or lost, and its handler is through: its place is free.</summary>
    public void Finished() => Capacity.Finished();
}
