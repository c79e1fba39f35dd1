using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Locking;

/// <content>The loop: ask; hold, serve or wait; ask again.</content>
internal sealed partial class KeyFlight
{
    private readonly object _wakeGate = new();
    private TaskCompletionSource? _sleep;
    private bool _awake; // notified since the last request was sent

    private bool _wasAnswered; // by the store, at least once
    private string? _nonce; // of the requests until one is granted
    private long? _waitingFor; // the lowest fencing token that a caller may be waiting for
    private bool _listen;
    private (long FencingToken, string Nonce, long Ticket) _owner = (0, "", 0); // whom the last request found at work, and who had called before it was sent; under the wake gate
    private LockHeld? _holder; // the last answer of that kind, and when it was asked for; under the wake gate
    private long _heldAt;
    private IAsyncDisposable? _subscription;
    private Alarm? _alarm;
    private long _sent; // when the request was sent the last time

    // It outlives the call that began it, and must not keep alive, or continue in, the context of that call, or of any other.
    private void Start() => DefaultContext.Run(static flight => _ = ((KeyFlight)flight!).RunAsync(), this);

    private async Task RunAsync()
    {
        try
        {
            while (TryContinue())
            {
                await AskAsync().ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // a caller must not hang because of something that was not foreseen
        catch (Exception e)
#pragma warning restore CA1031
        {
            Close();
            FailAll(e);
            _core.Log.FlightFailed(e, _core.Shown(_key), _core.Options.Namespace);
        }
        finally
        {
            _alarm?.Dispose();
            try
            {
                if (_subscription is not null) await _core.UnsubscribeAsync(_key, _subscription).ConfigureAwait(false);
            }
            finally
            {
                lock (_gate) _isOver = true;
                _completion?.TrySetResult();
            }
        }
    }

    /// <summary>Continues as long as somebody waits; else closes, in the same step.</summary>
    private bool TryContinue()
    {
        lock (_gate)
        {
            if (_shutDown is null && _callers.Count > 0) return true;
            _closed = true;
        }

        Close();
        return false;
    }

    private void Close()
    {
        lock (_gate) _closed = true;
        LeaveOpen();
        if (_shutDown is not null) FailAll(_shutDown);
    }

    private async Task AskAsync()
    {
        lock (_wakeGate) _awake = false;
        long ticket = LastTicket;

        // Subscribe first, without waiting for it: the request is decided after the subscription took effect.
        Task<IAsyncDisposable>? subscribing = _listen && _subscription is null
            ? _core.Store.SubscribeAsync(_core.KeyOf(_key), OnNotified, CancellationToken.None)
            : null;
        string nonce = _nonce ??= Nonces.Next();
        var request = new LockerRequest(
            _core.NodeId, nonce, _core.Options.LeaseDuration, _core.Options.LockTimeout, _lockOnly ? null : _waitingFor, _lockOnly);
        long firstSent = _core.Clock.Now;
        LockerReply? reply = null;
        try
        {
            try
            {
                reply = await SendAsync(request).ConfigureAwait(false);
            }
            catch (LatchworkStoreException e) when (_core.CanRepeat(e, firstSent, !_wasAnswered) && IsWanted())
            {
                reply = await SendAgainAsync(request, firstSent, e).ConfigureAwait(false);
            }

            _wasAnswered = true;
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            // It may have been granted all the same. The nonce stays, so that a later request would get that grant.
            FailAll(e, ticket);
            _wasAnswered = false; // whoever is still here called during the outage
            if (e is LatchworkStoreException { Outcome: StoreOutcome.Unknown } && Count == 0) await _core.GiveBackAsync(_key, nonce).ConfigureAwait(false);
        }

        if (subscribing is not null) await ListenAsync(subscribing).ConfigureAwait(false);
        switch (reply)
        {
            case LockerOutcome outcome:
                Serve(outcome, ticket, _sent);
                lock (_wakeGate) _holder = null;
                _waitingFor = null; // who is still here called later
                break;
            case LockGranted granted:
                lock (_wakeGate) (_owner, _holder) = ((0, "", 0), null);
                var held = new HeldLock(_core, _key, nonce, granted, firstSent, _sent);
                _nonce = null;
                NoteOwner(granted.FencingToken, ticket);
                _waitingFor ??= granted.FencingToken;
                await HoldAsync(held).ConfigureAwait(false);
                break;
            case LockHeld other:
                NoteOwner(other.FencingToken, ticket);
                _waitingFor ??= other.FencingToken;
                lock (_wakeGate) (_owner, _holder, _heldAt) = ((other.FencingToken, other.Nonce, ticket), other, _sent);
                if (_listen) await SleepAsync(other.LeaseLeft).ConfigureAwait(false);
                _listen = true;
                break;
        }
    }

    private bool IsWanted() => !_core.IsAbandoned && Count > 0;

    private Task<LockerReply> SendAgainAsync(LockerRequest request, long firstSent, LatchworkStoreException fault) =>
        _core.RepeatAsync(() => SendAsync(request), IsWanted, firstSent, fault, CancellationToken.None, isNew: !_wasAnswered);

    private Task<LockerReply> SendAsync(LockerRequest request)
    {
        _sent = _core.Clock.Now;
        return _core.Store.RequestAsync(_core.KeyOf(_key), request, CancellationToken.None);
    }

    /// <summary>Sleeps until a notification comes, the owner's lease runs out, or it is time to look in case a notification was lost.</summary>
    private async Task SleepAsync(TimeSpan leaseLeft)
    {
        TaskCompletionSource sleep = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_wakeGate)
        {
            if (_awake) return;
            _sleep = sleep;
        }

        // Who leaves later wakes it; who has left after it had asked is not waited for.
        if (_shutDown is not null || Count == 0) return;

        _alarm ??= _core.Clock.CreateAlarm(Wake);
        _alarm.Set(leaseLeft < _core.Options.FallbackPollInterval ? leaseLeft : _core.Options.FallbackPollInterval);
        await sleep.Task.ConfigureAwait(false);
        _alarm.Cancel();
    }

    /// <summary>
    /// What the owner has published may be told along with the notification. It is taken only if it is known to be that owner's, and only by those
    /// who had called before he was found at work; for the others, and after any other notification, the store is asked.
    /// </summary>
    private void OnNotified(LockerNotification? notification)
    {
        if (notification is not null && !_lockOnly)
        {
            (long fencingToken, string nonce, long ticket) = (0, "", 0);
            lock (_wakeGate) (fencingToken, nonce, ticket) = _owner;
            if (notification.Outcome.FencingToken == fencingToken && notification.Nonce == nonce && nonce.Length > 0)
            {
                foreach (FlightCaller caller in TakeUpTo(ticket, unlessHeld: true)) caller.Give(notification.Outcome, null);
            }
        }

        Wake();
    }

    private void Wake()
    {
        TaskCompletionSource? sleep;
        lock (_wakeGate)
        {
            _awake = true;
            sleep = _sleep;
            _sleep = null;
        }

        sleep?.TrySetResult();
    }

    private async Task ListenAsync(Task<IAsyncDisposable> subscribing)
    {
        try
        {
            _subscription = await subscribing.ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            _core.Log.SubscriptionFailed(e, _core.Shown(_key), _core.Options.Namespace); // the interval still holds, and the next request tries again
        }
    }
}
