using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Locking;
using Latchwork.Sqlite.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Maintenance;

/// <summary>Moves namespaces to and from a file, drops and examines them. Every step is (a part of) one durable transaction.</summary>
internal sealed partial class SqliteMaintenance(Writer writer, Reader reader, SqliteTimerStore timers, OutcomeSweeper sweeper, string place) : IStoreMaintenance
{
    /// <summary>The most entries of the journal that one step drops.</summary>
    private const int MaxDropped = 2_000;

    /// <summary>The tables whose rows belong to a namespace of timers.</summary>
    private static readonly string[] _tablesOfEvents = ["scheduled", "leases", "dead", "events", "imported", "schedules", "timer_counts", "completed"];

    public string Place => place;

    public Task<IReadOnlyList<NamespaceRef>> ListAsync(CancellationToken cancellationToken) =>
        reader.RunAsync<IReadOnlyList<NamespaceRef>>(
            static file => [.. Names(file, TransferKind.Timers), .. Names(file, TransferKind.Locks)],
            isDurable: false,
            cancellationToken);

    // One transaction: whoever posts comes before it, or after it.
    public Task<NamespaceDrop?> DropTimersAsync(string ns, bool force, CancellationToken cancellationToken) =>
        writer.RunAsync<NamespaceDrop?>(
            scope =>
            {
                var partition = new TimerPartition(ns, 0);
                if (TimerNamespace.Find(scope.File, scope.Time, partition) is null) return null;
                TimerNamespace found = scope.Namespace(partition).Unsealed();
                if (found.Import is { Phase: TransferPhase.Importing or TransferPhase.Closed } import) throw MaintenanceRules.RefuseDrop(ns, import);
                StoreTime now = found.Now();
                string[] listeners = [.. found.Wakes.List(now).Where(node => node.State != TimerNodeState.Silent).Take(MaintenanceRules.MaxNamed).Select(node => node.NodeId)];
                long events = found.Scheduled + found.InFlight + found.DeadLetters + ScheduleTable.Count(scope.File, found);
                if (listeners.Length > 0 || (events > 0 && !force)) return new NamespaceDrop(false, events, listeners);
                foreach (string table in _tablesOfEvents) scope.File[$"DELETE FROM {table} WHERE namespace = ?"].Set(found.Id).Run();
                scope.File["DELETE FROM timer_namespaces WHERE id = ?"].Set(found.Id).Run();
                scope.Remove(partition);
                return new NamespaceDrop(true, events, []);
            },
            isDurable: true,
            cancellationToken);

    public Task<TransferMarks> ReadMarksAsync(NamespaceRef unit, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => Marks(scope, unit), isDurable: false, cancellationToken);

    public Task<CloseAnswer> CloseAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                if (Marks(scope, unit).Seal is { } seal) return new CloseAnswer(seal, [], TimeSpan.Zero);
                string[] listeners = [];
                TimeSpan leaseLeft = TimeSpan.Zero;
                long count = 0;
                if (unit.Kind == TransferKind.Timers)
                {
                    TimerNamespace ns = TimersOf(scope, unit.Namespace);
                    StoreTime now = ns.Now();
                    listeners = [.. ns.Wakes.List(now).Where(node => node.State != TimerNodeState.Silent).Take(MaintenanceRules.MaxNamed).Select(node => node.NodeId)];
                    leaseLeft = LastLease(scope.File, ns) is { } deadline ? now.Until(deadline) : TimeSpan.Zero;
                    count = ns.Scheduled + ns.InFlight + ns.DeadLetters + ScheduleTable.Count(scope.File, ns);
                }

                if (checkOnly || listeners.Length > 0 || leaseLeft > TimeSpan.Zero) return new CloseAnswer(null, listeners, leaseLeft);
                var made = new TransferMark(TransferPhase.Moving, moveId, count, target);
                SetMarks(scope, unit, Marks(scope, unit) with { Seal = made });
                return new CloseAnswer(made, [], TimeSpan.Zero);
            },
            isDurable: true,
            cancellationToken);

    public Task<bool> SwitchAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                if (Marks(scope, unit) != expected) return false;
                bool ends = wanted.Seal is { Phase: TransferPhase.Moved } && wanted.Seal != expected.Seal;
                if (ends && !IsEmpty(scope, unit)) return false;
                SetMarks(scope, unit, wanted);
                if (unit.Kind == TransferKind.Locks)
                {
                    LockNamespace locks = LockNamespace.Of(scope.File, unit.Namespace);
                    if (wanted.EndsSeal(expected)) locks.ClearCounts(scope.File);
                    if (wanted.LockerStats is { } stats) locks.Count(scope.File, stats);
                    return true;
                }

                if (ends) new CompletedTable(scope.File, TimersOf(scope, unit.Namespace)).Clear();
                if (wanted.EndsSeal(expected)) TimersOf(scope, unit.Namespace).ClearCounters(scope.File);
                if (wanted.Counters is { } counters) TimersOf(scope, unit.Namespace).AddCounters(scope.File, counters);
                return true;
            },
            isDurable: true,
            cancellationToken);

    public Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => TimersOf(scope, ns).Counters(scope.File), isDurable: false, cancellationToken);

    public Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => new CompletedTable(scope.File, TimersOf(scope, ns)).Page(cursor, Limits.MaxBatch), isDurable: false, cancellationToken);

    public Task<bool> WriteCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                TimerNamespace target = TimersOf(scope, ns).Unsealed();
                if (target.Import is not { Phase: TransferPhase.Importing } || target.Import.MoveId != moveId) return false;
                var table = new CompletedTable(scope.File, target);
                foreach (CompletedEvent line in lines) table.Import(line);
                table.Trim(new CompletedTrim(target.Completed - Limits.MaxCompleted, TooOld: 0));
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
                if (ns.Import is { Phase: TransferPhase.Importing or TransferPhase.Closed }) return true;
                scope.File["DELETE FROM imported WHERE namespace = ?1 AND id IN (SELECT id FROM imported WHERE namespace = ?1 LIMIT ?2)"]
                    .Set(ns.Id).Set(MaxDropped).Run();
                return scope.File.Changes < MaxDropped;
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

    private static TransferMarks Marks(WriteScope scope, NamespaceRef unit)
    {
        if (unit.Kind == TransferKind.Locks) return LockNamespace.Of(scope.File, unit.Namespace).Marks;
        return TimersOf(scope, unit.Namespace).Marks;
    }

    private static void SetMarks(WriteScope scope, NamespaceRef unit, TransferMarks marks)
    {
        if (unit.Kind == TransferKind.Timers) TimersOf(scope, unit.Namespace).SetMarks(scope.File, marks);
        else LockNamespace.Of(scope.File, unit.Namespace).SetMarks(scope.File, marks);
    }

    private static bool IsEmpty(WriteScope scope, NamespaceRef unit)
    {
        if (unit.Kind == TransferKind.Timers)
        {
            return TimersOf(scope, unit.Namespace) is { Scheduled: 0, InFlight: 0, DeadLetters: 0 } ns && ScheduleTable.Count(scope.File, ns) == 0;
        }

        using Statement row = scope.File["SELECT 1 FROM locks WHERE namespace = ? LIMIT 1"].Set(LockNamespace.Of(scope.File, unit.Namespace).Id);
        return !row.Step();
    }

    private static long? LastLease(SqliteFile file, TimerNamespace ns)
    {
        using Statement row = file["SELECT max(deadline) FROM leases WHERE namespace = ?"].Set(ns.Id);
        return row.Step() ? row.LongOrNull(0) : null;
    }
}
