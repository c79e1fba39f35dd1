using Latchwork.Postgres.Connections;
using Latchwork.Postgres.Locking;
using Latchwork.Postgres.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.Storage.Rules;

namespace Latchwork.Postgres.Maintenance;

/// <summary>A namespace within a transaction that is alone on it, and the time.</summary>
internal sealed class MaintainedNamespace(SqlSession session, NamespaceRef unit, int id, TransferMarks marks, StoreTime now) : IMaintainedNamespace
{
    private static readonly string[] _tables =
        ["timer_events WHERE partition_id", "timer_schedules WHERE partition_id", "timer_counts WHERE partition_id", "timer_buckets WHERE partition_id", "timer_nodes WHERE partition_id", "timer_imported WHERE partition_id", "timer_completed WHERE partition_id", "timer_partitions WHERE id"];

    private readonly bool _isTimers = unit.Kind == TransferKind.Timers;
    private TransferMarks _marks = marks;

    public int Id => id;

    public StoreTime Now => now;

    public NamespaceRef Unit => unit;

    public TransferMarks Marks
    {
        get => _marks;
        set
        {
            string table = _isTimers ? "timer_partitions" : "lock_namespaces";
            session.Run(new SqlStatement($"UPDATE @schema@.{table} SET seal = $2, import = $3 WHERE id = $1").With(id).With(value.Seal?.ToString()).With(value.Import?.ToString()));
            if (value.Pause != _marks.Pause)
                session.Run(new SqlStatement("UPDATE @schema@.timer_partitions SET pause = $2 WHERE id = $1").With(id).With(value.Pause is { } pause ? Utf8.Bytes(PauseText.Write(pause)) : null));
            _marks = value;
        }
    }

    public long Count => !_isTimers ? 0 : Number(
        "SELECT (SELECT count(*) FROM @schema@.timer_events WHERE partition_id = $1) + (SELECT count(*) FROM @schema@.timer_schedules WHERE partition_id = $1)");

    public bool IsEmpty => _isTimers ? !HasRows("timer_events WHERE partition_id") && !HasRows("timer_schedules WHERE partition_id") : !HasRows("locks WHERE namespace_id");

    public string[] Listeners => !_isTimers ? [] : session.Read(
        new SqlStatement("SELECT node FROM @schema@.timer_nodes WHERE partition_id = $1 AND poll_slot >= $2 ORDER BY node LIMIT $3")
            .With(id).With(now.Milliseconds - PostgresTimerStore.SilentAfter).With(MaintenanceRules.MaxNamed),
        static rows =>
        {
            var nodes = new List<string>();
            while (rows.Read()) nodes.Add(Utf8.Text(rows.GetFieldValue<byte[]>(0)));
            return nodes.ToArray();
        });

    public TimeSpan LeaseLeft => !_isTimers ? TimeSpan.Zero : session.Read(
        new SqlStatement("SELECT max(until) FROM @schema@.timer_events WHERE partition_id = $1 AND state = 1").With(id),
        rows => rows.Read() && !rows.IsDBNull(0) ? now.Until(rows.GetInt64(0)) : TimeSpan.Zero);

    public void ClearHistory()
    {
        if (_isTimers) CompletedRows.Clear(session, id);
    }

    public void ClearCounts()
    {
        if (_isTimers) CounterRows.Clear(session, id);
        else session.Run(new SqlStatement("DELETE FROM @schema@.lock_counts WHERE namespace_id = $1").With(id));
    }

    public void AddCounts(TransferMarks marks)
    {
        if (marks.Counters is { } counters) CounterRows.Add(session, id, counters, now);
        if (marks.LockerStats is { } stats) PostgresLockerStore.AddCounts(session, id, stats);
    }

    public void Delete()
    {
        if (!_isTimers) throw new NotSupportedException("Namespaces of locks are not dropped.");
        foreach (string table in _tables) session.Run(new SqlStatement($"DELETE FROM @schema@.{table} = $1").With(id));
        session.Run(new SqlStatement("DELETE FROM @schema@.timer_subscriptions WHERE namespace = $1 AND pg_try_advisory_xact_lock_shared(@processes@, process)").With(Utf8.Bytes(unit.Namespace)));
    }

    /// <summary>What a query counts of this namespace, whose number is its argument.</summary>
    public long Number(string query) => Number(session, query, id);

    /// <summary>The same, outside such a transaction.</summary>
    public static long Number(SqlSession session, string query, int id) =>
        session.Read(new SqlStatement(query).With(id), static rows => rows.Read() ? rows.GetInt64(0) : 0);

    private bool HasRows(string table) => Number($"SELECT count(*) FROM (SELECT 1 FROM @schema@.{table} = $1 LIMIT 1) one") > 0;
}
