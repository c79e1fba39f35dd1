using Latchwork.Storage;

namespace Latchwork.StoreConformance.Transfer;

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

/// <summary>A store whose transfers can be stopped.</summary>
internal sealed class StoppingStore(LatchworkStore store, Stop stop) : LatchworkStore
{
    public override ITimerStore Timers => store.Timers;

    public override ILockerStore Locks => store.Locks;

    public override IStoreTransfer Transfer { get; } = new StoppingTransfer(store.Transfer!, stop);

    public override string Description => store.Description;

    public override ValueTask DisposeAsync() => store.DisposeAsync();

    private sealed class StoppingTransfer(IStoreTransfer transfer, Stop stop) : IStoreTransfer
    {
        public string Place => transfer.Place;

        public Task<IReadOnlyList<NamespaceRef>> ListAsync(CancellationToken cancellationToken) => stop.Pass(() => transfer.ListAsync(cancellationToken));

        public Task<NamespaceDrop?> DropTimersAsync(string ns, bool force, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.DropTimersAsync(ns, force, cancellationToken));

        public Task<TransferMarks> PeekAsync(NamespaceRef unit, CancellationToken cancellationToken) => stop.Pass(() => transfer.PeekAsync(unit, cancellationToken));

        public Task<SealAnswer> SealAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.SealAsync(unit, moveId, target, checkOnly, cancellationToken));

        public Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.ReadCountersAsync(ns, cancellationToken));

        public Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.ReadLockerStatsAsync(ns, cancellationToken));

        public Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.ReadCompletedAsync(ns, cursor, cancellationToken));

        public Task<bool> ImportCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.ImportCompletedAsync(ns, moveId, lines, cancellationToken));

        public Task<bool> ChangeAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.ChangeAsync(unit, expected, wanted, cancellationToken));

        public Task<bool> DropJournalAsync(NamespaceRef unit, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.DropJournalAsync(unit, cancellationToken));

        public Task<IReadOnlyList<TransferEvent>> NextEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.NextEventsAsync(ns, moveId, arrived, cancellationToken));

        public Task<IReadOnlyList<ImportOutcome>> ImportEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.ImportEventsAsync(ns, moveId, events, cancellationToken));

        public Task<TransferKeyPage> NextKeysAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.NextKeysAsync(ns, moveId, arrived, cursor, cancellationToken));

        public Task<IReadOnlyList<ImportOutcome>> ImportKeysAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken) =>
            stop.Pass(() => transfer.ImportKeysAsync(ns, moveId, keys, cancellationToken));
    }
}
