using Latchwork.Faults.History;

namespace Latchwork.Faults.Work;

/// <summary>
/// Runs once, requests, acquires, reads and forgets, on a few keys that all runners share. Every few seconds the locker is disposed in the middle of all that,
/// and another one takes its place.
/// </summary>
internal sealed class RunnerWork(WorkerSettings settings, Recorder recorder, LatchworkStore store, TimeProvider clock, BrokenCallbacks callbacks) : IWork
{
    private const int Loops = 4;
    private const int Keys = 6;
    private const int MeanPause = 100;
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan _bound = TimeSpan.FromSeconds(20);
    private long _values;
    private int _working;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Random chance = settings.Chance(99);
        for (int life = 0; !cancellationToken.IsCancellationRequested; life++)
        {
            using CancellationTokenSource over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var locker = new ProcessLocker(store, new LockerOptions
            {
                Namespace = WorkerSettings.Namespace,
                NodeId = settings.ProcessName,
                LeaseDuration = WorkerSettings.LockLease,
                FallbackPollInterval = TimeSpan.FromMilliseconds(500),
                LockTimeout = TimeSpan.FromMinutes(1),
                ShutdownTimeout = TimeSpan.FromMilliseconds(chance.Next(3_000)),
                LoggerFactory = callbacks,
                TimeProvider = clock,
            });
            Task[] loops = [.. Enumerable.Range(0, Loops).Select(loop => Task.Run(() => LoopAsync(locker, settings.Chance((life * Loops) + loop), over.Token), CancellationToken.None))];
            await Task.Delay(chance.Next(3) == 0 ? 40_000 : chance.Next(2_000, 12_000), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await over.CancelAsync();
            await locker.DisposeAsync();
            await Task.WhenAll(loops);
        }

        // What was deaf to its token may have outlived its locker; its end is to be in the history.
        while (Volatile.Read(ref _working) > 0) await Task.Delay(_look, CancellationToken.None);
    }

