using System.Diagnostics.CodeAnalysis;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

// The life of a delivery on this node: queued, started, ended; and beside it: held, then settled (the store was told) or lost. Between held and
// settled it is ending: one or more calls that end it are under way, and their answers decide. Until then what looks like a loss (a refused
// extension; the next delivery of the event, which is here before the answer) is a suspicion, and is forgotten when an answer says that this
// node ended the delivery itself. All of it is one word of marks, changed atomically, so that of two threads that race (the lease runs out as
// the handler starts, say) each sees what the other did. What its caller alone holds is let go: it takes no place, and its lease continues.
[SuppressMessage("Design", "CA1001", Justification = "A source without timer and wait handle holds nothing that must be disposed.")]
public sealed partial class TimerDelivery
{
    private const int Started = 1;
    private const int Returned = 2;
    private const int Ended = 4;
    private const int Settled = 8;
    private const int Dropped = 16;
    private const int Suspected = 32;
    private const int LetGo = 64;
    private const int Ending = 128; // from here on, a count
    private const int NoLongerHeld = Settled | Dropped | LetGo;

    private readonly LazyCancellation _stop = new();
    private readonly LazyCancellation _lost = new();
    private int _marks;
    private int _stopReason;
    private int _inTransactions; // calls that confirm in a transaction, as long as it is not known what became of that
    private long _deadline;
    private TimerOutcome _afterwards;
    private volatile Task? _decision;

    internal PartitionClient Client { get; }

    internal DeliveryKey Key => new(Id, Token);

    /// <summary>Which attempt it is: 1 is the first.</summary>
    internal long Attempt => Retries + 1L;

    /// <summary>The attempts that the event has in all.</summary>
    internal long Attempts => MaxRetries + 1L;

    /// <summary>Whether no retry is left: if the node dies now, the event is a dead letter, whether or not a handler has begun.</summary>
    internal bool IsLastAttempt => Retries >= MaxRetries;

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

    /// <summary>Whether a caller has received it, and no handler: then nobody extends it but the caller.</summary>
    internal bool IsReceived { get; private set; }

    /// <summary>Why a typed handler was not called: the payload cannot be read.</summary>
    internal Exception? DeserializationFailed { get; set; }

    /// <summary>When it came from the store.</summary>
    internal TimeSpan ReceivedAt { get; }

    /// <summary>When it came to wait for a handler: for an occurrence of a schedule that is when its schedule was asked.</summary>
    internal TimeSpan QueuedAt { get; set; }

    /// <summary>When the handler was called.</summary>
    internal TimeSpan StartedAt => _startedAt;

    /// <summary>Whether a call that ends the delivery is under way; until it is answered, nobody else's answer decides.</summary>
    internal bool IsEnding => Volatile.Read(ref _marks) >= Ending;

    /// <summary>The last call of the handler that ends the delivery, which it may not have awaited.</summary>
    internal Task Decision => _decision ?? Task.CompletedTask;

    /// <summary>Whether this holder holds it, or did.</summary>
    internal bool IsOf(LeaseHolder holder) => ReferenceEquals(_holder, holder);

    /// <summary>When it was claimed, by the store's clock; of an occurrence: when it was claimed first.</summary>
    internal DateTimeOffset ClaimedAt => _event.FirstClaimedAt ?? _event.Due + _event.Lateness;

    /// <summary>The occurrence runs for a later time than its own: its headers say which. Only before the handler starts.</summary>
    internal void Redate(IReadOnlyDictionary<string, string> headers) => _event = _event with { Headers = headers };

    /// <summary>Lets the handler start unless the delivery is over, its lease ran out, or the node leaves.</summary>
    internal bool TryStart()
    {
        _startedAt = _holder.Now;
        if (_startedAt >= Deadline) _holder.OnLeaseLost(this, DeliveryEnd.LeaseRanOut);
        return StopReason == StopReason.None && TryMark(Started, unless: Dropped | Settled);
    }

    /// <summary>Gives it to a caller who receives, unless the delivery is over or its lease ran out: the caller ends it and extends it.</summary>
    internal bool TryHandOver()
    {
        IsReceived = true;
        if (!TryStart())
        {
            IsReceived = false;
            return false;
        }

        MarkEnded();
        return true;
    }

    /// <summary>
    /// This node holds it no longer, and its place is free: whoever received it has its token, and ends it from anywhere. The lease continues, and
    /// the calls of this object work as before.
    /// </summary>
    internal void StopHolding() => TryMark(LetGo, unless: Settled | Dropped);

    /// <summary>Hands it back, unless it is over. Never throws.</summary>
    internal Task HandBackAsync() => _holder.HandBackAsync(this);

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

    /// <summary>The delivery is no longer this node's: a running handler is notified.</summary>
    /// <param name="reason">Why.</param>
    internal bool Drop(StopReason reason)
    {
        if (!TryMark(Dropped, unless: Settled | Dropped)) return false;
        if ((Volatile.Read(ref _marks) & (Started | Returned)) == Started) Stop(reason);
        return true;
    }

