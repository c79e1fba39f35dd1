using Latchwork.Diagnostics;
using Latchwork.Threading;

namespace Latchwork;

/// <content>Receiving: for those who ask for events when they can take some, instead of being called.</content>
public sealed partial class DistributedTimer
{
    private Receivers? _receivers; // of the membership, if it is one that receives; under the gate

    /// <summary>
    /// Waits until events are due and takes them. The caller ends each delivery itself: it confirms it, has it retried or dead-lettered, or releases it.
    /// The lease, <see cref="TimerOptions.LeaseDuration"/>, is not extended unless the caller does.
    /// </summary>
    /// <inheritdoc cref="ReceiveAsync(int, TimeSpan, TimeSpan, CancellationToken)"/>
    public Task<IReadOnlyList<TimerDelivery>> ReceiveAsync(int max, TimeSpan wait, CancellationToken cancellationToken = default) =>
        ReceiveAsync(max, wait, _settings.LeaseDuration, cancellationToken);

    /// <summary>
    /// Waits until events are due and takes them, under a lease of its own length. The caller ends each delivery itself: it confirms it, has it retried
    /// or dead-lettered, or releases it. The lease is not extended unless the caller does.
    /// </summary>
    /// <remarks>
    /// All callers of a timer share one membership of its node: while they wait they cost no thread, and no command beyond those of one listener. It
    /// joins with the first call, and leaves when nobody has waited and nothing was held for 10 s, or with <see cref="LeaveAsync"/>. Whoever
    /// has a delivery keeps it then, and can end it until its lease ends or the timer is disposed. The timer holds at most
    /// <see cref="TimerOptions.MaxInFlight"/> deliveries. An occurrence of a schedule has advanced its schedule before it is given to the caller.
    /// </remarks>
    /// <param name="max">The most deliveries: 1 to 200.</param>
    /// <param name="wait">How long to wait while nothing is due: zero to 1 day. Zero asks once.</param>
    /// <param name="lease">How long the deliveries belong to the caller: 100 ms to 1 day. Default: <see cref="TimerOptions.LeaseDuration"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was taken for this call is handed back, with no retry spent.</param>
    /// <returns>The deliveries, at least one; none if nothing came due in the time, or the timer left.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its bounds.</exception>
    /// <exception cref="InvalidOperationException">The timer is joined with a handler, or 10,000 callers wait already.</exception>
    /// <exception cref="LatchworkStoreException">The store cannot be joined, or does not answer at the end of the wait.</exception>
    /// <exception cref="OperationCanceledException">The token fired.</exception>
    public Task<IReadOnlyList<TimerDelivery>> ReceiveAsync(int max, TimeSpan wait, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        if (max is < 1 or > Limits.MaxBatch) throw new ArgumentOutOfRangeException(nameof(max), max, $"'max' must be 1 to {Limits.MaxBatch}; it is {max}.");
        Limits.CheckDuration(wait, TimeSpan.Zero, TimeSpan.FromDays(1), nameof(wait));
        Limits.CheckDuration(lease, Limits.MinLease, Limits.MaxDeliveryLease, nameof(lease));
        return cancellationToken.IsCancellationRequested
            ? Task.FromCanceled<IReadOnlyList<TimerDelivery>>(cancellationToken)
            : ReceiveCoreAsync(new Receiver(max, lease), wait, endWait: default, cancellationToken);
    }

    /// <summary>Waits as <see cref="ReceiveAsync(int, TimeSpan, TimeSpan, CancellationToken)"/> does, with a second token: when that fires the wait is over, and what was given until then is returned.</summary>
    internal Task<IReadOnlyList<TimerDelivery>> ReceiveUntilAsync(int max, TimeSpan wait, TimeSpan lease, CancellationToken endWait, CancellationToken cancellationToken) =>
        ReceiveCoreAsync(new Receiver(max, lease), wait, endWait, cancellationToken);

    private async Task<IReadOnlyList<TimerDelivery>> ReceiveCoreAsync(Receiver receiver, TimeSpan wait, CancellationToken endWait, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, endWait);
        CancellationToken stop = either.Token;
        Receivers receivers;
        do receivers = GetReceivers();
        while (!receivers.TryEnqueue(receiver));

        await ((Task)receiver.Result).WaitAsync(wait, _settings.Time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!receiver.Result.IsCompleted && !stop.IsCancellationRequested)
        {
            receivers.EndWait(receiver);
            await ((Task)receiver.Result).WaitAsync(stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (stop.IsCancellationRequested) receivers.Withdraw(receiver);
        IReadOnlyList<TimerDelivery> deliveries = await receiver.Result.ConfigureAwait(false);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            deliveries = await WithLeaseAsync(deliveries, receiver.Lease, cancellationToken).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
        catch
        {
            await Task.WhenAll(deliveries.Select(delivery => delivery.HandBackAsync())).ConfigureAwait(false);
            throw;
        }

        if (Metrics.Lateness.Enabled)
        {
            foreach (TimerDelivery delivery in deliveries) Listeners.Tell(delivery, static one => Metrics.Lateness.Record(one.Lateness.TotalSeconds, Names.OfTimer(one.Namespace, "process")));
        }

        return deliveries;
    }

    /// <summary>The callers of one claim may want leases of several lengths: it has the shortest, and the others are extended before anybody sees them.</summary>
    private static async Task<IReadOnlyList<TimerDelivery>> WithLeaseAsync(IReadOnlyList<TimerDelivery> deliveries, TimeSpan lease, CancellationToken cancellationToken)
    {
        if (!deliveries.Any(delivery => delivery.LeaseLeft < lease * 0.9)) return deliveries;
        TimerOutcome[] outcomes = await Task.WhenAll(deliveries.Select(delivery => delivery.ExtendAsync(lease, cancellationToken))).ConfigureAwait(false);
        return [.. deliveries.Where((_, i) => outcomes[i] is TimerOutcome.Done or TimerOutcome.InFlight)];
    }

    private Receivers GetReceivers()
    {
        Membership next;
        Receivers receivers;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Membership? before = _membership;
            if (before is { IsLeavingOrEnded: false })
            {
                if (_receivers is null) throw new InvalidOperationException("The timer is joined with a handler, which gets the events.");
                if (!_receivers.IsClosed) return _receivers;
            }

            if (before is { Ended.IsCompleted: true }) before = null;
            // What all callers share runs in the context of none: the first one's is not kept alive, nor seen by the others.
            using AsyncFlowControl? flow = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
            _membership = next = new Membership(before);
            _receivers = receivers = new Receivers(_settings, () => _ = next.LeaveAsync(caller: null, CancellationToken.None).Observed());
            _ = JoinAsync(next, receivers);
        }

        return receivers;
    }

    // Never throws: those who wait are notified.
    private async Task JoinAsync(Membership membership, Receivers receivers)
    {
        try
        {
            await Task.Run(() => membership.JoinAsync(OpenAsync, GetStatsAsync, CancellationToken.None)).ConfigureAwait(false);
            receivers.OnJoined();
        }
#pragma warning disable CA1031 // Whatever it is, it is the failure of those who wait.
        catch (Exception e)
#pragma warning restore CA1031
        {
            receivers.OnJoinFailed(e is OperationCanceledException ? new ObjectDisposedException(nameof(DistributedTimer), "The timer left before it had joined.") : e);
        }

        async Task<Listener> OpenAsync(CancellationToken cancellationToken)
        {
            PartitionClient[] clients = await _clients.GetAsync(cancellationToken).ConfigureAwait(false);
            return Listener.ForReceivers(_clients, clients, _settings, _errors, () => Limits.MaxBatch, receivers);
        }
    }
}
