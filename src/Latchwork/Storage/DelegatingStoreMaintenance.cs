namespace Latchwork.Storage;

/// <summary>Passes the steps of maintenance on, each through <see cref="PassAsync"/>: for stores that do something around all of them.</summary>
internal abstract class DelegatingStoreMaintenance : IStoreMaintenance
{
    public abstract string Place { get; }

    public Task<IReadOnlyList<NamespaceRef>> ListAsync(CancellationToken cancellationToken) => PassAsync(store => store.ListAsync(cancellationToken), cancellationToken);

    public abstract IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, CancellationToken cancellationToken);

    public Task<PartitionChange?> RepartitionAsync(string ns, int partitions, Action<long>? progress, CancellationToken cancellationToken) =>
        PassAsync(store => store.RepartitionAsync(ns, partitions, progress, cancellationToken), cancellationToken);

    public Task<NamespaceDrop?> DropTimersAsync(string ns, bool force, CancellationToken cancellationToken) =>
        PassAsync(store => store.DropTimersAsync(ns, force, cancellationToken), cancellationToken);

    public Task<TransferMarks> ReadMarksAsync(NamespaceRef unit, CancellationToken cancellationToken) => PassAsync(store => store.ReadMarksAsync(unit, cancellationToken), cancellationToken);

    public Task<CloseAnswer> CloseAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken) =>
        PassAsync(store => store.CloseAsync(unit, moveId, target, checkOnly, cancellationToken), cancellationToken);

    public Task<bool> SwitchAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken) =>
        PassAsync(store => store.SwitchAsync(unit, expected, wanted, cancellationToken), cancellationToken);

    public Task<bool> DropJournalAsync(NamespaceRef unit, CancellationToken cancellationToken) => PassAsync(store => store.DropJournalAsync(unit, cancellationToken), cancellationToken);

    public Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) => PassAsync(store => store.ReadCountersAsync(ns, cancellationToken), cancellationToken);

    public Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken) => PassAsync(store => store.ReadLockerStatsAsync(ns, cancellationToken), cancellationToken);

    public Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken) =>
        PassAsync(store => store.ReadCompletedAsync(ns, cursor, cancellationToken), cancellationToken);

    public Task<bool> WriteCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken) =>
        PassAsync(store => store.WriteCompletedAsync(ns, moveId, lines, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<TransferEvent>> ReadEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken) =>
        PassAsync(store => store.ReadEventsAsync(ns, moveId, arrived, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> WriteEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken) =>
        PassAsync(store => store.WriteEventsAsync(ns, moveId, events, cancellationToken), cancellationToken);

    public Task<TransferKeyPage> ReadKeysAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken) =>
        PassAsync(store => store.ReadKeysAsync(ns, moveId, arrived, cursor, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> WriteKeysAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken) =>
        PassAsync(store => store.WriteKeysAsync(ns, moveId, keys, cancellationToken), cancellationToken);

    /// <summary>Passes one step on.</summary>
    /// <param name="call">Makes it at a store.</param>
    /// <param name="cancellationToken">The token of the call.</param>
    protected abstract Task<T> PassAsync<T>(Func<IStoreMaintenance, Task<T>> call, CancellationToken cancellationToken);
}
