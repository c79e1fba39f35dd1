using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Api;

/// <summary>
/// Requests for keys on behalf of clients that renew the leases themselves. Each asks once; those that find their key held wait, and all that wait
/// for one key share one <see cref="LockWatch"/>: one subscription, and one question a second in case a message was lost.
/// </summary>
internal sealed class LockWaits(HttpApi api, int maxWaiting)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(LockerKey Key, bool LockOnly), LockWatch> _watches = [];
    private int _count;

    /// <summary>How many requests wait.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Asks until the key is granted or done, or the time is over.</summary>
    /// <param name="key">The key.</param>
    /// <param name="request">The request; it begins now.</param>
    /// <param name="keepsGrant">Whether a grant that comes when nobody waits any more is kept: the client chose the nonce, and may ask for it again.</param>
    /// <param name="wait">How long to wait.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The last answer of the store: a <see cref="LockHeld"/> if the time is over.</returns>
    /// <exception cref="LatchworkStoreException">The store failed, also when it was asked last for another that waits for the key.</exception>
    /// <exception cref="Microsoft.AspNetCore.Http.BadHttpRequestException">Too many wait.</exception>
    public async Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, bool keepsGrant, TimeSpan wait, CancellationToken cancellationToken)
    {
        long start = api.Time.GetTimestamp();
        (LockWatch? Watch, long? Told) before = Find(key, request.LockOnly);
        LockerReply reply = await api.Store.Locks.RequestAsync(key, request, cancellationToken).OffStoreThread().ConfigureAwait(false);
        if (reply is not LockHeld held || wait == TimeSpan.Zero) return reply;
        LockWaiter waiter = new(request with { WaitingFor = held.FencingToken }, held, keepsGrant);
        LockWatch watch = Join(key, waiter, before);
        try
        {
            TimeSpan left = wait - api.Time.GetElapsedTime(start);
            await ((Task)waiter.Reply).WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, api.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!waiter.Reply.IsCompleted)
            {
                cancellationToken.ThrowIfCancellationRequested();
                // While it is being asked for, the answer may be a grant, which must not be left to its lease.
                watch.EndWait(waiter);
            }

            return await waiter.Reply.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            watch.Leave(waiter);
            lock (_gate) _count--;
        }
    }

    /// <summary>Ends a watch if nobody waits.</summary>
    public bool TryEnd(LockWatch watch)
    {
        lock (_gate)
        {
            if (!watch.IsEmpty) return false;
            _watches.Remove((watch.Key, watch.LockOnly));
            return true;
        }
    }

    /// <summary>Ends a watch that failed, so that whoever comes begins another.</summary>
    public void End(LockWatch watch)
    {
        lock (_gate)
        {
            if (_watches.TryGetValue((watch.Key, watch.LockOnly), out LockWatch? last) && last == watch) _watches.Remove((watch.Key, watch.LockOnly));
        }
    }

    private (LockWatch? Watch, long? Told) Find(LockerKey key, bool lockOnly)
    {
        lock (_gate) return _watches.TryGetValue((key, lockOnly), out LockWatch? watch) ? (watch, watch.Told) : default;
    }

    private LockWatch Join(LockerKey key, LockWaiter waiter, (LockWatch? Watch, long? Told) before)
    {
        lock (_gate)
        {
            if (_count >= maxWaiting) throw ApiProblems.TooMany($"{maxWaiting} requests for keys wait already, the most that may (HttpApiOptions.MaxWaiting).");
            _count++;
            bool isNew = !_watches.TryGetValue((key, waiter.Request.LockOnly), out LockWatch? watch);
            if (isNew) _watches.Add((key, waiter.Request.LockOnly), watch = new LockWatch(api, this, key, waiter.Request.LockOnly));
            watch!.Add(waiter, watch == before.Watch ? before.Told : null);
            if (isNew) watch.Start();
            return watch;
        }
    }
}
