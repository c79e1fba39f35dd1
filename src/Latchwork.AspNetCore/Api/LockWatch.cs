using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Api;

/// <summary>
/// Watches a key for the requests that wait for it: when the store says that something may have changed, when the owner's lease has run out, and once a second in case a
/// message was lost, it asks for the one that has waited longest; and while that one got what it wanted, for the next.
/// </summary>
/// <remarks>
/// Who waits for an older owner comes first: what the first may not have, the others may not have either, so that one question does for all. Requests that want the lock
/// alone have a watch of their own, as an outcome is nothing to them.
/// </remarks>
internal sealed class LockWatch(HttpApi api, LockWaits waits, LockerKey key, bool lockOnly)
{
    /// <summary>As the locker of the library.</summary>
    public static readonly TimeSpan FallbackPollInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan _roundedUp = TimeSpan.FromMilliseconds(1);

    private readonly Lock _gate = new();
    private readonly LinkedList<LockWaiter> _waiting = [];
    private TaskCompletionSource _changed = New();
    private bool _isSubscribed;
    private long _told;

    // Until the first question is answered nothing is known here.
    private bool _isAsking = true;
    private LockWaiter? _askedFor;
    private bool _mustAsk = true;
    private long _askAt;
    private Exception? _failure;
    private int _failures;

    /// <summary>The failure of a request that was sent, and is not answered.</summary>
    public static LatchworkStoreException NotAnswered() =>
        new("The wait is over, and the store has not answered: whether the key was granted is not known.", StoreOutcome.Unknown) { IsTransient = true };

    /// <summary>The failure of a request that was not sent, as the store does not answer.</summary>
    public static LatchworkStoreException NotAsked() =>
        new("The wait is over, and the store has not answered: the key was not asked for.", StoreOutcome.NotApplied) { IsTransient = true };

    public LockerKey Key => key;

    public bool LockOnly => lockOnly;

    public bool IsEmpty
    {
        get
        {
            lock (_gate) return _waiting.Count == 0;
        }
    }

    /// <summary>How often the store has told that something may have changed; null while nothing is heard.</summary>
    public long? Told
    {
        get
        {
            lock (_gate) return _isSubscribed ? _told : null;
        }
    }

    /// <summary>Adds a request that was answered that the key is held.</summary>
    /// <param name="waiter">The request.</param>
    /// <param name="told">What <see cref="Told"/> was before it was sent. If it is that still, the request has missed nothing, and need not be sent again.</param>
    public void Add(LockWaiter waiter, long? told)
    {
        lock (_gate)
        {
            LinkedListNode<LockWaiter>? before = _waiting.Last;
            while (before is not null && before.Value.Request.WaitingFor > waiter.Request.WaitingFor) before = before.Previous;
            if (before is null) _waiting.AddFirst(waiter);
            else _waiting.AddAfter(before, waiter);
            waiter.FailuresBefore = _failures;
            if (told is null || told != _told) _mustAsk = true;
            _askAt = Math.Min(_askAt, NextAfter(waiter.Held));
            _changed.TrySetResult();
        }
    }

