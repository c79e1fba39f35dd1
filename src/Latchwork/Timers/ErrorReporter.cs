using System.Text;
using System.Text.Unicode;
using Latchwork.Diagnostics;
using Latchwork.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Latchwork;

/// <summary>
/// Logs what no call reports, and raises the event for it on the pool: a user's code, loggers included, never runs on the threads of alarms or stores.
/// </summary>
internal sealed class ErrorReporter(ILoggerFactory? loggers, string ns, bool logPayloads)
{
    private const int MaxPayloadBytes = 1 << 10;

    public ILogger Log { get; } = new SafeLogger(loggers?.CreateLogger("Latchwork.Timers") ?? NullLogger.Instance, leavesSharedThreads: true);

    /// <summary>The namespace, for messages.</summary>
    public string Namespace => ns;

    /// <summary>Raised on the pool.</summary>
    public event EventHandler<TimerErrorEventArgs>? Error;

    /// <summary>The sender of the event.</summary>
    public object? Sender { get; set; }

    /// <summary>Begins the scope in which a handler runs: everything that it logs has the event's id, its namespace, and which attempt it is.</summary>
    public IDisposable? BeginHandler(TimerDelivery delivery) => loggers is null ? null : Log.BeginScope(new DeliveryScope(delivery));

    /// <summary>Logs that an attempt failed and what the store made of it.</summary>
    public void AttemptFailed(TimerDelivery delivery, TimerFailure failure, TimerOutcome outcome, Exception? exception)
    {
        if (failure.IsInterruption && outcome != TimerOutcome.DeadLettered) return; // handed back, or nearly so: nothing went wrong
        if (outcome == TimerOutcome.DeadLettered) Log.DeadLettered(exception, delivery.Id, ns, delivery.Attempt, delivery.Attempts, failure.Error, failure.Reason);
        else Log.AttemptFailed(exception, delivery.Id, ns, delivery.Attempt, delivery.Attempts, failure.Error, Durations.Text(failure.RetryIn ?? TimeSpan.Zero));
        if (logPayloads && Log.IsEnabled(LogLevel.Warning)) Log.PayloadOf(delivery.Id, ns, Show(delivery.Payload.Span));
    }

    /// <param name="operation">What failed.</param>
    /// <param name="exception">What happened.</param>
    /// <param name="delivery">The delivery, if it is about one.</param>
    /// <param name="quietly">Whether the like was logged before: then it is at Debug.</param>
    public void Report(FailedOperation operation, Exception exception, TimerDelivery? delivery = null, bool quietly = false)
    {
        string message = MessageOf(operation);
        if (quietly) Log.FailedAgain(exception, ns, message);
        else if (delivery is not null) LogAbout(operation, exception, delivery);
        else LogAbout(operation, exception);
        if (Error is null) return;
        ThreadPool.UnsafeQueueUserWorkItem(
            static state => state.Self.Raise(state.Args),
            (Self: this, Args: new TimerErrorEventArgs(exception, message, delivery?.Id)),
            preferLocal: false);
    }

    /// <summary>What is said to subscribers of the event.</summary>
    private static string MessageOf(FailedOperation operation) => operation switch
    {
        FailedOperation.Handler or FailedOperation.HandlerTooLate => "A handler failed.",
        FailedOperation.Claim => "Due events could not be claimed; trying again.",
        FailedOperation.Extension => "Leases could not be extended; trying again.",
        FailedOperation.Confirmation => "A delivery could not be confirmed.",
        FailedOperation.FailureReport => "A failure could not be reported to the store.",
        FailedOperation.LostLease => "A lease was lost.",
        FailedOperation.HandBack => "A delivery could not be handed back.",
        FailedOperation.Callback => "A callback on a delivery's token threw.",
        FailedOperation.Occurrence => "An occurrence of a schedule could not be begun.",
        FailedOperation.Sweep => "Schedules without an occurrence could not be looked for; trying again.",
        FailedOperation.Leave => "The store could not be told that this node leaves.",
        _ => "The subscription could not be ended.",
    };

    private void LogAbout(FailedOperation operation, Exception exception)
    {
        if (operation == FailedOperation.Claim) Log.ClaimFailed(exception, ns);
        else if (operation == FailedOperation.Extension) Log.ExtensionFailed(exception, ns);
        else if (operation == FailedOperation.Sweep) Log.SweepFailed(exception, ns);
        else if (operation == FailedOperation.Leave) Log.LeaveFailed(exception, ns);
        else Log.UnsubscriptionFailed(exception, ns);
    }

    private void LogAbout(FailedOperation operation, Exception exception, TimerDelivery delivery)
    {
        (string id, long attempt, long attempts) = (delivery.Id, delivery.Attempt, delivery.Attempts);
        string next = attempt < attempts ? "its lease runs out, and it is delivered again" : "its lease runs out, and it is dead-lettered: LeaseExpired";
        switch (operation)
        {
            case FailedOperation.Handler:
                break;
            case FailedOperation.HandlerTooLate:
                Log.FailedTooLate(exception, id, ns, attempt, attempts);
                break;
            case FailedOperation.Confirmation:
                Log.ConfirmationFailed(exception, id, ns, attempt, attempts, delivery.IsOver ? "it is no longer this node's" : next);
                break;
            case FailedOperation.FailureReport:
                Log.FailureNotReported(exception, id, ns, attempt, attempts, delivery.IsOver ? "it is no longer this node's" : next);
                break;
            case FailedOperation.LostLease:
                Log.LeaseLost(exception, id, ns, attempt, attempts);
                break;
            case FailedOperation.Occurrence:
                Log.OccurrenceNotBegun(exception, id, ns);
                break;
            case FailedOperation.HandBack:
                Log.HandBackFailed(exception, id, ns, attempt, attempts, next);
                break;
            default:
                Log.CallbackThrew(exception, id, ns, attempt, attempts);
                break;
        }
    }

    private static string Show(ReadOnlySpan<byte> payload)
    {
        string more = payload.Length > MaxPayloadBytes ? $"… ({payload.Length} bytes)" : "";
        if (!Utf8.IsValid(payload)) return Convert.ToBase64String(payload[..Math.Min(payload.Length, MaxPayloadBytes)]) + more;
        return (more.Length == 0 ? Encoding.UTF8.GetString(payload) : ErrorText.Clip(Encoding.UTF8.GetString(payload))) + more;
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
                Log.SubscriberThrew(e, ns);
            }
        }
    }
}
