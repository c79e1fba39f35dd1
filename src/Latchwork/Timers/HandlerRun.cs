using System.Diagnostics;
using Latchwork.Diagnostics;

namespace Latchwork;

/// <summary>Runs the handler of one delivery and tells the store how it ended. Nothing that happens here touches another delivery.</summary>
internal sealed class HandlerRun(LeaseHolder holder, Func<TimerDelivery, CancellationToken, Task> handler)
{
    /// <summary>How long the engine repeats the end of a delivery that the store does not take, unless the lease is longer.</summary>
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(30);

    /// <summary>Runs it. Never throws.</summary>
    /// <param name="delivery">The delivery.</param>
    /// <param name="returned">Is called once, when the handler has returned: the next may run.</param>
    public async Task RunAsync(TimerDelivery delivery, Action<TimerDelivery> returned)
    {
        bool hasReturned = false;
        try
        {
            // In the queue the lease may have run out: then the event is another's by now, or soon. Or the node leaves, from just now on.
            if (!delivery.TryStart())
            {
                await holder.HandBackAsync(delivery).ConfigureAwait(false);
                return;
            }

            if (holder.Settings.Confirmation == Confirmation.OnDelivery && !await EndAsync(delivery, failure: null).ConfigureAwait(false)) return;

            Exception? failure = await CallAsync(delivery).ConfigureAwait(false);
            StopReason reason = delivery.StopReason; // what fires from now on did not end the handler
            delivery.MarkReturned();
            returned(delivery);
            hasReturned = true;
            await ConcludeAsync(delivery, failure, reason).ConfigureAwait(false);
        }
        finally
        {
            delivery.MarkReturned();
            if (!hasReturned) returned(delivery);
            delivery.EndTransactions();
            delivery.MarkEnded();
            holder.Ran?.Invoke(delivery);
        }
    }

    private async Task<Exception?> CallAsync(TimerDelivery delivery)
    {
        Exception? failure;
        Activity? activity = Tracing.StartProcess(delivery.Namespace, delivery.Id, delivery.Retries, delivery.Headers);
        using (activity.EndWithBlock())
        {
            failure = await CallHandlerAsync(delivery).ConfigureAwait(false);
            if (failure is not null) activity?.Fail(failure);
        }

        if (Metrics.Processing.Enabled) Listeners.Tell((Run: this, delivery, failure), static one => one.Run.Record(one.delivery, one.failure));
        return failure;
    }

    private async Task<Exception?> CallHandlerAsync(TimerDelivery delivery)
    {
        if (Metrics.Lateness.Enabled) Listeners.Tell(delivery, static one => Metrics.Lateness.Record(one.Lateness.TotalSeconds, Names.OfTimer(one.Namespace, "process")));
        HandlerScope scope = HandlerScope.Begin(delivery);
        try
        {
            using IDisposable? logged = holder.Errors.BeginHandler(delivery);
            Task? running = handler(delivery, delivery.Stopping);
            if (running is null) return new InvalidOperationException("The handler returned null instead of a task.");
            await running.ConfigureAwait(false);
            return null;
        }
#pragma warning disable CA1031 // What a handler throws is its delivery's affair alone.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e;
        }
        finally
        {
            scope.End();
        }
    }

    private void Record(TimerDelivery delivery, Exception? failure)
    {
        TagList tags = Names.OfTimer(delivery.Namespace, "process");
        if (failure is not null and not OperationCanceledException) tags.Add(Names.ErrorType, Names.OfError(failure));
        Metrics.Processing.Record((holder.Now - delivery.StartedAt).TotalSeconds, tags);
    }

    private async Task ConcludeAsync(TimerDelivery delivery, Exception? failure, StopReason reason)
    {
        // The handler may have ended the delivery without waiting for the answer. That call reports its own failure.
        await delivery.Decision.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        bool stopped = failure is OperationCanceledException && reason != StopReason.None;
        if (failure is not null && !stopped) holder.Errors.Report(delivery.IsOver ? FailedOperation.HandlerTooLate : FailedOperation.Handler, failure, delivery);
        if (holder.IsAbandoned || (delivery.IsOver && !delivery.IsLost)) return;

        if (failure is null && delivery.IsConfirmedInTransaction)
        {
            // The handler has committed. If it has not, the event is still in flight, and comes again when its lease runs out.
            delivery.Settle(TimerOutcome.NotFound);
        }
        else if (failure is null)
        {
            // Also after the lease ran out: if nobody took over, the event need not be handled again.
            if (holder.Settings.Confirmation == Confirmation.AfterHandler) await EndAsync(delivery, failure: null).ConfigureAwait(false);
        }
        else if (delivery.IsLost || (stopped && reason != StopReason.NodeLeaving))
        {
            // The event is another's by now, or soon.
            holder.OnLeaseLost(delivery, DeliveryEnd.LeftBehind, quietly: true);
        }
        else if (reason == StopReason.NodeLeaving)
        {
            // Whatever it threw (a connection that was closed under it, say, instead of the token's own exception): it was interrupted.
            Storage.TimerFailure interruption = delivery.FailureOf($"Interrupted, as the node left: {Describe(failure)}", delay: null) with { IsInterruption = true };
            await EndAsync(delivery, interruption, failure).ConfigureAwait(false);
        }
        else
        {
            await EndAsync(delivery, delivery.FailureOf(Describe(failure), delay: null), failure).ConfigureAwait(false);
        }
    }

    private async Task<bool> EndAsync(TimerDelivery delivery, Storage.TimerFailure? failure, Exception? thrown = null)
    {
        FailedOperation operation = failure is null ? FailedOperation.Confirmation : FailedOperation.FailureReport;
        bool wasLost = delivery.IsLost;
        try
        {
            TimeSpan timeout = holder.Settings.LeaseDuration > _timeout ? holder.Settings.LeaseDuration : _timeout;
            TimerOutcome outcome = await delivery.EndAsync(failure, thrown, holder.Now + timeout, holder.Aborted).ConfigureAwait(false);
            if (outcome is TimerOutcome.Done or TimerOutcome.DeadLettered) return true;

            // The handler threw after its transaction was committed, or did not learn that it was.
            if (outcome == TimerOutcome.NotFound && delivery.IsConfirmedInTransaction) return true;

            if (!wasLost && !delivery.WasRevoked)
            {
                holder.Errors.Report(operation, new LatchworkStoreException($"The store answered '{outcome}'.", StoreOutcome.NotApplied), delivery);
            }
        }
        catch (OperationCanceledException) when (holder.Aborted.IsCancellationRequested)
        {
            holder.Errors.Log.Stopped("The end of a delivery");
            holder.OnLeaseLost(delivery, DeliveryEnd.LeftBehind, quietly: true);
        }
#pragma warning disable CA1031 // Nobody waits for this: it is reported, and the lease runs out.
        catch (Exception e)
#pragma warning restore CA1031
        {
            holder.Errors.Report(operation, e, delivery);
            holder.OnLeaseLost(delivery, DeliveryEnd.Unknown, quietly: true);
        }

        return false;
    }

    private static string Describe(Exception exception) => $"{exception.GetType().Name}: {Listeners.MessageOf(exception)}";
}
