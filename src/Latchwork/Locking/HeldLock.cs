using Latchwork.Diagnostics;
using Latchwork.Storage;
using Latchwork.Threading;
using Microsoft.Extensions.Logging;

namespace Latchwork.Locking;

/// <summary>How an ownership ended.</summary>
internal enum LockEnd
{
    /// <summary>By a publication that was accepted.</summary>
    Published,

    /// <summary>By its holder's will, without an outcome.</summary>
    Released,

    /// <summary>The store says that the key is not ours any more.</summary>
    Superseded,

    /// <summary>It could not be renewed in time, or was renewed no more.</summary>
    LeaseRanOut,

    /// <summary>It reached its ceiling.</summary>
    LockTimeout,
}

/// <summary>The end of an ownership.</summary>
/// <param name="End">How it ended.</param>
/// <param name="Outcome">What was published, if it was.</param>
/// <param name="Original">The exception behind a failure that was published.</param>
/// <param name="Ticket">The last ticket that was given out before the publication was sent.</param>
internal sealed record LockEnding(LockEnd End, LockerOutcome? Outcome = null, Exception? Original = null, long Ticket = 0);

/// <summary>
/// One ownership of one key, as this process believes in it: renewed on the alarm clock, never on the thread pool, and over at the latest
/// when the lease is, counted from before the request or renewal was sent.
/// </summary>
#pragma warning disable CA1001 // its semaphore holds nothing that would need disposal
internal sealed partial class HeldLock : DeadlineItem
#pragma warning restore CA1001
{
    private static readonly TimeSpan _longestSleep = TimeSpan.FromDays(1);

    private readonly LockerCore _core;
    private readonly string _nonce;
    private readonly object _gate = new();
    private readonly long _requested, _ceiling;
    private readonly LazyCancellation _lost = new();
    private readonly LazyCancellation _work = new();
    private readonly TaskCompletionSource<LockEnding> _ended = new();

    private Alarm? _alarm; // once there is something to check before the list's time
    private bool _wasListed; // put into the core's list, which checks what is not over by then
    private IAsyncDisposable? _subscription; // to what happens to the key, once the work has taken a while
    private bool _looksAgain; // something may have happened to the key since the last renewal was sent
    private long _leaseExpiry;
    private long _renewAt;
    private bool _renewing;
    private bool _publishing;
    private bool _inTransaction; // its publication may be a part of a transaction: no renewal, which would wait for the transaction
    private bool _leaving; // being released, or left to its lease: no renewal, no further calls
    private bool _over;

    /// <param name="core">The locker.</param>
    /// <param name="key">The key.</param>
    /// <param name="nonce">The nonce with which it was requested.</param>
    /// <param name="grant">The store's answer.</param>
    /// <param name="firstSent">When the request was sent for the first time: the ceiling counts from there.</param>
    /// <param name="sent">When the attempt was sent that was answered: the lease counts from there.</param>
    public HeldLock(LockerCore core, string key, string nonce, LockGranted grant, long firstSent, long sent)
    {
        _core = core;
        _nonce = nonce;
        Key = key;
        FencingToken = grant.FencingToken;
        TakenOver = grant.TakenOver;
        _requested = firstSent;
        _ceiling = firstSent + core.Clock.ToTimestamps(core.Options.LockTimeout);
        core.Remember(this);
        core.Counter.Granted(TakenOver);
        if (core.Log.IsEnabled(LogLevel.Debug)) ThreadPool.UnsafeQueueUserWorkItem(static held => held._core.Log.Granted(held.Key, held._core.Options.Namespace, held.FencingToken, held.TakenOver), this, preferLocal: false);
        lock (_gate) SetLeaseExpiry(sent);
        OnAlarm();
    }

    public string Key { get; }

    public long FencingToken { get; }

    public bool TakenOver { get; }

    /// <summary>Fires when the ownership is lost, not when it ends by will.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Fires with <see cref="Lost"/>, and when the work is to stop for another reason.</summary>
    public CancellationToken Work => _work.Token;

    /// <summary>The end of the ownership. It never fails.</summary>
    public Task<LockEnding> Ended => _ended.Task;

    /// <summary>How long ago it was requested.</summary>
    public TimeSpan Age => _core.Since(_requested);

    /// <summary>Those who wait for this lock; null if nobody does. See <see cref="LockEnding.Ticket"/>.</summary>
    public KeyFlight? Flight { get; set; }

    public bool IsHeld
    {
        get
        {
            lock (_gate) return HoldsLease;
        }
    }

    public TimeSpan LeaseLeft
    {
        get
        {
            lock (_gate) return HoldsLease ? SpanUntil(_leaseExpiry) : TimeSpan.Zero;
        }
    }

    private bool HoldsLease => !_over && !_leaving && _core.Clock.Now < _leaseExpiry;

    /// <summary>Tells the work to stop, for another reason than a loss.</summary>
    public void StopWork() => Fire(_work);

    /// <summary>The store was told to take the key from its owner.</summary>
    public void Supersede() => End(new LockEnding(LockEnd.Superseded));

    /// <summary>The lease had run out before its holder could begin: nobody is to wait for the rest of what the store has granted. Never throws.</summary>
    public Task GiveBackExpiredAsync()
    {
        OnAlarm();
        return _core.GiveBackAsync(Key, FencingToken, _nonce);
    }

    /// <summary>Renews no more, and lets the lease run out in the store, so that nobody else begins while the work may still continue.</summary>
    public void LeaveToLease() => End(new LockEnding(LockEnd.LeaseRanOut));

    private void End(LockEnding ending)
    {
        IAsyncDisposable? subscription;
        lock (_gate)
        {
            if (_over) return;
            _over = true;
            subscription = _subscription;
        }

        if (subscription is not null && !_core.IsAbandoned) _ = _core.UnsubscribeAsync(Key, subscription);
        _core.Leases.Remove(this);
        _alarm?.Dispose(); // whoever has made one has done so before the end
        _core.Remove(this);
        bool isLost = ending.End is not (LockEnd.Published or LockEnd.Released);
        if (isLost)
        {
            Fire(_lost);
            Fire(_work);
        }

        // This may be the thread that renews other leases as well, and a log or a listener may take its time.
        if (isLost || _core.Log.IsEnabled(LogLevel.Debug)) ThreadPool.UnsafeQueueUserWorkItem(static one => one.Self.ReportEnd(one.End), (Self: this, ending.End), preferLocal: false);

        // The flight continues here, if that holds up no thread of a store and no alarm.
        if (Thread.CurrentThread.IsThreadPoolThread) _ended.TrySetResult(ending);
        else ThreadPool.UnsafeQueueUserWorkItem(static end => end.Ended.TrySetResult(end.Ending), (Ended: _ended, Ending: ending), preferLocal: false);
    }

    private void ReportEnd(LockEnd end)
    {
        _core.Log.Ended(Key, _core.Options.Namespace, FencingToken, end);
        if (end is LockEnd.Published or LockEnd.Released) return;
        if (!_core.IsAbandoned) _core.Log.OwnershipLost(_core.Shown(Key), _core.Options.Namespace, end);
        if (Metrics.LostLocks.Enabled) Listeners.Tell((Lock: this, End: end), static lost => lost.Lock.CountLost(lost.End));
    }

    private void CountLost(LockEnd end)
    {
        System.Diagnostics.TagList tags = Names.OfLock(_core.Options.Namespace);
        tags.Add(Names.Reason, end switch
        {
            LockEnd.Superseded => "superseded",
            LockEnd.LockTimeout => "lock_timeout",
            _ => "lease_ran_out",
        });
        Metrics.LostLocks.Add(1, tags);
    }

    /// <summary>The token's state changes immediately; its callbacks, which are user code, run on the pool.</summary>
    private void Fire(LazyCancellation source)
    {
        Task callbacks = source.CancelAsync();
        if (callbacks.IsCompletedSuccessfully) return;
        _ = callbacks.ContinueWith(
            static (task, self) => ((HeldLock)self!).LostCallbackFailed(task.Exception!),
            this,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted,
            TaskScheduler.Default);
    }

    private void LostCallbackFailed(Exception exception) => _core.Log.LostCallbackFailed(exception, _core.Shown(Key), _core.Options.Namespace);

    private TimeSpan SpanUntil(long timestamp)
    {
        TimeSpan left = _core.Options.TimeProvider.GetElapsedTime(_core.Clock.Now, timestamp);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}
