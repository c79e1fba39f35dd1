using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Locking;
using Latchwork.Sqlite.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Maintenance;

/// <summary>Moves namespaces to and from a file, drops and examines them. Every step is (a part of) one durable transaction.</summary>
internal sealed partial class SqliteMaintenance(Writer writer, Reader reader, SqliteTimerStore timers, OutcomeSweeper sweeper, string place) : IStoreMaintenance
{
    public string Place => place;

    public Task<IReadOnlyList<NamespaceRef>> ListAsync(CancellationToken cancellationToken) =>
        reader.RunAsync<IReadOnlyList<NamespaceRef>>(
            static file => [.. Names(file, TransferKind.Timers), .. Names(file, TransferKind.Locks)],
            isDurable: false,
            cancellationToken);

    // One transaction: whoever posts comes before it, or after it.
    public Task<NamespaceDrop?> DropTimersAsync(string ns, bool force, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope => TimerNamespace.Find(scope.File, scope.Time, new TimerPartition(ns, 0)) is null ? null : MaintenanceSteps.Drop(new MaintainedTimers(scope, ns), force),
            isDurable: true,
            cancellationToken);

    public Task<TransferMarks> ReadMarksAsync(NamespaceRef unit, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => Open(scope, unit).Marks, isDurable: false, cancellationToken);

    public Task<CloseAnswer> CloseAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => MaintenanceSteps.Close(Open(scope, unit), moveId, target, checkOnly), isDurable: true, cancellationToken);

    public Task<bool> SwitchAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => MaintenanceSteps.Switch(Open(scope, unit), expected, wanted), isDurable: true, cancellationToken);

    public Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => TimersOf(scope, ns).Counters(scope.File), isDurable: false, cancellationToken);

    public Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => new CompletedTable(scope.File, TimersOf(scope, ns)).Page(cursor, Limits.MaxBatch), isDurable: false, cancellationToken);

    public Task<bool> WriteCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                var target = new MaintainedTimers(scope, ns);
                if (!MaintenanceSteps.TakesIn(target, moveId)) return false;
                var table = new CompletedTable(scope.File, target.Timers);
                foreach (CompletedEvent line in lines) table.Import(line);
                table.Trim(new CompletedTrim(target.Timers.Completed - Limits.MaxCompleted, TooOld: 0));
                return true;
            },
            isDurable: true,
            cancellationToken);

    public Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => LockNamespace.CountsOf(scope.File, ns), isDurable: false, cancellationToken);

    public Task<bool> DropJournalAsync(NamespaceRef unit, CancellationToken cancellationToken)
    {
        if (unit.Kind == TransferKind.Locks) return Task.FromResult(true);
        return writer.RunAsync(
            scope =>
            {
                TimerNamespace ns = TimersOf(scope, unit.Namespace);
                if (ns.Import.IsUnderWay()) return true;
                scope.File["DELETE FROM imported WHERE namespace = ?1 AND id IN (SELECT id FROM imported WHERE namespace = ?1 LIMIT ?2)"]
                    .Set(ns.Id).Set(MaintenanceSteps.MaxDropped).Run();
                return scope.File.Changes < MaintenanceSteps.MaxDropped;
            },
            isDurable: true,
            cancellationToken);
    }

    public Task<PartitionChange?> RepartitionAsync(string ns, int partitions, Action<long>? progress, CancellationToken cancellationToken) =>
        Task.FromException<PartitionChange?>(MaintenanceRules.OnePartition(place));

    private static List<NamespaceRef> Names(SqliteFile file, TransferKind kind)
    {
        var names = new List<string>();
        using (Statement rows = kind == TransferKind.Timers ? file["SELECT DISTINCT name FROM timer_namespaces"] : file["SELECT name FROM lock_namespaces"])
        {
            while (rows.Step()) names.Add(rows.Text(0));
        }

        names.Sort(StringComparer.Ordinal);
        return names.ConvertAll(name => new NamespaceRef(kind, name));
    }

    private static TimerNamespace TimersOf(WriteScope scope, string ns) => scope.Namespace(new TimerPartition(ns, 0));

    private static IMaintainedNamespace Open(WriteScope scope, NamespaceRef unit) =>
        unit.Kind == TransferKind.Timers ? new MaintainedTimers(scope, unit.Namespace) : new MaintainedLocks(scope, unit.Namespace);
}