    /// <summary>
    /// It looks as if the delivery was lost. While a call that ends it is under way that is not said yet: if no answer tells that this node ended
    /// it, it is lost when the last call is through. It is extended no more.
    /// </summary>
    /// <returns>Whether there is such a call.</returns>
    internal bool Suspect()
    {
        int before;
        do
        {
            before = Volatile.Read(ref _marks);
            if (before < Ending) return false;
        }
        while (Interlocked.CompareExchange(ref _marks, before | Suspected, before) != before);

        _holder.NotHeld(this);
        return true;
    }

    /// <summary>This process has just replaced or removed the event, unless this delivery ended it before.</summary>
    internal void Supersede()
    {
        WasRevoked = true;
        if (!Suspect()) _holder.OnLeaseLost(this, DeliveryEnd.Revoked);
    }

    /// <summary>Fires the handler's token. Its state changes immediately, callbacks run on the pool.</summary>
    /// <param name="reason">Why. That the node leaves is overtaken by whatever takes the event away.</param>
    internal void Stop(StopReason reason)
    {
        int before = Interlocked.CompareExchange(ref _stopReason, (int)reason, (int)StopReason.None);
        if (before == (int)StopReason.NodeLeaving) Volatile.Write(ref _stopReason, (int)reason);
        Fire(_stop);
        if (reason != StopReason.NodeLeaving) GiveUp();
    }

    /// <summary>Fires the token of those who wanted to finish although the node leaves.</summary>
    internal void GiveUp() => Fire(_lost);

    private void Fire(LazyCancellation token) => token.CancelAsync().ContinueWith(
        static (task, self) => ((TimerDelivery)self!).OnCallbackThrew(task.Exception!.InnerException!),
        this,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted,
        TaskScheduler.Default);

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
    /// <param name="thrown">What its handler threw, for the log; null if it threw nothing.</param>
    /// <param name="repeatUntil">Until when to repeat it if the store does not answer.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    internal async Task<TimerOutcome> EndAsync(TimerFailure? failure, Exception? thrown, TimeSpan repeatUntil, CancellationToken cancellationToken)
    {
        Interlocked.Add(ref _marks, Ending);
        try
        {
            TimerOutcome outcome = await CallEndAsync(failure, repeatUntil, cancellationToken).ConfigureAwait(false);

            // Of two calls that end it together one is stale, and this may be that one.
            if (outcome == TimerOutcome.Stale) Suspect();
            else Settle(failure is null || outcome == TimerOutcome.NotFound ? TimerOutcome.NotFound : TimerOutcome.Stale);
            if (failure is not null && outcome is (TimerOutcome.Done or TimerOutcome.DeadLettered)) _holder.Errors.AttemptFailed(this, failure, outcome, thrown);
            return outcome;
        }
        finally
        {
            EndEnding();
        }
    }

    // Of one that was received the caller is the handler: whenever it confirms, it has handled it.
    private Task<TimerOutcome> CallEndAsync(TimerFailure? failure, TimeSpan repeatUntil, CancellationToken cancellationToken) =>
        failure is not null ? _holder.Calls.FailAsync(Client, failure, repeatUntil, cancellationToken)
        : _holder.Settings.Confirmation == Confirmation.OnDelivery && !IsReceived ? _holder.Calls.ConfirmOnDeliveryAsync(Client, Key, repeatUntil, cancellationToken)
        : _holder.Calls.ConfirmAsync(Client, Key, repeatUntil, cancellationToken);

    /// <summary>Hands the delivery back: no retry is spent.</summary>
    /// <param name="repeatUntil">Until when to repeat it if the store does not answer.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    internal async Task<TimerOutcome> ReleaseAsync(TimeSpan repeatUntil, CancellationToken cancellationToken)
    {
        Interlocked.Add(ref _marks, Ending);
        try
        {
            TimerOutcome outcome = await _holder.Calls.ReleaseAsync(Client, Key, repeatUntil, cancellationToken).ConfigureAwait(false);
            Settle(TimerOutcome.Stale);
            return outcome;
        }
        finally
        {
            EndEnding();
        }
    }

    // A call that ends the delivery is through: if it was the last, and none has ended it, a suspicion is the truth.
    private void EndEnding()
    {
        int marks = Interlocked.Add(ref _marks, -Ending);
        if (marks < Ending && (marks & Suspected) != 0) _holder.OnLeaseLost(this, WasRevoked ? DeliveryEnd.Revoked : DeliveryEnd.TakenOver, quietly: true);
    }

    /// <summary>Whether it was confirmed in a transaction of its handler. Whether that was committed is known by how the handler ends.</summary>
    internal bool IsConfirmedInTransaction => Volatile.Read(ref _inTransactions) > 0;

