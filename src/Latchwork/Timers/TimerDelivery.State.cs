using System.Diagnostics.CodeAnalysis;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

// The life of a delivery on this node: queued, started, ended; and beside it: held, then settled (the store was told) or lost. All of it
// is one word of marks, changed atomically, so that of two threads that race (the lease runs out as the handler starts, say) each sees
// what the other did.
[SuppressMessage("Design", "CA1001", Justification = "A source without timer and wait handle holds nothing that must be disposed.")]
public sealed partial class TimerDelivery
{
    private const int Started = 1;
    private const int Returned = 2;
    private const int Ended = 4;
    private const int Settled = 8;
    private const int Dropped = 16;

    private int _marks;
    private int _deciding;
    private long _deadline;
    private CancellationTokenSource? _stop;
    private TimerOutcome _afterwards;
    private volatile Task? _decision;

    internal PartitionClient Client { get; }

    internal DeliveryKey Key => new(Id, Token);

    /// <summary>The local lease expiry, by the monotonic clock.</summary>
    internal TimeSpan Deadline => new(Volatile.Read(ref _deadline));

    /// <summary>When to extend the lease next. Belongs to the <see cref="LeaseKeeper"/>.</summary>
    internal TimeSpan RenewAt { get; set; }

    /// <summary>Whether the store was told of the end, or the lease was lost.</summary>
    internal bool IsOver => (Volatile.Read(ref _marks) & (Settled | Dropped)) != 0;

    /// <summary>Whether the lease was lost.</summary>
    internal bool IsLost => (Volatile.Read(ref _marks) & Dropped) != 0;

    /// <summary>Whether the handler has returned.</summary>
    internal bool HasReturned => (Volatile.Read(ref _marks) & Returned) != 0;

    /// <summary>Whether the handler was called.</summary>
    internal bool HasStarted => (Volatile.Read(ref _marks) & Started) != 0;

    /// <summary>Whether it was lost because somebody replaced or revoked the event: nothing went wrong.</summary>
    internal bool WasRevoked { get; set; }

    /// <summary>Why a typed handler was not called: the payload cannot be read.</summary>
    internal Exception? DeserializationFailed { get; set; }

    /// <summary>When the handler was called.</summary>
    internal TimeSpan StartedAt => _startedAt;

    /// <summary>Whether a call that ends the delivery is under way; until it is answered, nobody else's answer decides.</summary>
    internal bool IsDeciding => Volatile.Read(ref _deciding) > 0;

    /// <summary>The last call of the handler that ends the delivery, which it may not have awaited.</summary>
    internal Task Decision => _decision ?? Task.CompletedTask;

    /// <summary>Lets the handler start unless the delivery is over or its lease ran out.</summary>
    internal bool TryStart()
    {
        _startedAt = _listener.Now;
        if (_startedAt >= Deadline) _listener.OnLeaseLost(this, DeliveryEnd.LeaseRanOut);
        _stop = new CancellationTokenSource();
        return TryMark(Started, unless: Dropped | Settled);
    }

    /// <summary>The handler has returned.</summary>
    internal void MarkReturned() => TryMark(Returned, unless: 0);

    /// <summary>The engine has nothing more to do with it, but it may still be held for a manual confirm.</summary>
    internal void MarkEnded() => TryMark(Ended, unless: 0);

    /// <summary>The store was told of the end.</summary>
    internal bool Settle(TimerOutcome afterwards)
    {
        _afterwards = afterwards;
        return TryMark(Settled, unless: Settled | Dropped);
    }

    /// <summary>The delivery is no longer this node's: a running handler is told.</summary>
    internal bool Drop()
    {
        if (!TryMark(Dropped, unless: Settled | Dropped)) return false;
        if ((Volatile.Read(ref _marks) & (Started | Returned)) == Started) Stop();
        return true;
    }

    /// <summary>Fires the token. Its state changes immediately, callbacks run on the pool.</summary>
    internal void Stop()
    {
        if (_stop is not { } stop) return;
        stop.CancelAsync().ContinueWith(
            static (task, self) => ((TimerDelivery)self!).OnCallbackThrew(task.Exception!.InnerException!),
            this,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted,
            TaskScheduler.Default);
    }

