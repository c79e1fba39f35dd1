using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.Tests.Locking;

/// <summary>Nodes on one in-memory store, each behind a stage of its own.</summary>
public abstract class LockerTestBase : IAsyncLifetime
{
    private readonly InMemoryStore _store = new();
    private readonly List<ProcessLocker> _nodes = [];

    protected static TimeSpan Patience => TimeSpan.FromSeconds(30);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (ProcessLocker node in _nodes) await node.DisposeAsync();
        await _store.DisposeAsync();
    }

    protected static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private protected (ProcessLocker Node, StagedLockerStore Stage) NewNode(Action<LockerOptions>? change = null)
    {
        var options = new LockerOptions { NodeId = $"node-{_nodes.Count}" };
        change?.Invoke(options);
        var stage = new StagedLockerStore(_store.Locks);
        var node = new ProcessLocker(stage, options);
        _nodes.Add(node);
        return (node, stage);
    }

    protected static Task WaitersAsync(ProcessLocker node, string key, int count) =>
        Eventually.ReadsAsync(() => node.ShowAsync(key), snapshot => snapshot?.Waiters == count, $"{count} callers wait for {key}");

    protected static Task<string> NeverAsync(CancellationToken stop) => new TaskCompletionSource<string>().Task.WaitAsync(stop);
}
