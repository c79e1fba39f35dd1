namespace Latchwork;

/// <summary>Why a handler is asked to stop: why <see cref="TimerDelivery.Stopping"/> has fired.</summary>
public enum StopReason
{
    /// <summary>It has not fired.</summary>
    None = 0,

    /// <summary>
    /// The node leaves. The event is still this node's: a handler that returns confirms it, and one that throws hands it back, with no retry
    /// spent. <see cref="TimerDelivery.Lost"/> fires when there is no time left.
    /// </summary>
    NodeLeaving = 1,

    /// <summary>The lease is lost: the event is another node's by now, or soon. A confirmation is refused.</summary>
    LeaseLost = 2,

    /// <summary>The event was replaced, or revoked with <see cref="DistributedTimer.CancelAsync"/>. A confirmation is refused.</summary>
    Revoked = 3,
}
