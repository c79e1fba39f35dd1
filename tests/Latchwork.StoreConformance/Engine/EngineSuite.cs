using System.Collections.Concurrent;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>What the engine's suites share: a store that can be made to fail, a namespace of its own, and timers that are disposed at the end.</summary>
public abstract class EngineSuite(StoreFixture fixture) : IAsyncLifetime
{
    private readonly ConcurrentBag<DistributedTimer> _timers = [];
    private ManualTimeProvider? _clock;

    protected string Namespace { get; } = $"engine-{Guid.NewGuid():N}";

    protected FaultyStore Store { get; private set; } = null!;

    protected FaultyTimerStore Faults => Store.Faults;

    /// <summary>What the timers reported.</summary>
    protected ConcurrentQueue<TimerErrorEventArgs> Errors { get; } = new();

    /// <summary>Whether everything is answered while the thread pool is blocked, or renewals alone.</summary>
    protected bool AnswersWithoutPool => fixture.AnswersWithoutPool;

    public virtual async Task InitializeAsync() => Store = new FaultyStore(await fixture.OpenAsync(null));

    public virtual async Task DisposeAsync()
    {
        Task disposed = Task.WhenAll(_timers.Select(timer => timer.DisposeAsync().AsTask()));
        if (_clock is not null) await _clock.AdvanceUntilAsync(() => disposed.IsCompleted, Seconds(1), "all timers are disposed");
        await disposed;
        await Store.DisposeAsync();
    }

    /// <summary>
    /// To be called first: from now on the time of the store and of the timers stands still unless the test moves it. So no lease, poll slot or
    /// bound runs out by itself, however long the machine stalls.
    /// </summary>
    protected async Task<ManualTimeProvider> StopTimeAsync()
    {
        await Store.DisposeAsync();
        _clock = new ManualTimeProvider();
        Store = new FaultyStore(await fixture.OpenAsync(_clock));
        return _clock;
    }

    /// <summary>
    /// Moves the clock, once it stands still, while no call to the store is under way. A call takes its time with it to a server: were the clock moved meanwhile,
    /// it could come after a later one, to the store a clock that went back; and a slow store would seem to be late.
    /// </summary>
    protected Task AdvanceAsync(TimeSpan span) => Faults.WhileQuietAsync(() =>
    {
        if (span > TimeSpan.Zero) _clock!.Advance(span);
        return Task.FromResult(true);
    });

    /// <summary>
    /// Moves the clock in steps until something holds. Time passes with every look: a notification that was on its way while a test moved the clock is heard too
    /// late, and then a node asks at its poll slot.
    /// </summary>
    protected Task AdvanceUntilAsync(Func<Task<bool>> condition, TimeSpan step, string what) => Eventually.ReadsAsync(
        async () =>
        {
            if (await condition()) return true;
            await AdvanceAsync(step);
            return false;
        },
        static holds => holds,
        what);

    /// <inheritdoc cref="AdvanceUntilAsync(Func{Task{bool}}, TimeSpan, string)"/>
    protected Task AdvanceUntilAsync(Func<bool> condition, TimeSpan step, string what) => AdvanceUntilAsync(() => Task.FromResult(condition()), step, what);

    /// <summary>How long to wait for what must come.</summary>
    protected static TimeSpan TestTimeout => Seconds(60);

    protected static TimeSpan Ms(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    protected static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    /// <summary>A timer of this test's namespace that leaves quickly. Its leases are long: a machine that stalls loses none.</summary>
    protected DistributedTimer NewTimer(Action<TimerOptions>? configure = null)
    {
        var options = new TimerOptions
        {
            Namespace = Namespace,
            LeaseDuration = Seconds(300),
            ShutdownTimeout = Seconds(1),
            Backoff = new() { Initial = Ms(20), Jitter = 0 },
            MaxRetries = 0, // a test that wants retries says how many
        };
        if (_clock is not null) options.TimeProvider = _clock;
        configure?.Invoke(options);
        var timer = new DistributedTimer(Store, options);
        timer.Error += (_, e) => Errors.Enqueue(e);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>A node that has joined and records what it gets.</summary>
    protected async Task<Node> JoinAsync(Func<TimerDelivery, CancellationToken, Task>? handler = null, Action<TimerOptions>? configure = null)
    {
        var node = new Node(NewTimer(configure), handler ?? ((_, _) => Task.CompletedTask));
        await node.Timer.JoinAsync(node.HandleAsync);
        return node;
    }

    /// <summary>Lets a node handle a few short events, which it does not record: from then on it claims ahead of its handlers.</summary>
    protected static async Task WarmUpAsync(Node node)
    {
        for (int i = 0; i < 8; i++) await node.Timer.PostAsync(i, TimeSpan.Zero, new() { Id = $"{Node.WarmUp}{i}" });
        await EmptyAsync(node.Timer);
    }

    /// <summary>Ids of events that belong to a partition.</summary>
    protected IEnumerable<string> IdsIn(int partition, int partitions) =>
        Enumerable.Range(0, int.MaxValue).Select(i => $"e{i}").Where(id => TimerPartition.Of(Namespace, id, partitions).Index == partition);

    protected static Task EventuallyAsync(Func<bool> condition, string what) => Eventually.HoldsAsync(condition, what);

    /// <summary>Waits until nothing is scheduled or in flight.</summary>
    protected static async Task EmptyAsync(DistributedTimer timer) =>
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0 }, "nothing scheduled or in flight");

    /// <summary>A listening timer and what it got.</summary>
    protected sealed class Node(DistributedTimer timer, Func<TimerDelivery, CancellationToken, Task> handler)
    {
        public const string WarmUp = "warm-up-";

        public DistributedTimer Timer => timer;

        public ConcurrentQueue<TimerDelivery> Got { get; } = new();

        public IEnumerable<string> Ids => Got.Select(delivery => delivery.Id);

        public Task HandleAsync(TimerDelivery delivery, CancellationToken cancellationToken)
        {
            if (delivery.Id.StartsWith(WarmUp, StringComparison.Ordinal)) return Task.CompletedTask;
            Got.Enqueue(delivery);
            return handler(delivery, cancellationToken);
        }

        /// <summary>Waits for the nth delivery.</summary>
        public async Task<TimerDelivery> NthAsync(int n)
        {
            await Eventually.HoldsAsync(() => Got.Count >= n, $"delivery {n} of {timer.NodeId}");
            return Got.ElementAt(n - 1);
        }
    }
}
