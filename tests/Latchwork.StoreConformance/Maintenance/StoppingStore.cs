using Latchwork.Storage;

namespace Latchwork.StoreConformance.Maintenance;

/// <summary>Ends the process of a mover in the tests' stead: from its n-th operation on, nothing gets through any more.</summary>
/// <param name="stopAt">The number of the operation, over all stores that share this; 0: never.</param>
/// <param name="afterEffect">Whether that operation still takes effect, its reply being lost.</param>
internal sealed class Stop(int stopAt, bool afterEffect)
{
    private int _operations;

    /// <summary>Whether it came to that.</summary>
    public bool Happened { get; private set; }

    public async Task<T> Pass<T>(Func<Task<T>> operation)
    {
        if (Happened) throw new StoppedException();
        if (++_operations != stopAt) return await operation();
        Happened = true;
        if (afterEffect) await operation();
        throw new StoppedException();
    }
}

internal sealed class StoppedException : Exception;

/// <summary>A store whose maintenance can be stopped.</summary>
internal sealed class StoppingStore(LatchworkStore store, Stop stop) : LatchworkStore
{
    public override ITimerStore Timers => store.Timers;

    public override ILockerStore Locks => store.Locks;

    public override IStoreMaintenance Maintenance { get; } = new StoppingMaintenance(store.Maintenance!, stop);

    public override string Description => store.Description;

    public override ValueTask DisposeAsync() => store.DisposeAsync();

    private sealed class StoppingMaintenance(IStoreMaintenance inner, Stop stop) : DelegatingStoreMaintenance
    {
        public override string Place => inner.Place;

        public override IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, CancellationToken cancellationToken) => inner.ExamineAsync(ns, fix, cancellationToken);

        protected override Task<T> PassAsync<T>(Func<IStoreMaintenance, Task<T>> call, CancellationToken cancellationToken) => stop.Pass(() => call(inner));
    }
}
