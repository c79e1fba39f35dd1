using Latchwork.Storage;

namespace Latchwork.Faults.History;

/// <summary>Records claims and what becomes of deliveries; the rest passes through. An entry is written on the thread of the store: short, and without a free thread of the pool.</summary>
internal sealed class RecordingTimerStore(ITimerStore inner, HistoryWriter history) : ITimerStore
{
    public async Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
    {
        long op = history.NextOp();
        long lease = MonotonicTime.Of(request.Lease);
        long sent = MonotonicTime.Now;
        history.Write(new OperationStarted(sent, op, Verb.Claim, partition.Namespace, null) { Token = request.ClaimToken, Lease = lease });
        TimerClaim claim;
        try
        {
            claim = await inner.ClaimAsync(partition, request, cancellationToken).ConfigureAwait(false);
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

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        RecordAsync(
            [.. deliveries.Select(d => Start(Verb.Confirm, partition, d))],
            () => inner.ConfirmAsync(partition, deliveries, cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        RecordAsync(
            [.. deliveries.Select(d => Start(Verb.Extend, partition, d) with { Lease = MonotonicTime.Of(lease) })],
            () => inner.ExtendAsync(partition, deliveries, lease, cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        RecordAsync(
            [.. deliveries.Select(d => Start(Verb.Release, partition, d))],
            () => inner.ReleaseAsync(partition, deliveries, cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        RecordAsync(
            [.. failures.Select(f => Start(Verb.Fail, partition, f.Delivery) with { Delay = f.RetryIn is { } delay ? MonotonicTime.Of(delay) : null })],
            () => inner.FailAsync(partition, failures, deadLetters, cancellationToken));

    public Task<int> OpenAsync(string ns, CancellationToken cancellationToken) => inner.OpenAsync(ns, cancellationToken);

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) => inner.NamespacesAsync(cancellationToken);

    public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        inner.PostAsync(partition, entries, cancellationToken);

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        inner.PeekAsync(partition, id, cancellationToken);

    public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        inner.CancelAsync(partition, id, revoke, cancellationToken);

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        inner.ChangeDelayAsync(partition, id, due, cancellationToken);

    public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken);

    public Task<TimerPage> DeadAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.DeadAsync(partition, cursor, limit, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadKey> keys, Due due, CancellationToken cancellationToken) =>
        inner.RequeueAsync(partition, keys, due, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadKey> keys, CancellationToken cancellationToken) =>
        inner.PurgeAsync(partition, keys, cancellationToken);

    public Task<IReadOnlyList<TimerNode>> NodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        inner.NodesAsync(partition, cancellationToken);

    public Task<TimerStats> StatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        inner.StatsAsync(partition, cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<TimerBell> ring, CancellationToken cancellationToken) =>
        inner.SubscribeAsync(ns, nodeId, ring, cancellationToken);

    public Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        inner.LeaveAsync(partition, nodeId, cancellationToken);

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
