using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Api;

/// <summary>
/// Requests for keys on behalf of clients that renew the leases themselves. Each asks once; those that find their key held wait, and all that wait
/// for one key share one <see cref="LockWatch"/>: one subscription, and one question a second in case a message was lost.
/// </summary>
internal sealed class LockWaits(HttpApi api, int maxWaiting)
{
    /// <summary>How long what is under way behind the answers may take when the application has stopped.</summary>
    public static readonly TimeSpan EndTime = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<(LockerKey Key, bool LockOnly), LockWatch> _watches = [];

    // A watch runs until its subscription has ended. Nobody waits for those that are left: they count instead of the requests for which they began.
    private readonly HashSet<LockWatch> _running = [], _left = [];
    private int _count, _underWay;
    private TaskCompletionSource? _idle;

    /// <summary>How many requests wait.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>How many requests, and what they have left behind with the store, are under way: what <see cref="HttpApiOptions.MaxWaiting"/> bounds.</summary>
    public int UnderWay
    {
        get
        {
            lock (_gate) return _underWay + _left.Count;
        }
    }

    /// <summary>How long an answer of the store that is under way when a wait is over is waited for: a store that answers at all has done so by then.</summary>
    public TimeSpan AnswerTime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Asks until the key is granted or done, or the time is over. The answer comes <see cref="AnswerTime"/> after that at the latest.</summary>
    /// <param name="key">The key, in a namespace that may be new.</param>
    /// <param name="request">The request; it begins now.</param>
    /// <param name="keepsGrant">Whether a grant that comes when nobody waits any more is kept: the client chose the nonce, and may ask for it again.</param>
    /// <param name="wait">How long to wait.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The last answer of the store: a <see cref="LockHeld"/> if the time is over.</returns>
    /// <exception cref="LatchworkStoreException">
    /// The store failed, also when it was asked last for another that waits for the key; or it has not answered a while after the wait was over.
    /// </exception>
    /// <exception cref="Microsoft.AspNetCore.Http.BadHttpRequestException">Too many are under way.</exception>
    public async Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, bool keepsGrant, TimeSpan wait, CancellationToken cancellationToken)
    {
        long start = api.Time.GetTimestamp();
        Enter();
        try
        {
            Task opening = api.OpenLockerAsync(key.Namespace, cancellationToken);
            if (!await EndsAsync(opening, Left(start, wait + AnswerTime), cancellationToken).ConfigureAwait(false))
            {
                RunBehind(() => ForgetAsync(opening));
                cancellationToken.ThrowIfCancellationRequested();
                throw LockWatch.NotAsked();
            }

            await opening.ConfigureAwait(false);
            return await AskAsync(key, request, keepsGrant, start, wait, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>Releases what may have been granted to a request that nobody waits for any more. Whoever it was for is answered meanwhile.</summary>
    /// <param name="key">The key.</param>
    /// <param name="nonce">The nonce of the request.</param>
    /// <param name="asking">The request, which may be under way still; null if it is answered.</param>
    public void GiveBack(LockerKey key, string nonce, Task? asking = null) => RunBehind(() => GiveBackAsync(key, nonce, asking));

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

    /// <summary>A watch has nothing under way any more.</summary>
    public void Ended(LockWatch watch)
    {
        lock (_gate)
        {
            _left.Remove(watch);
            _running.Remove(watch);
            SetIfIdle();
        }
    }

    /// <summary>The application has stopped: waits until what was left behind has ended, so that no grant is left to its lease because the store is closed before its release.</summary>
    /// <returns>A task that ends when nothing is under way, or after <see cref="EndTime"/>.</returns>
    public async Task EndAsync()
    {
        Task idle;
        lock (_gate)
        {
            idle = (_idle ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            SetIfIdle();
        }

        await idle.WaitAsync(EndTime, TimeProvider.System).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Ends a watch that failed, so that whoever comes begins another.</summary>
    public void End(LockWatch watch)
    {
        lock (_gate)
        {
            if (_watches.TryGetValue((watch.Key, watch.LockOnly), out LockWatch? last) && last == watch) _watches.Remove((watch.Key, watch.LockOnly));
        }
    }

    private async Task<LockerReply> AskAsync(LockerKey key, LockerRequest request, bool keepsGrant, long start, TimeSpan wait, CancellationToken cancellationToken)
    {
        (LockWatch? Watch, long? Told) before = Find(key, request.LockOnly);
        Task<LockerReply> asking = api.Store.Locks.RequestAsync(key, request, cancellationToken).OffStoreThread();
        try
        {
            if (!await EndsAsync(asking, Left(start, wait + AnswerTime), cancellationToken).ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw LockWatch.NotAnswered();
            }

            LockerReply reply = await asking.ConfigureAwait(false);
            if (reply is not LockHeld held || Left(start, wait) == TimeSpan.Zero) return reply;
            LockWaiter waiter = new(request with { WaitingFor = held.FencingToken }, held, keepsGrant);
            return await WaitAsync(Join(key, waiter, before), waiter, start, wait, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or LatchworkStoreException { Outcome: StoreOutcome.Unknown })
        {
            // It may have been granted, or may yet be. Who chose the token can ask again; anybody else would only wait for the lease to run out.
            // Its token may also belong to a second request by now, which was sent because this one was given up, and has been answered.
            if (keepsGrant) RunBehind(() => ForgetAsync(asking));
            else GiveBack(key, request.Nonce, asking);
            throw;
        }
    }

    private async Task<LockerReply> WaitAsync(LockWatch watch, LockWaiter waiter, long start, TimeSpan wait, CancellationToken cancellationToken)
    {
        try
        {
            if (!await EndsAsync(waiter.Reply, Left(start, wait), cancellationToken).ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
                // While it is being asked for, the answer may be a grant, which must not be left to its lease.
                watch.EndWait(waiter);
                await EndsAsync(waiter.Reply, Left(start, wait + AnswerTime), cancellationToken).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                watch.GiveUp(waiter);
            }

            return await waiter.Reply.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            watch.Leave(waiter);
            lock (_gate)
            {
                _count--;
                if (watch.IsEmpty && _running.Contains(watch)) _left.Add(watch);
            }
        }
    }

    private TimeSpan Left(long start, TimeSpan time)
    {
        TimeSpan left = time - api.Time.GetElapsedTime(start);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <returns>Whether it has ended, however it did, before the time was over and the token fired.</returns>
    private async Task<bool> EndsAsync(Task task, TimeSpan time, CancellationToken cancellationToken)
    {
        await task.WaitAsync(time, api.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return task.IsCompleted;
    }

    private void Enter()
    {
        lock (_gate)
        {
            if (_underWay + _left.Count >= maxWaiting) throw ApiProblems.TooMany($"{maxWaiting} requests for keys are under way already, the most that may be (HttpApiOptions.MaxWaiting).");
            _underWay++;
        }
    }

    private void Exit()
    {
        lock (_gate)
        {
            _underWay--;
            SetIfIdle();
        }
    }

    // In the context of no request, and for none. It counts as one.
    private void RunBehind(Func<Task> run)
    {
        lock (_gate) _underWay++;
        using AsyncFlowControl? flow = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        _ = Task.Run(
            async () =>
            {
                await run().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                Exit();
            },
            CancellationToken.None);
    }

    // Needs the gate.
    private void SetIfIdle()
    {
        if (_underWay == 0 && _running.Count == 0) _idle?.TrySetResult();
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
            _count++;
            bool isNew = !_watches.TryGetValue((key, waiter.Request.LockOnly), out LockWatch? watch);
            if (isNew) _watches.Add((key, waiter.Request.LockOnly), watch = new LockWatch(api, this, key, waiter.Request.LockOnly));
            watch!.Add(waiter, watch == before.Watch ? before.Told : null);
            _left.Remove(watch);
            if (isNew)
            {
                _running.Add(watch);
                watch.Start();
            }

            return watch;
        }
    }
}