    /// <summary>Moves the local lease expiry, never back.</summary>
    internal void SetLeaseExpiry(TimeSpan deadline)
    {
        long seen = Volatile.Read(ref _deadline);
        while (deadline.Ticks > seen)
        {
            long before = Interlocked.CompareExchange(ref _deadline, deadline.Ticks, seen);
            if (before == seen) return;
            seen = before;
        }
    }

    /// <summary>Ends the delivery: confirms it, or reports a failure.</summary>
    /// <param name="failure">The failure; null to confirm.</param>
    /// <param name="repeatUntil">Until when to repeat it if the store does not answer.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    internal async Task<TimerOutcome> EndAsync(TimerFailure? failure, TimeSpan repeatUntil, CancellationToken cancellationToken)
    {
        TimerOutcome outcome;
        Interlocked.Increment(ref _deciding);
        try
        {
            outcome = failure is null
                ? await _listener.Calls.ConfirmAsync(Client, Key, repeatUntil, cancellationToken).ConfigureAwait(false)
                : await _listener.Calls.FailAsync(Client, failure, repeatUntil, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _deciding);
        }

        if (outcome == TimerOutcome.Stale) _listener.OnLeaseLost(this, DeliveryEnd.TakenOver, quietly: true);
        else Settle(failure is null || outcome == TimerOutcome.NotFound ? TimerOutcome.NotFound : TimerOutcome.Stale);
        return outcome;
    }

    /// <summary>Hands the delivery back: no retry is spent.</summary>
    /// <param name="repeatUntil">Until when to repeat it if the store does not answer.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    internal async Task ReleaseAsync(TimeSpan repeatUntil, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _deciding);
        try
        {
            await _listener.Calls.ReleaseAsync(Client, Key, repeatUntil, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _deciding);
        }

        Settle(TimerOutcome.Stale);
    }

    private Task<TimerOutcome> Decide(TimerFailure? failure, CancellationToken cancellationToken)
    {
        if (Refusal() is { } refusal) return Task.FromResult(refusal);

        TimeSpan leaseEnd = _listener.Now + _listener.Settings.LeaseDuration;
        Task<TimerOutcome> decision = EndAsync(failure, leaseEnd > Deadline ? leaseEnd : Deadline, cancellationToken);
        _decision = decision;
        return decision;
    }

    private async Task<TimerOutcome> ExtendCoreAsync(TimeSpan lease, CancellationToken cancellationToken)
    {
        if (Refusal() is { } refusal) return refusal;

        (TimerOutcome outcome, TimeSpan sentAt) =
            await _listener.Calls.ExtendAsync(Client, Key, lease, Deadline, cancellationToken).OffStoreThread().ConfigureAwait(false);
        if (outcome == TimerOutcome.Done) SetLeaseExpiry(sentAt + lease);
        else if (!IsDeciding) _listener.OnLeaseLost(this, DeliveryEnd.TakenOver, quietly: true);
        return outcome;
    }

    // The lease ends locally: what the store would say is not asked.
    private TimerOutcome? Refusal()
    {
        int marks = Volatile.Read(ref _marks);
        if ((marks & Settled) != 0) return _afterwards;
        return (marks & Dropped) != 0 || _listener.Now >= Deadline || _listener.IsAbandoned ? TimerOutcome.Stale : null;
    }

    private void OnCallbackThrew(Exception exception) => _listener.Errors.Report(exception, "A callback on a delivery's token threw.", Id);

    private bool TryMark(int mark, int unless)
    {
        int before;
        while (true)
        {
            before = Volatile.Read(ref _marks);
            if ((before & unless) != 0) return false;
            if (Interlocked.CompareExchange(ref _marks, before | mark, before) == before) break;
        }

        if ((before & (Settled | Dropped)) == 0 && (mark & (Settled | Dropped)) != 0) _listener.NotHeld(this);
        if (!IsFinished(before) && IsFinished(before | mark)) _listener.Finished();
        return true;
    }

    private static bool IsFinished(int marks) => (marks & Ended) != 0 && (marks & (Settled | Dropped)) != 0;
}