    private async Task LoopAsync(ProcessLocker locker, Random chance, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            string key = $"key-{Pace.Epoch}-{chance.Next(Keys)}";
            using CancellationTokenSource callerTimeout = Pace.CallerTimeout(chance, percent: 8, milliseconds: 500);
            await (chance.Next(100) switch
            {
                < 55 => RunOnceAsync(locker, key, chance, callerTimeout.Token),
                < 68 => RequestAsync(locker, key, chance, callerTimeout.Token),
                < 80 => AcquireAsync(locker, key, chance, callerTimeout.Token),
                < 85 => TryAcquireAsync(locker, key, chance),
                < 95 => TryGetAsync(locker, key),
                _ => ForgetAsync(locker, key),
            });
            await Pace.PauseAsync(chance, MeanPause, cancellationToken);
        }
    }

    private static TimeSpan ResultTimeoutOf(Random chance) => TimeSpan.FromMilliseconds(chance.Next(3) switch { 0 => 0, 1 => 200, _ => chance.Next(1_500) });

    private static FailurePolicy PolicyOf(Random chance) => chance.Next(3) switch
    {
        0 => FailurePolicy.Share,
        1 => FailurePolicy.RetryNextWaiter,
        _ => FailurePolicy.CacheFor(TimeSpan.FromMilliseconds(chance.Next(500))),
    };

    private static OperationEnded WithResult(OperationEnded end, LockerResult result) =>
        end with { Value = result.IsNull ? LockValue.Null : LockValue.OfBytes(result.Bytes.Span), FencingToken = result.FencingToken };

    private string NewText() => $"{settings.ProcessName}:{LockValue.Number(Interlocked.Increment(ref _values))}";

    private Task RunOnceAsync(ProcessLocker locker, string key, Random chance, CancellationToken callerTimeout)
    {
        var options = new RunOnceOptions { ResultTimeout = ResultTimeoutOf(chance), OnFailure = PolicyOf(chance), WaitTimeout = _bound };
        int seed = chance.Next();
        return recorder.CallAsync(
            recorder.Begin(Verb.RunOnce, key) with { Bound = MonotonicTime.Of(_bound), FreshFor = MonotonicTime.Of(options.ResultTimeout.Value) },
            () => locker.RunOnceAsync(key, (lease, cancellationToken) => WorkAsync(lease, isFactory: true, new Random(seed), cancellationToken), options, callerTimeout),
            (end, bytes) => end with { Outcome = "Done", Value = bytes is null ? LockValue.Null : LockValue.OfBytes(bytes) });
    }

    private async Task RequestAsync(ProcessLocker locker, string key, Random chance, CancellationToken callerTimeout)
    {
        RequestResult? result = await recorder.CallAsync(
            recorder.Begin(Verb.Request, key) with { Bound = MonotonicTime.Of(_bound) },
            () => locker.RequestAsync(key, _bound, callerTimeout),
            (end, answer) => answer.IsLocked
                ? end with { Outcome = "Locked", FencingToken = answer.Lease.FencingToken, TakenOver = answer.Lease.TakenOver }
                : WithResult(end, answer.Result) with { Outcome = "Done" });
        if (result is not { Lease: { } lease }) return;

        await using (lease)
        {
            lease.ResultTimeout = ResultTimeoutOf(chance);
            try
            {
                byte[]? value = await WorkAsync(lease, isFactory: false, chance, lease.Lost);
                int way = chance.Next(4);
                if (way == 0) return; // It publishes nothing: the key is released.
                if (way == 1) await locker.PublishAsync(key, lease.FencingToken, value is null ? null : new ReadOnlyMemory<byte>(value), lease.ResultTimeout);
                else await lease.PublishAsync(value);
            }
            catch (OperationCanceledException) when (lease.Lost.IsCancellationRequested)
            {
                return; // The key is another's.
            }
            catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
            {
                return; // What the store answered is recorded where the store is.
            }
            catch (Exception e) when (BrokenCallbacks.IsFailure(e))
            {
                await FailAsync(lease, e, PolicyOf(chance));
            }
        }
    }

    private static async Task FailAsync(WorkLease lease, Exception failure, FailurePolicy policy)
    {
        try
        {
            await lease.FailAsync(failure, policy);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            return; // What the store answered is recorded where the store is.
        }
    }

    private async Task AcquireAsync(ProcessLocker locker, string key, Random chance, CancellationToken callerTimeout)
    {
        WorkLease? lease = await recorder.CallAsync(
            recorder.Begin(Verb.Acquire, key) with { Bound = MonotonicTime.Of(_bound) },
            () => locker.AcquireAsync(key, _bound, callerTimeout),
            (end, answer) => end with { Outcome = "Locked", FencingToken = answer.FencingToken, TakenOver = answer.TakenOver });
        if (lease is not null) await HoldAsync(lease, chance);
    }

    private async Task TryAcquireAsync(ProcessLocker locker, string key, Random chance)
    {
        WorkLease? lease;
        try
        {
            lease = await locker.TryAcquireAsync(key);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            return; // What the store answered is recorded where the store is.
        }

        if (lease is not null) await HoldAsync(lease, chance);
    }

    private async Task HoldAsync(WorkLease lease, Random chance)
    {
        await using (lease)
        {
            try
            {
                await WorkAsync(lease, isFactory: false, chance, lease.Lost);
            }
            catch (Exception e) when (BrokenCallbacks.IsFailure(e) || (e is OperationCanceledException && lease.Lost.IsCancellationRequested))
            {
                return; // It is a lock without a result: whatever its holder does, it is released.
            }
        }
    }

    private Task TryGetAsync(ProcessLocker locker, string key) => recorder.CallAsync(
        recorder.Begin(Verb.TryGet, key),
        () => locker.TryGetAsync(key),
        (end, result) => result is null ? end with { Outcome = "Absent" } : WithResult(end, result) with { Outcome = "Done" });

    private static async Task ForgetAsync(ProcessLocker locker, string key)
    {
        try
        {
            await locker.ForgetAsync(key);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            return; // What the store answered is recorded where the store is.
        }
    }

    private async Task<byte[]?> WorkAsync(WorkLease lease, bool isFactory, Random chance, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _working);
        long at = MonotonicTime.Now;
        recorder.History.Write(new WorkStarted(at, WorkerSettings.Namespace, lease.Key, lease.FencingToken, MonotonicTime.Of(lease.LeaseLeft)) { IsFactory = isFactory ? true : null });
        await using CancellationTokenRegistration lost = MonitorLost(lease);
        CodeResult result = CodeResult.Threw;
        string? value = null;
        try
        {
            CancellationToken heard = chance.Next(8) == 0 ? CancellationToken.None : cancellationToken; // some are deaf to their token
            int milliseconds = chance.Next(100) < 6 ? 1_000 + chance.Next(2_500) : chance.Next(120);
            for (TimeSpan left = TimeSpan.FromMilliseconds(milliseconds); left > TimeSpan.Zero; left -= _look)
            {
                await Task.Delay(left < _look ? left : _look, heard);
                Look(lease);
            }

            if (chance.Next(8) == 0)
            {
                Exception failure = BrokenCallbacks.NewFailure(chance, NewText());
                value = BrokenCallbacks.ValueOf(failure);
                throw failure;
            }

            result = CodeResult.Returned;
            if (chance.Next(20) == 0)
            {
                value = LockValue.Null;
                return null;
            }

            string text = NewText();
            value = LockValue.OfText(text);
            return System.Text.Encoding.UTF8.GetBytes(text);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            result = CodeResult.Stopped;
            throw;
        }
        finally
        {
            Look(lease);
            recorder.History.Write(new WorkEnded(MonotonicTime.Now, WorkerSettings.Namespace, lease.Key, lease.FencingToken, result, value));
            Interlocked.Decrement(ref _working);
        }
    }

    private CancellationTokenRegistration MonitorLost(WorkLease lease) => lease.Lost.UnsafeRegister(
        _ => recorder.History.Write(new WorkLost(MonotonicTime.Now, WorkerSettings.Namespace, lease.Key, lease.FencingToken)), null);

    private void Look(WorkLease lease)
    {
        long at = MonotonicTime.Now;
        recorder.History.Write(new WorkLocalLease(at, WorkerSettings.Namespace, lease.Key, lease.FencingToken, MonotonicTime.Of(lease.LeaseLeft)));
    }
}