    private async Task ConfirmInAsync(System.Data.Common.DbTransaction transaction, CancellationToken cancellationToken)
    {
        if (Refusal() is not null) throw LeaseIsLost();
        ITimerTransactions transactions = _holder.Transactions();

        // From now on the answers of extensions, which find the row locked, say nothing; so the lease is made full before.
        Interlocked.Add(ref _marks, Ending);
        Interlocked.Increment(ref _inTransactions);
        bool isConfirmed = false;
        try
        {
            (TimerOutcome extended, TimeSpan sentAt) = await _holder.Calls
                .ExtendAsync(Client, Key, _holder.Settings.LeaseDuration, Deadline, cancellationToken).OffStoreThread().ConfigureAwait(false);
            if (extended == TimerOutcome.Done) SetLeaseExpiry(sentAt + _holder.Settings.LeaseDuration);
            if (extended is TimerOutcome.Done or TimerOutcome.InFlight)
            {
                isConfirmed = await transactions.ConfirmAsync(transaction, Client.Partition, Key, Client.Completed, cancellationToken).ConfigureAwait(false) == TimerOutcome.Done;
            }
        }
        finally
        {
            // It stays undecided until the handler ends: that, and not the end of this call, says what became of the transaction.
            if (!isConfirmed)
            {
                EndTransactions(most: 1);
            }
            else if (HasReturned || IsReceived)
            {
                // In manual confirmation: the end of the handler, which would decide it, is past.
                Settle(TimerOutcome.NotFound);
                EndTransactions(most: 1);
            }
        }

        if (isConfirmed) return;
        _holder.OnLeaseLost(this, DeliveryEnd.TakenOver, quietly: true);
        throw LeaseIsLost();
    }

    /// <summary>The handler has ended: what became of its transaction is decided.</summary>
    internal void EndTransactions(int most = int.MaxValue)
    {
        int before;
        do
        {
            before = Volatile.Read(ref _inTransactions);
        }
        while (Interlocked.CompareExchange(ref _inTransactions, before - Math.Min(before, most), before) != before);

        for (int i = Math.Min(before, most); i > 0; i--) EndEnding();
    }

    private LeaseLostException LeaseIsLost() => new(
        $"The event '{Id}' of '{Namespace}' is no longer this node's: its lease ran out, or it was taken over, replaced or removed. Roll the transaction back.");

    private Task<TimerOutcome> Decide(TimerFailure? failure, CancellationToken cancellationToken)
    {
        if (Refusal() is { } refusal) return Task.FromResult(refusal);

        return Decide(EndAsync(failure, thrown: null, DecisionBound, cancellationToken));
    }

    private Task<TimerOutcome> Decide(Task<TimerOutcome> decision)
    {
        _decision = decision;
        return decision;
    }

    /// <summary>Until when a call that ends the delivery is repeated if the store does not answer.</summary>
    private TimeSpan DecisionBound
    {
        get
        {
            TimeSpan leaseEnd = _holder.Now + _holder.Settings.LeaseDuration;
            return leaseEnd > Deadline ? leaseEnd : Deadline;
        }
    }

    private async Task<TimerOutcome> ExtendCoreAsync(TimeSpan lease, CancellationToken cancellationToken)
    {
        if (Refusal() is { } refusal) return refusal;

        (TimerOutcome outcome, TimeSpan sentAt) =
            await _holder.Calls.ExtendAsync(Client, Key, lease, Deadline, cancellationToken).OffStoreThread().ConfigureAwait(false);
        if (outcome == TimerOutcome.Done) SetLeaseExpiry(sentAt + lease);
        else if (outcome != TimerOutcome.InFlight) _holder.OnLeaseLost(this, DeliveryEnd.TakenOver, quietly: true);
        return outcome;
    }

    // The lease ends locally: what the store would say is not asked.
    private TimerOutcome? Refusal()
    {
        int marks = Volatile.Read(ref _marks);
        if ((marks & Settled) != 0) return _afterwards;
        return (marks & Dropped) != 0 || _holder.Now >= Deadline || _holder.IsAbandoned ? TimerOutcome.Stale : null;
    }

    private void OnCallbackThrew(Exception exception) => _holder.Errors.Report(FailedOperation.Callback, exception, this);

    private bool TryMark(int mark, int unless)
    {
        int before;
        while (true)
        {
            before = Volatile.Read(ref _marks);
            if ((before & unless) != 0) return false;
            if (Interlocked.CompareExchange(ref _marks, before | mark, before) == before) break;
        }

        if ((before & NoLongerHeld) == 0 && (mark & NoLongerHeld) != 0) _holder.NotHeld(this);
        if (!IsFinished(before) && IsFinished(before | mark)) _holder.Finished();
        return true;
    }

    private static bool IsFinished(int marks) => (marks & Ended) != 0 && (marks & NoLongerHeld) != 0;
}
