using BenchmarkDotNet.Attributes;

namespace Latchwork.Microbenchmarks;

/// <summary>The engines on the store in memory: a post, an event from its post through its handler to its confirmation, a run that nobody else wants.</summary>
public class EngineBenchmarks : IAsyncDisposable
{
    private const int Events = 1_000;
    private static readonly byte[] _payload = new byte[200];
    private static readonly TimeSpan _hour = TimeSpan.FromHours(1);
    private readonly InMemoryStore _store = new();
    private DistributedTimer _timer = null!;
    private DistributedTimer _listener = null!;
    private ProcessLocker _locker = null!;
    private TaskCompletionSource _all = new();
    private int _handled;
    private int _keys;

    [GlobalSetup]
    public async Task Prepare()
    {
        _timer = new DistributedTimer(_store);
        _locker = new ProcessLocker(_store);
        _listener = new DistributedTimer(_store, new() { Namespace = "listened" });
        await _listener.JoinAsync((_, _) =>
        {
            if (Interlocked.Increment(ref _handled) == Events) _all.TrySetResult();
            return Task.CompletedTask;
        });
    }

    [GlobalCleanup]
    public Task CleanUp() => DisposeAsync().AsTask();

    /// <summary>Posts that replace one another, so that the store does not grow.</summary>
    [Benchmark(OperationsPerInvoke = Events)]
    public async Task Post()
    {
        var options = new PostOptions { Id = "one" };
        for (int i = 0; i < Events; i++) await _timer.PostAsync(_payload, _hour, options);
    }

    [Benchmark(OperationsPerInvoke = Events)]
    public async Task PostClaimHandleConfirm()
    {
        _handled = 0;
        _all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _listener.PostAsync([.. Enumerable.Repeat(new TimerPost(_payload, TimeSpan.Zero), Events)]);
        await _all.Task;
    }

    /// <summary>Its result is for current waiters only, so that the store does not grow.</summary>
    [Benchmark]
    public async Task RunOnce() => await _locker.RunOnceAsync(
        $"key-{_keys++ % 1_000}", (_, _) => Task.FromResult<byte[]?>(_payload), new() { ResultTimeout = TimeSpan.Zero });

    public async ValueTask DisposeAsync()
    {
        await _locker.DisposeAsync();
        await _listener.DisposeAsync();
        await _timer.DisposeAsync();
        await _store.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
