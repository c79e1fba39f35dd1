namespace Latchwork;

/// <summary>How an event was completed.</summary>
public enum CompletedOutcome
{
    /// <summary>Its handler returned, or its delivery was confirmed by call.</summary>
    Succeeded = 0,

    /// <summary>It was confirmed on delivery (<see cref="Confirmation.OnDelivery"/>), before its handler ran: what became of the handler is not known.</summary>
    Delivered = 1,
}
