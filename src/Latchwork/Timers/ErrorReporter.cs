using Latchwork.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Latchwork;

/// <summary>Logs what no call reports, and raises the event for it on the pool: a user's code never runs on the threads of alarms or stores.</summary>
internal sealed class ErrorReporter(ILoggerFactory? loggers)
{
    public ILogger Log { get; } = new SafeLogger(loggers?.CreateLogger("Latchwork.Timers") ?? NullLogger.Instance);

    /// <summary>Raised on the pool.</summary>
    public event EventHandler<TimerErrorEventArgs>? Error;

    /// <summary>The sender of the event.</summary>
    public object? Sender { get; set; }

    /// <param name="exception">What happened.</param>
    /// <param name="message">What could not be done.</param>
    /// <param name="eventId">The event, if it is about one.</param>
    /// <param name="quietly">Whether the log was told of the like before: then it is at Debug.</param>
    public void Report(Exception exception, string message, string? eventId = null, bool quietly = false)
    {
        if (quietly) Log.FailedAgain(exception, message);
        else Log.Failed(exception, message);
        if (eventId is not null) Log.FailedOn(eventId, message);
        if (Error is null) return;
        ThreadPool.UnsafeQueueUserWorkItem(
            static state => state.Self.Raise(state.Args),
            (Self: this, Args: new TimerErrorEventArgs(exception, message, eventId)),
            preferLocal: false);
    }

    private void Raise(TimerErrorEventArgs args)
    {
        foreach (EventHandler<TimerErrorEventArgs> subscriber in Error?.GetInvocationList() ?? [])
        {
            try
            {
                subscriber(Sender, args);
            }
#pragma warning disable CA1031 // One subscriber's exception must reach neither the others nor the process.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Log.SubscriberThrew(e);
            }
        }
    }
}
