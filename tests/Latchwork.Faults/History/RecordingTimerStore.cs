using Latchwork.Storage;

namespace Latchwork.Faults.History;

/// <summary>Records claims and what becomes of deliveries; the rest passes through. An entry is written on the thread of the store: short, and without a free thread of the pool.</summary>
internal sealed class RecordingTimerStore(ITimerStore inner, HistoryWriter history) : PassingTimerStore(inner)
{
    public override async Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
    {
        long op = history.NextOp();
        long lease = MonotonicTime.Of(request.LeaseDuration);
        long sent = MonotonicTime.Now;
        history.Write(new OperationStarted(sent, op, Verb.Claim, partition.Namespace, null) { Token = request.ClaimToken, Lease = lease });
        TimerClaim claim;
        try
        {
            claim = await base.ClaimAsync(partition, request, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            history.Write(OperationRecording.EndOf(op, e));
            throw;
        }

        long now = MonotonicTime.Now;
        List<HistoryEntry> entries = new(claim.Events.Count + 1);
        foreach (ClaimedEvent e in claim.Events)
        {
            entries.Add(new EventClaimed(
                now, op, partition.Namespace, e.Id, request.ClaimToken, EventVersion.Of(e.Payload.Span), e.Retries, e.MaxRetries,
                MonotonicTime.Of(e.Lateness), sent, lease));
        }

        entries.Add(new OperationEnded(now, op, Ending.Answered) { Outcome = "Done" });
        history.Write(entries);
        return claim;
    }

    public override Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        RecordAsync(
            [.. deliveries.Select(d => Start(Verb.Confirm, partition, d))],
            () => base.ConfirmAsync(partition, deliveries, completed, cancellationToken));

    public override Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        RecordAsync(
            [.. deliveries.Select(d => Start(Verb.Extend, partition, d) with { Lease = MonotonicTime.Of(lease) })],
            () => base.ExtendAsync(partition, deliveries, lease, cancellationToken));

    public override Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        RecordAsync(
            [.. deliveries.Select(d => Start(Verb.Release, partition, d))],
            () => base.ReleaseAsync(partition, deliveries, cancellationToken));

    public override Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        RecordAsync(
            [.. failures.Select(f => Start(f.IsInterruption ? Verb.Interrupt : Verb.Fail, partition, f.Delivery) with { Delay = f.RetryIn is { } delay ? MonotonicTime.Of(delay) : null })],
            () => base.FailAsync(partition, failures, deadLetters, cancellationToken));

    private OperationStarted Start(Verb verb, TimerPartition partition, DeliveryKey delivery) =>
        new(0, history.NextOp(), verb, partition.Namespace, delivery.Id) { Token = delivery.Token };

    private async Task<IReadOnlyList<TimerOutcome>> RecordAsync(OperationStarted[] starts, Func<Task<IReadOnlyList<TimerOutcome>>> call)
    {
        long sent = MonotonicTime.Now;
        history.Write(starts.Select(start => start with { At = sent }));
        IReadOnlyList<TimerOutcome> outcomes;
        try
        {
            outcomes = await call().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            history.Write(starts.Select(start => OperationRecording.EndOf(start.Op, e)));
            throw;
        }

        long now = MonotonicTime.Now;
        history.Write(starts.Select((start, i) => new OperationEnded(now, start.Op, Ending.Answered) { Outcome = outcomes[i].ToString() }));
        return outcomes;
    }
}
