using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Locking;
using Latchwork.Sqlite.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Maintenance;

/// <summary>A namespace of timers within a transaction.</summary>
internal sealed class MaintainedTimers(WriteScope scope, string name) : IMaintainedNamespace
{
    /// <summary>The tables whose rows belong to a namespace.</summary>
    private static readonly string[] _tables = ["scheduled", "leases", "dead", "events", "imported", "schedules", "timer_counts", "completed"];

    public TimerNamespace Timers { get; } = scope.Namespace(new TimerPartition(name, 0));

    public NamespaceRef Unit => new(TransferKind.Timers, name);

    public TransferMarks Marks
    {
        get => Timers.Marks;
        set => Timers.SetMarks(scope.File, value);
    }

    public long Count => Timers.Scheduled + Timers.InFlight + Timers.DeadLetters + ScheduleTable.Count(scope.File, Timers);

    public bool IsEmpty => Count == 0;

    public string[] Listeners =>
        [.. Timers.Wakes.List(Timers.Now()).Where(static node => node.State != TimerNodeState.Silent).Take(MaintenanceRules.MaxNamed).Select(static node => node.NodeId)];

    public TimeSpan LeaseLeft
    {
        get
        {
            using Statement row = scope.File["SELECT max(deadline) FROM leases WHERE namespace = ?"].Set(Timers.Id);
            return row.Step() && row.LongOrNull(0) is { } deadline ? Timers.Now().Until(deadline) : TimeSpan.Zero;
        }
    }

    public void ClearHistory() => new CompletedTable(scope.File, Timers).Clear();

    public void ClearCounts() => Timers.ClearCounters(scope.File);

    public void AddCounts(TransferMarks marks)
    {
        if (marks.Counters is { } counters) Timers.AddCounters(scope.File, counters);
    }

    public void Delete()
    {
        foreach (string table in _tables) scope.File[$"DELETE FROM {table} WHERE namespace = ?"].Set(Timers.Id).Run();
        scope.File["DELETE FROM timer_namespaces WHERE id = ?"].Set(Timers.Id).Run();
        scope.Remove(new TimerPartition(name, 0));
    }
}

/// <summary>A namespace of locks within a transaction.</summary>
internal sealed class MaintainedLocks(WriteScope scope, string name) : IMaintainedNamespace
{
    private LockNamespace _locks = LockNamespace.Of(scope.File, name);

    public long Id => _locks.Id;

    public NamespaceRef Unit => new(TransferKind.Locks, name);

    public TransferMarks Marks
    {
        get => _locks.Marks;
        set
        {
            _locks.SetMarks(scope.File, value);
            _locks = LockNamespace.Of(scope.File, name);
        }
    }

    public long Count => 0;

    public bool IsEmpty
    {
        get
        {
            using Statement row = scope.File["SELECT 1 FROM locks WHERE namespace = ? LIMIT 1"].Set(Id);
            return !row.Step();
        }
    }

    public string[] Listeners => [];

    public TimeSpan LeaseLeft => TimeSpan.Zero;

    public void ClearHistory()
    {
        // Locks have none.
    }

    public void ClearCounts() => _locks.ClearCounts(scope.File);

    public void AddCounts(TransferMarks marks)
    {
        if (marks.LockerStats is { } stats) _locks.Count(scope.File, stats);
    }

    public void Delete() => throw new NotSupportedException("Namespaces of locks are not dropped.");
}
