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

    /// <summary>How long an answer of the store that is under way when a wait is over is waited for: a store that answers at all has done so by then.</summary>
    public TimeSpan AnswerTime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Asks until the key is granted or done, or the time is over.</summary>
    /// <param name="key">The key.</param>
    /// <param name="request">The request; it begins now.</param>
    /// <param name="keepsGrant">Whether a grant that comes when nobody waits any more is kept: the client chose the nonce, and may ask for it again.</param>
    /// <param name="wait">How long to wait.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The last answer of the store: a <see cref="LockHeld"/> if the time is over.</returns>
    /// <exception cref="LatchworkStoreException">
    /// The store failed, also when it was asked last for another that waits for the key; or it has not answered a while after the wait was over.
    /// </exception>
    /// <exception cref="Microsoft.AspNetCore.Http.BadHttpRequestException">Too many wait.</exception>
    public async Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, bool keepsGrant, TimeSpan wait, CancellationToken cancellationToken)
    {
        long start = api.Time.GetTimestamp();
        (LockWatch? Watch, long? Told) before = Find(key, request.LockOnly);
        Task<LockerReply> asking = api.Store.Locks.RequestAsync(key, request, cancellationToken).OffStoreThread();
        try
        {
            await ((Task)asking).WaitAsync(wait + AnswerTime, api.Time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!asking.IsCompleted) throw LockWatch.NotAnswered();
            LockerReply reply = await asking.ConfigureAwait(false);
            if (reply is not LockHeld held || wait == TimeSpan.Zero) return reply;
            LockWaiter waiter = new(request with { WaitingFor = held.FencingToken }, held, keepsGrant);
            return await WaitAsync(Join(key, waiter, before), waiter, wait - api.Time.GetElapsedTime(start), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or LatchworkStoreException { Outcome: StoreOutcome.Unknown })
        {
            // It may have been granted, or may yet be. Who chose the token can ask again; anybody else would only wait for the lease to run out.
            // Its token may also belong to a second request by now, which was sent because this one was given up, and has been answered.
            if (keepsGrant) _ = ForgetAsync(asking);
            else GiveBack(key, request.Nonce, asking);
            throw;
        }
    }

    /// <summary>Releases what may have been granted to a request that nobody waits for any more. Whoever it was for is answered meanwhile.</summary>
    /// <param name="key">The key.</param>
    /// <param name="nonce">The nonce of the request.</param>
    /// <param name="asking">The request, which may be under way still; null if it is answered.</param>
    public void GiveBack(LockerKey key, string nonce, Task? asking = null)
    {
        using AsyncFlowControl? flow = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        _ = Task.Run(() => GiveBackAsync(key, nonce, asking), CancellationToken.None);
    }

    /// <inheritdoc cref="GiveBack"/>
    /// <returns>A task that ends when it is released, or left to its lease. It never fails.</returns>
    public async Task GiveBackAsync(LockerKey key, string nonce, Task? asking = null)
    {
        try
        {
            if (asking is not null) await ForgetAsync(asking).ConfigureAwait(false); // what is sent after it may yet take effect before it
            await api.Store.Locks.ReleaseAsync(key, fencingToken: null, nonce, CancellationToken.None).OffStoreThread().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Nobody waits for this: it is logged, and the lease runs out.
        catch (Exception e)
#pragma warning restore CA1031
        {
            api.Log?.ReleaseFailed(e, key.Namespace);
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

    private async Task<LockerReply> WaitAsync(LockWatch watch, LockWaiter waiter, TimeSpan left, CancellationToken cancellationToken)
    {
        try
        {
            await ((Task)waiter.Reply).WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, api.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!waiter.Reply.IsCompleted)
            {
                cancellationToken.ThrowIfCancellationRequested();
                // While it is being asked for, the answer may be a grant, which must not be left to its lease.
                watch.EndWait(waiter);
                await ((Task)waiter.Reply).WaitAsync(AnswerTime, api.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                watch.GiveUp(waiter);
            }

            return await waiter.Reply.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            watch.Leave(waiter);
            lock (_gate) _count--;
        }
    }

    private static async Task ForgetAsync(Task asking) => await asking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

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
