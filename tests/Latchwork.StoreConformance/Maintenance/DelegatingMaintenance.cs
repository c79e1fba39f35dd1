using Latchwork.Storage;

namespace Latchwork.StoreConformance.Maintenance;

/// <summary>Passes the steps of maintenance on, each through <see cref="PassAsync"/>.</summary>
internal abstract class DelegatingMaintenance(IStoreMaintenance inner) : IStoreMaintenance
{
    public virtual string Place => inner.Place;

    public Task<IReadOnlyList<NamespaceRef>> ListAsync(CancellationToken cancellationToken) => PassAsync(() => inner.ListAsync(cancellationToken));

    public IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, CancellationToken cancellationToken) => inner.ExamineAsync(ns, fix, cancellationToken);

    public Task<PartitionChange?> RepartitionAsync(string ns, int partitions, Action<long>? progress, CancellationToken cancellationToken) =>
        PassAsync(() => inner.RepartitionAsync(ns, partitions, progress, cancellationToken));

    public Task<NamespaceDrop?> DropTimersAsync(string ns, bool force, CancellationToken cancellationToken) =>
        PassAsync(() => inner.DropTimersAsync(ns, force, cancellationToken));

    public Task<TransferMarks> ReadMarksAsync(NamespaceRef unit, CancellationToken cancellationToken) => PassAsync(() => inner.ReadMarksAsync(unit, cancellationToken));

    public Task<CloseAnswer> CloseAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken) =>
        PassAsync(() => inner.CloseAsync(unit, moveId, target, checkOnly, cancellationToken));

    public Task<bool> SwitchAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken) =>
        PassAsync(() => inner.SwitchAsync(unit, expected, wanted, cancellationToken));

    public Task<bool> DropJournalAsync(NamespaceRef unit, CancellationToken cancellationToken) => PassAsync(() => inner.DropJournalAsync(unit, cancellationToken));

    public Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) => PassAsync(() => inner.ReadCountersAsync(ns, cancellationToken));

    public Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken) => PassAsync(() => inner.ReadLockerStatsAsync(ns, cancellationToken));

    public Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken) =>
        PassAsync(() => inner.ReadCompletedAsync(ns, cursor, cancellationToken));

    public Task<bool> WriteCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken) =>
        PassAsync(() => inner.WriteCompletedAsync(ns, moveId, lines, cancellationToken));

    public Task<IReadOnlyList<TransferEvent>> ReadEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken) =>
        PassAsync(() => inner.ReadEventsAsync(ns, moveId, arrived, cancellationToken));

    public Task<IReadOnlyList<ImportOutcome>> WriteEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken) =>
        PassAsync(() => inner.WriteEventsAsync(ns, moveId, events, cancellationToken));

    public Task<TransferKeyPage> ReadKeysAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken) =>
        PassAsync(() => inner.ReadKeysAsync(ns, moveId, arrived, cursor, cancellationToken));

    public Task<IReadOnlyList<ImportOutcome>> WriteKeysAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken) =>
        PassAsync(() => inner.WriteKeysAsync(ns, moveId, keys, cancellationToken));

    protected virtual Task<T> PassAsync<T>(Func<Task<T>> operation) => operation();
}
