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
    private TaskCompletionSource _notified = New();

    public LockerKey Key => key;

    public bool LockOnly => lockOnly;

    public bool IsEmpty
    {
        get
        {
            lock (_gate) return _waiting.Count == 0;
        }
    }

    public void Add(LockWaiter waiter)
    {
        lock (_gate)
        {
            LinkedListNode<LockWaiter>? before = _waiting.Last;
            while (before is not null && before.Value.Request.WaitingFor > waiter.Request.WaitingFor) before = before.Previous;
            if (before is null) _waiting.AddFirst(waiter);
            else _waiting.AddAfter(before, waiter);
        }

        Wake();
    }

    /// <summary>Begins. In the context of no request: it goes on for all.</summary>
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
            if (!waiter.IsAsked) waiter.TryGive(waiter.Held);
        }
    }

    /// <summary>A request waits no more.</summary>
    public void Leave(LockWaiter waiter)
    {
        waiter.GiveUp();
        lock (_gate) _waiting.Remove(waiter);
        Wake(); // it may have been the last
    }

    // Never throws: those who wait are told.
    private async Task RunAsync()
    {
        try
        {
            // Their marks are set, so from the acknowledgement of this on whatever happens is told; what happened before is seen by asking again.
            IAsyncDisposable subscription = await api.Store.Locks.SubscribeAsync(key, _ => Wake(), api.Stopping).OffStoreThread().ConfigureAwait(false);
            await using (subscription.ConfigureAwait(false))
            {
                do
                {
                    Task notified = (_notified = New()).Task; // before asking: what is told from here on is heard
                    TimeSpan pause = await AskAsync().ConfigureAwait(false);
                    if (!IsEmpty) await notified.WaitAsync(pause, api.Time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
                while (!waits.TryEnd(this));
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
    }

    /// <summary>Asks for the first, and for whoever has come; and for the next as long as somebody got an answer.</summary>
    /// <returns>After what time to ask again.</returns>
    private async Task<TimeSpan> AskAsync()
    {
        TimeSpan pause = FallbackPollInterval;
        bool isFirst = true;
        while (Next(isFirst) is { } waiter)
        {
            LockerReply? reply = null;
            try
            {
                reply = await api.Store.Locks.RequestAsync(key, waiter.Request, api.Stopping).OffStoreThread().ConfigureAwait(false);
            }
#pragma warning disable CA1031 // It is thrown to the one for whom it was asked.
            catch (Exception e)
#pragma warning restore CA1031
            {
                waiter.Fail(e);
            }

            isFirst = reply is not LockHeld;
            if (reply is LockHeld held && held.LeaseLeft + _roundedUp < pause) pause = held.LeaseLeft + _roundedUp;
            if (!Take(waiter, reply) && reply is LockGranted granted && !waiter.KeepsGrant) await ReleaseAsync(granted, waiter.Request.Nonce).ConfigureAwait(false);
        }

        return pause;
    }

    private LockWaiter? Next(bool orFirst)
    {
        lock (_gate)
        {
            LockWaiter? next = (orFirst ? _waiting.First?.Value : null) ?? _waiting.FirstOrDefault(static waiter => waiter.IsNew);
            if (next is not null) (next.IsNew, next.IsAsked) = (false, true);
            return next;
        }
    }

    /// <summary>Takes an answer.</summary>
    /// <param name="waiter">For whom it was asked.</param>
    /// <param name="reply">The answer; null if there was none, which the waiter was told.</param>
    /// <returns>Whether the waiter has got it, or waits on.</returns>
    private bool Take(LockWaiter waiter, LockerReply? reply)
    {
        lock (_gate)
        {
            waiter.IsAsked = false;
            if (reply is LockHeld held)
            {
                waiter.Held = held;
                if (!waiter.HasWaited) return true;
            }

            _waiting.Remove(waiter);
            return reply is not null && waiter.TryGive(reply);
        }
    }

    // It was granted to a request that had been given up in the same moment.
    private async Task ReleaseAsync(LockGranted granted, string nonce)
    {
        try
        {
            await api.Store.Locks.ReleaseAsync(key, granted.FencingToken, nonce, CancellationToken.None).OffStoreThread().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Nobody waits for this: it is logged, and the lease runs out.
        catch (Exception e)
#pragma warning restore CA1031
        {
            api.Log?.ReleaseFailed(e, key.Namespace);
        }
    }

    private void Wake() => Volatile.Read(ref _notified).TrySetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
