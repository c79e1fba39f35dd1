using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Xunit;

namespace Latchwork.Tests.Locking;

/// <summary>Nodes on one in-memory store, each behind a stage of its own.</summary>
public abstract class LockerTestBase : IAsyncLifetime
{
    private InMemoryStore _store = new();
    private ManualTimeProvider? _clock;
    private readonly List<ProcessLocker> _nodes = [];

    protected static TimeSpan TestTimeout => TimeSpan.FromSeconds(60);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        Task disposed = Task.WhenAll(_nodes.Select(node => node.DisposeAsync().AsTask()));
        if (_clock is not null) await _clock.AdvanceUntilAsync(() => disposed.IsCompleted, TimeSpan.FromSeconds(1), "all nodes are disposed");
        await disposed;
        await _store.DisposeAsync();
    }

    protected static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    /// <summary>To be called first: from now on the time of the store and of the nodes stands still unless the test moves it.</summary>
    protected ManualTimeProvider StopTime()
    {
        _clock = new ManualTimeProvider();
        _store = new InMemoryStore(_clock);
        return _clock;
    }

    private protected (ProcessLocker Node, StagedLockerStore Stage) NewNode(Action<LockerOptions>? change = null)
    {
        // Long times: a machine that stalls neither loses keys nor misses what is handed over.
        var options = new LockerOptions
        {
            NodeId = $"node-{_nodes.Count}",
            LeaseDuration = TimeSpan.FromMinutes(10),
            FallbackPollInterval = TimeSpan.FromMinutes(1),
            ShutdownTimeout = TimeSpan.FromMinutes(1),
        };
        if (_clock is not null) options.TimeProvider = _clock;
        change?.Invoke(options);
        var stage = new StagedLockerStore(_store.Locks);
        var node = new ProcessLocker(stage, options);
        _nodes.Add(node);
        return (node, stage);
    }

    protected static Task WaitersAsync(ProcessLocker node, string key, int count) =>
        Eventually.ReadsAsync(() => node.PeekAsync(key), snapshot => snapshot?.Waiters == count, $"{count} callers wait for {key}");

    protected static Task<string> NeverAsync(CancellationToken cancellationToken) => new TaskCompletionSource<string>().Task.WaitAsync(cancellationToken);
}
