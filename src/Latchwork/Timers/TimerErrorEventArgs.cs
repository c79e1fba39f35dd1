namespace Latchwork;

/// <summary>A failure that no call reports.</summary>
public sealed class TimerErrorEventArgs : EventArgs
{
    /// <summary>Creates the arguments.</summary>
    /// <param name="exception">What went wrong.</param>
    /// <param name="message">While doing what.</param>
    /// <param name="eventId">The event concerned, if it is one.</param>
    public TimerErrorEventArgs(Exception exception, string message, string? eventId)
    {
        Exception = exception;
        Message = message;
        EventId = eventId;
    }

    /// <summary>What went wrong.</summary>
    public Exception Exception { get; }

    /// <summary>While doing what.</summary>
    public string Message { get; }

    /// <summary>The id of the event concerned, if it is one.</summary>
    public string? EventId { get; }
}
