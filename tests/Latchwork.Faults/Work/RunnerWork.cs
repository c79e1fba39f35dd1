using Latchwork.Faults.History;

namespace Latchwork.Faults.Work;

/// <summary>Runs once, requests, acquires, reads and forgets, on a few keys that all runners share.</summary>
internal sealed class RunnerWork(WorkerSettings settings, Recorder recorder, ProcessLocker locker) : IWork
{
    private const int Loops = 4;
    private const int Keys = 6;
    private const int MeanPause = 100;
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan _bound = TimeSpan.FromSeconds(20);
    private long _values;

    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(Enumerable.Range(0, Loops).Select(loop => Task.Run(() => LoopAsync(settings.Chance(loop), cancellationToken), CancellationToken.None)));

    private async Task LoopAsync(Random chance, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            string key = $"key-{Pace.Epoch}-{chance.Next(Keys)}";
            using CancellationTokenSource callerTimeout = Pace.CallerTimeout(chance, percent: 8, milliseconds: 500);
            await (chance.Next(100) switch
            {
                < 55 => RunOnceAsync(key, chance, callerTimeout.Token),
                < 68 => RequestAsync(key, chance, callerTimeout.Token),
                < 80 => AcquireAsync(key, chance, callerTimeout.Token),
                < 85 => TryAcquireAsync(key, chance),
                < 95 => TryGetAsync(key),
                _ => ForgetAsync(key),
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

    private Task RunOnceAsync(string key, Random chance, CancellationToken callerTimeout)
    {
        var options = new RunOnceOptions { ResultTimeout = ResultTimeoutOf(chance), OnFailure = PolicyOf(chance), WaitTimeout = _bound };
        int seed = chance.Next();
        return recorder.CallAsync(
            recorder.Begin(Verb.RunOnce, key) with { Bound = MonotonicTime.Of(_bound), FreshFor = MonotonicTime.Of(options.ResultTimeout.Value) },
            () => locker.RunOnceAsync(key, (lease, cancellationToken) => WorkAsync(lease, new Random(seed), cancellationToken), options, callerTimeout),
            (end, bytes) => end with { Outcome = "Done", Value = bytes is null ? LockValue.Null : LockValue.OfBytes(bytes) });
    }

    private async Task RequestAsync(string key, Random chance, CancellationToken callerTimeout)
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
                byte[]? value = await WorkAsync(lease, chance, lease.Lost);
                int way = chance.Next(4);
                if (way == 0) return; // It publishes nothing: the key is released.
                if (way == 1) await locker.PublishAsync(key, lease.FencingToken, value is null ? null : new ReadOnlyMemory<byte>(value), lease.ResultTimeout);
                else await lease.PublishAsync(value);
            }
            catch (InvalidOperationException e)
            {
                await FailAsync(lease, e, PolicyOf(chance));
            }
            catch (OperationCanceledException) when (lease.Lost.IsCancellationRequested)
            {
                return; // The key is another's.
            }
            catch (LatchworkStoreException)
            {
                return; // What the store answered is recorded where the store is.
            }
        }
    }

    private static async Task FailAsync(WorkLease lease, InvalidOperationException failure, FailurePolicy policy)
    {
        try
        {
            await lease.FailAsync(failure, policy);
        }
        catch (LatchworkStoreException)
        {
            return; // What the store answered is recorded where the store is.
        }
    }

    private async Task AcquireAsync(string key, Random chance, CancellationToken callerTimeout)
    {
        WorkLease? lease = await recorder.CallAsync(
            recorder.Begin(Verb.Acquire, key) with { Bound = MonotonicTime.Of(_bound) },
            () => locker.AcquireAsync(key, _bound, callerTimeout),
            (end, answer) => end with { Outcome = "Locked", FencingToken = answer.FencingToken, TakenOver = answer.TakenOver });
        if (lease is not null) await HoldAsync(lease, chance);
    }

    private async Task TryAcquireAsync(string key, Random chance)
    {
        WorkLease? lease;
        try
        {
            lease = await locker.TryAcquireAsync(key);
        }
        catch (LatchworkStoreException)
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
                await WorkAsync(lease, chance, lease.Lost);
            }
            catch (Exception e) when (e is InvalidOperationException || (e is OperationCanceledException && lease.Lost.IsCancellationRequested))
            {
                return; // It is a lock without a result: whatever its holder does, it is released.
            }
        }
    }

    private Task TryGetAsync(string key) => recorder.CallAsync(
        recorder.Begin(Verb.TryGet, key),
        () => locker.TryGetAsync(key),
        (end, result) => result is null ? end with { Outcome = "Absent" } : WithResult(end, result) with { Outcome = "Done" });

    private async Task ForgetAsync(string key)
    {
        try
        {
            await locker.ForgetAsync(key);
        }
        catch (LatchworkStoreException)
        {
            return; // What the store answered is recorded where the store is.
        }
    }

    private async Task<byte[]?> WorkAsync(WorkLease lease, Random chance, CancellationToken cancellationToken)
    {
        long at = MonotonicTime.Now;
        recorder.History.Write(new WorkStarted(at, WorkerSettings.Namespace, lease.Key, lease.FencingToken, MonotonicTime.Of(lease.LeaseLeft)));
        await using CancellationTokenRegistration lost = MonitorLost(lease);
        CodeResult result = CodeResult.Threw;
        string? value = null;
        try
        {
            int milliseconds = chance.Next(100) < 6 ? 1_000 + chance.Next(2_500) : chance.Next(120);
            for (TimeSpan left = TimeSpan.FromMilliseconds(milliseconds); left > TimeSpan.Zero; left -= _look)
            {
                await Task.Delay(left < _look ? left : _look, cancellationToken);
                Look(lease);
            }

            if (chance.Next(8) == 0)
            {
                var failure = new InvalidOperationException(NewText());
                value = LockValue.OfFailure(failure.Message);
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
