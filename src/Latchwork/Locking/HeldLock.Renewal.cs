using Latchwork.Threading;

namespace Latchwork.Locking;

/// <content>Renewal, and the local lease expiry. All of it runs on the alarm clock's thread and on the store's.</content>
internal sealed partial class HeldLock
{
    /// <summary>A renewal that comes within this time need not be hurried for what may have been missed before the subscription.</summary>
    private static readonly TimeSpan _soon = TimeSpan.FromMilliseconds(1500);

    /// <summary>Counts the local lease from when something was sent that the store has granted. Needs the gate.</summary>
    private void SetLeaseExpiry(long sent)
    {
        TimeSpan lease = _core.Options.LeaseDuration;
        _leaseExpiry = Math.Min(sent + _core.Clock.ToTimestamps(lease), _ceiling);
        _renewAt = _leaseExpiry == _ceiling ? Alarm.Never : sent + _core.Clock.ToTimestamps(lease / 3);
    }

    private void OnAlarm()
    {
        bool renew = false;
        LockEnd? end = null;
        lock (_gate)
        {
            if (_over) return;
            long now = _core.Clock.Now;
            if (now >= _leaseExpiry)
            {
                end = _leaving ? LockEnd.Released : now >= _ceiling ? LockEnd.LockTimeout : LockEnd.LeaseRanOut;
            }
            else
            {
                if (!_renewing && !_leaving && !_inTransaction && now >= _renewAt) renew = _renewing = true;
                SetAlarm();
            }
        }

        if (end is { } reason) End(new LockEnding(reason));
        else if (renew && !_core.IsAbandoned) _ = RenewAsync();
    }

    private async Task RenewAsync()
    {
        _looksAgain = false;
        long sent = _core.Clock.Now;
        bool isOurs = false;
        Exception? fault = null;
        try
        {
            isOurs = await _core.Store.RenewAsync(_core.KeyOf(Key), FencingToken, _nonce, _core.Options.LeaseDuration, CancellationToken.None).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // whatever the store throws, the local lease runs out by itself; it is logged
        catch (Exception e)
#pragma warning restore CA1031
        {
            fault = e;
        }

        // The thread renews other leases as well, and a log may take its time.
        if (fault is not null) ThreadPool.UnsafeQueueUserWorkItem(static one => one.Self._core.Log.RenewalFailed(one.Fault, one.Self._core.Shown(one.Self.Key), one.Self._core.Options.Namespace), (Self: this, Fault: fault), preferLocal: false);
        bool superseded = false;
        lock (_gate)
        {
            _renewing = false;
            if (_over) return;
            if (fault is not null)
            {
                _renewAt = _core.Clock.Now + _core.Clock.ToTimestamps(_core.Options.LeaseDuration / 10);
            }
            else if (isOurs)
            {
                // An answer that comes after the local lease has expired is too late: others may have been told already.
                if (_core.Clock.Now < _leaseExpiry) SetLeaseExpiry(sent);
                if (_looksAgain) _renewAt = Math.Min(_renewAt, _core.Clock.Now);
            }
            else if (_publishing || _leaving)
            {
                // Our own publication or release may have freed the key: its answer decides.
                _renewAt = Alarm.Never;
            }
            else
            {
                superseded = true;
            }
        }

        if (superseded) End(new LockEnding(LockEnd.Superseded));
        else OnAlarm();
    }

    /// <inheritdoc/>
    public override void OnDeadline()
    {
        lock (_gate)
        {
            _core.Leases.Remove(this);
            if (_over) return;
        }

        OnAlarm();
        if (!_core.IsAbandoned) _ = WatchAsync();
    }

    /// <summary>
    /// Hears of the key from now on: whoever takes it away (<see cref="IProcessLocker.ForgetAsync"/>) notifies. Short work ends before and needs no subscription.
    /// A notification is a hint, and so is what was missed before: the next renewal, which is sent for it, says whether the key is still ours.
    /// </summary>
    private async Task WatchAsync()
    {
        try
        {
            IAsyncDisposable subscription = await _core.Store.SubscribeAsync(_core.KeyOf(Key), _ => LookAgain(), CancellationToken.None).ConfigureAwait(false);
            bool isOver, looksSoon;
            lock (_gate)
            {
                isOver = _over;
                if (!isOver) _subscription = subscription;
                looksSoon = SpanUntil(_renewAt) < _soon; // and that renewal tells
            }

            if (isOver) await _core.UnsubscribeAsync(Key, subscription).ConfigureAwait(false);
            else if (!looksSoon) LookAgain();
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            _core.Log.SubscriptionFailed(e, _core.Shown(Key), _core.Options.Namespace); // the next renewal tells all the same
        }
    }

    /// <summary>Renews now. On a thread of the store, perhaps: the alarm clock's sends it.</summary>
    private void LookAgain()
    {
        lock (_gate)
        {
            if (_over || _leaving || _inTransaction) return;
            _looksAgain = true; // a renewal that is under way may have been decided before
            _renewAt = Math.Min(_renewAt, _core.Clock.Now);
            SetAlarm();
        }
    }

    /// <summary>
    /// Sees to it that somebody looks when the next thing is to be done. First that is the list, which looks after a third of the lease at the latest: that is
    /// early enough for a first renewal while at least half of the lease is left, and nothing is to be done in the next sixth. Needs the gate.
    /// </summary>
    private void SetAlarm()
    {
        TimeSpan lease = _core.Options.LeaseDuration;
        long next = _renewing || _leaving || _inTransaction ? _leaseExpiry : Math.Min(_renewAt, _leaseExpiry);
        TimeSpan sleep = SpanUntil(next);
        if (!_wasListed && !_renewing && sleep >= lease / 6 && SpanUntil(_leaseExpiry) >= lease / 2)
        {
            _wasListed = _core.Leases.TryAdd(this);
            return;
        }

        _alarm ??= _core.Clock.CreateAlarm(OnAlarm);
        _alarm.Set(sleep < _longestSleep ? sleep : _longestSleep);
    }
}