    /// <summary>Begins. In the context of no request: it continues for all.</summary>
    public void Start()
    {
        using AsyncFlowControl? flow = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        _ = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>The wait of a request is over: it is answered now, or when the question under way is.</summary>
    public void EndWait(LockWaiter waiter)
    {
        lock (_gate)
        {
            waiter.HasWaited = true;
            if (!_isAsking) End(waiter);
        }
    }

    /// <summary>The store has not answered a while after the wait of a request was over: what is known is said, and a grant that comes yet is given back.</summary>
    public void GiveUp(LockWaiter waiter)
    {
        lock (_gate)
        {
            _waiting.Remove(waiter);
            waiter.Fail(_askedFor == waiter ? NotAnswered() : NotKnown("the store has not answered yet."));
        }
    }

    /// <summary>A request waits no more.</summary>
    public void Leave(LockWaiter waiter)
    {
        waiter.GiveUp();
        lock (_gate)
        {
            _waiting.Remove(waiter);
            if (_waiting.Count == 0) _changed.TrySetResult();
        }
    }

    // Never throws: those who wait are notified.
    private async Task RunAsync()
    {
        try
        {
            // Their marks are set, so from the acknowledgement of this on whatever happens is told; what happened before is seen by asking again.
            IAsyncDisposable subscription = await api.Store.Locks.SubscribeAsync(key, _ => OnTold(), api.Stopping).OffStoreThread().ConfigureAwait(false);
            await using (subscription.ConfigureAwait(false))
            {
                lock (_gate) _isSubscribed = true;
                while (true)
                {
                    if (MustAsk(out Task changed, out TimeSpan pause)) await AskAsync().ConfigureAwait(false);
                    else if (waits.TryEnd(this)) return;
                    else await changed.WaitAsync(pause, api.Time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
        }
#pragma warning disable CA1031 // Whatever it is, it is the failure of those who wait.
        catch (Exception e)
#pragma warning restore CA1031
        {
            waits.End(this);
            LockWaiter[] left;
            lock (_gate) left = [.. _waiting];
            foreach (LockWaiter waiter in left) waiter.Fail(e);
        }
        finally
        {
            waits.Ended(this);
        }
    }

    private void OnTold()
    {
        lock (_gate)
        {
            _told++;
            _mustAsk = true;
            _changed.TrySetResult();
        }
    }

    /// <summary>Whether somebody has to be asked for now.</summary>
    /// <param name="changed">Ends when that may have become another; what comes from here on is heard.</param>
    /// <param name="pause">How long until it is time by itself.</param>
    private bool MustAsk(out Task changed, out TimeSpan pause)
    {
        lock (_gate)
        {
            changed = (_changed = New()).Task;
            long now = api.Time.GetTimestamp();
            pause = now < _askAt ? TimeSpan.FromMilliseconds(Math.Ceiling(api.Time.GetElapsedTime(now, _askAt).TotalMilliseconds)) : TimeSpan.Zero;
            if (_waiting.Count == 0 || (!_mustAsk && pause > TimeSpan.Zero)) return false;
            _mustAsk = false;
            _isAsking = true;
            return true;
        }
    }

    // Asks for the first, and for the next as long as one got what it wanted.
    private async Task AskAsync()
    {
        while (First() is { } waiter)
        {
            LockerReply? reply = null;
            Exception? failure = null;
            try
            {
                reply = await api.Store.Locks.RequestAsync(key, waiter.Request, api.Stopping).OffStoreThread().ConfigureAwait(false);
            }
#pragma warning disable CA1031 // It is thrown to the one for whom it was asked.
            catch (Exception e)
#pragma warning restore CA1031
            {
                failure = e;
            }

            bool mayBeGranted = reply is LockGranted || failure is OperationCanceledException or LatchworkStoreException { Outcome: StoreOutcome.Unknown };
            if (!Take(waiter, reply, failure) && !waiter.KeepsGrant && mayBeGranted)
            {
                await waits.GiveBackAsync(key, waiter.Request.Nonce).ConfigureAwait(false);
            }

            if (reply is null or LockHeld) return;
        }
    }

    private LockWaiter? First()
    {
        lock (_gate)
        {
            LockWaiter? first = _waiting.First?.Value;
            _isAsking = first is not null;
            _askedFor = first;
            return first;
        }
    }

    /// <summary>Takes an answer.</summary>
    /// <param name="waiter">For whom it was asked.</param>
    /// <param name="reply">The answer; null if there was none.</param>
    /// <param name="failure">Why there was none.</param>
    /// <returns>Whether the waiter has got it, whatever it is, or waits on.</returns>
    private bool Take(LockWaiter waiter, LockerReply? reply, Exception? failure)
    {
        lock (_gate)
        {
            _isAsking = false;
            _askedFor = null;
            _failure = failure;
            if (failure is not null) _failures++;
            var held = reply as LockHeld;
            _askAt = NextAfter(held);
            if (held is not null) waiter.Held = held;
            bool waitsOn = held is not null && !waiter.HasWaited;
            if (!waitsOn) _waiting.Remove(waiter);
            bool isGiven = reply is not null && !waitsOn && waiter.TryGive(reply);
            if (failure is not null) isGiven = waiter.Fail(failure);
            foreach (LockWaiter other in _waiting.Where(static other => other.HasWaited).ToArray()) End(other);
            return waitsOn || isGiven;
        }
    }

    // With what is known by the last question, whomever it was asked for. It is not asked for any more: a grant would be nobody's. Needs the gate.
    private void End(LockWaiter waiter)
    {
        _waiting.Remove(waiter);
        if (_failure is null || waiter.FailuresBefore == _failures) waiter.TryGive(waiter.Held); // its own question was answered after that failure
        else waiter.Fail(_failure is LatchworkStoreException e ? NotKnown($"the store failed when it was asked last: {e.Message}", e) : _failure);
    }

    // Nothing of its own was sent.
    private static LatchworkStoreException NotKnown(string why, LatchworkStoreException? failure = null) =>
        new($"The wait is over, and whether the key is another's still is not known, as {why}", StoreOutcome.NotApplied, failure) { IsTransient = failure?.IsTransient != false };

    private long NextAfter(LockHeld? held)
    {
        TimeSpan pause = held is not null && held.LeaseLeft + _roundedUp < FallbackPollInterval ? held.LeaseLeft + _roundedUp : FallbackPollInterval;
        return api.Time.GetTimestamp() + (long)(pause.TotalSeconds * api.Time.TimestampFrequency);
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
