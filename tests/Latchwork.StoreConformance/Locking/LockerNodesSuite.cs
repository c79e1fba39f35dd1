using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>What the suites of the engine share: a store on its own clock, and lockers as nodes of one cluster.</summary>
public abstract class LockerNodesSuite(StoreFixture fixture) : IAsyncLifetime
{
    private readonly Dictionary<ProcessLocker, InstrumentedLockerStore> _nodes = [];
    private ManualTimeProvider? _clock;

    protected LatchworkStore Store { get; private set; } = null!;

    protected string Namespace { get; } = $"test-{Guid.NewGuid():N}";

    protected static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    protected static TimeSpan TestTimeout => TimeSpan.FromSeconds(60);

    public virtual async Task InitializeAsync() => Store = await fixture.OpenAsync(null);

    public virtual async Task DisposeAsync()
    {
        Task disposed = Task.WhenAll(_nodes.Keys.Select(node => node.DisposeAsync().AsTask()));
        if (_clock is not null) await _clock.AdvanceUntilAsync(() => disposed.IsCompleted, TimeSpan.FromSeconds(1), "all nodes are disposed");
        await disposed;
        await Store.DisposeAsync();
    }

    /// <summary>
    /// To be called first: from now on the time of the store and of the nodes stands still unless the test moves it. So no lease and no bound
    /// runs out by itself, however long the machine stalls.
    /// </summary>
    protected async Task<ManualTimeProvider> StopTimeAsync()
    {
        await Store.DisposeAsync();
        _clock = new ManualTimeProvider();
        Store = await fixture.OpenAsync(_clock);
        return _clock;
    }

    /// <summary>A node whose times are long: a machine that stalls neither loses its keys nor misses what is handed over.</summary>
    protected ProcessLocker NewNode(Action<LockerOptions>? change = null)
    {
        var options = new LockerOptions
        {
            Namespace = Namespace,
            NodeId = $"node-{_nodes.Count}",
            LeaseDuration = TimeSpan.FromMinutes(10),
            FallbackPollInterval = TimeSpan.FromMinutes(1),
            ShutdownTimeout = TimeSpan.FromMinutes(1),
        };
        if (_clock is not null) options.TimeProvider = _clock;
        change?.Invoke(options);
        var store = new InstrumentedLockerStore(Store.Locks);
        var node = new ProcessLocker(store, options);
        _nodes.Add(node, store);
        return node;
    }

    /// <summary>Work that ends only when it is told to.</summary>
    protected static Task<string> NeverAsync(CancellationToken cancellationToken) => new TaskCompletionSource<string>().Task.WaitAsync(cancellationToken);

    protected static Task WaitersAsync(ProcessLocker node, string key, int count) =>
        Eventually.ReadsAsync(() => node.PeekAsync(key), snapshot => snapshot?.Waiters == count, $"{count} callers wait for {key}");

    /// <summary>
    /// Waits until a node that waits for a key has found its owner at work once more. What is only handed over goes to callers that certainly
    /// called before it was published: to those, that is, who called before that look.
    /// </summary>
    protected async Task LooksAgainAsync(ProcessLocker node)
    {
        InstrumentedLockerStore store = _nodes[node];
        int sent = store.Requests;

        // The next request is sent after now, and when the one after it is sent, its answer has been taken in.
        await Eventually.HoldsAsync(() => store.Requests >= sent + 2, "the node looks again");
    }

    /// <summary>Waits until a node has renewed a lease.</summary>
    protected Task RenewedAsync(ProcessLocker node) => Eventually.HoldsAsync(() => _nodes[node].Renewals > 0, "the node renews");

    protected static Task LockedAsync(ProcessLocker node, string key) =>
        Eventually.ReadsAsync(() => node.PeekAsync(key), snapshot => snapshot is { IsLocked: true }, $"{key} is locked");
}
