using Latchwork.Postgres.Connections;
using Latchwork.Postgres.Locking;
using Latchwork.Postgres.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Maintenance;

/// <summary>
/// Moves namespaces to and from a schema, drops and examines them. Every step of a move is one transaction, which the server ends by itself if this program stops in its midst; it begins
/// with the lock that every operation on the namespace shares, so that it waits for no open transaction, and none is overlooked: a transaction that has
/// posted and is still open is named as what stands in the way.
/// </summary>
internal sealed partial class PostgresMaintenance(SqlExecutor executor, PostgresTimerStore timers, PostgresLockerStore locks, string place) : IStoreMaintenance
{
    /// <summary>The most entries of the journal that one step drops.</summary>
    private const int MaxDropped = 2_000;

    /// <summary>Events of every state, and records of schedules.</summary>
    private const string CountOfTimers =
        "SELECT (SELECT count(*) FROM @schema@.timer_events WHERE partition_id = $1) + (SELECT count(*) FROM @schema@.timer_schedules WHERE partition_id = $1)";

    private static readonly string[] _tablesOfPartition =
        ["timer_events WHERE partition_id", "timer_schedules WHERE partition_id", "timer_counts WHERE partition_id", "timer_buckets WHERE partition_id", "timer_nodes WHERE partition_id", "timer_imported WHERE partition_id", "timer_completed WHERE partition_id", "timer_partitions WHERE id"];

    public string Place => place;

    public Task<IReadOnlyList<NamespaceRef>> ListAsync(CancellationToken cancellationToken) =>
        executor.Work.RunAsync<IReadOnlyList<NamespaceRef>>(
            "list of namespaces",
            static session => session.Read(
                new SqlStatement("SELECT DISTINCT 0, namespace FROM @schema@.timer_partitions UNION ALL SELECT 1, name FROM @schema@.lock_namespaces"),
                static rows =>
                {
                    var all = new List<NamespaceRef>();
                    while (rows.Read()) all.Add(new NamespaceRef((TransferKind)rows.GetInt32(0), Utf8.Text(rows.GetFieldValue<byte[]>(1))));
                    return all.OrderBy(static one => one.Kind).ThenBy(static one => one.Namespace, StringComparer.Ordinal).ToArray();
                }),
            cancellationToken);

    public async Task<NamespaceDrop?> DropTimersAsync(string ns, bool force, CancellationToken cancellationToken)
    {
        if (!await executor.Work.RunAsync("look at a namespace", session => timers.Exists(session, new TimerPartition(ns, 0)), cancellationToken).ConfigureAwait(false)) return null;
        var unit = new NamespaceRef(TransferKind.Timers, ns);
        return await StepAsync(
            "drop of a namespace",
            unit,
            (session, space) =>
            {
                if (space.Marks.Seal is { } seal) throw MaintenanceRules.Refuse(unit, seal);
                if (space.Marks.Import is { Phase: TransferPhase.Importing or TransferPhase.Closed } import) throw MaintenanceRules.RefuseDrop(ns, import);
                string[] listeners = [.. Listeners(session, space).Take(MaintenanceRules.MaxNamed)];
                long events = Number(session, CountOfTimers, space.Id);
                if (listeners.Length > 0 || (events > 0 && !force)) return new NamespaceDrop(false, events, listeners);
                foreach (string table in _tablesOfPartition) session.Run(new SqlStatement($"DELETE FROM @schema@.{table} = $1").With(space.Id));
                session.Run(new SqlStatement("DELETE FROM @schema@.timer_subscriptions WHERE namespace = $1 AND pg_try_advisory_xact_lock_shared(@processes@, process)").With(Utf8.Bytes(ns)));
                return new NamespaceDrop(true, events, []);
            },
            cancellationToken).ConfigureAwait(false);
    }

    public Task<TransferMarks> ReadMarksAsync(NamespaceRef unit, CancellationToken cancellationToken) =>
        StepAsync("look at a namespace", unit, static (_, space) => space.Marks, cancellationToken);

    public Task<CloseAnswer> CloseAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken) =>
        StepAsync(
            "sealing of a namespace",
            unit,
            (session, space) =>
            {
                if (space.Marks.Seal is { } seal) return new CloseAnswer(seal, [], TimeSpan.Zero);
                string[] listeners = [];
                TimeSpan leaseLeft = TimeSpan.Zero;
                long count = 0;
                if (unit.Kind == TransferKind.Timers)
                {
                    listeners = Listeners(session, space);
                    leaseLeft = LastLease(session, space) is { } deadline ? space.Now.Until(deadline) : TimeSpan.Zero;
                    count = Number(session, CountOfTimers, space.Id);
                }

                if (checkOnly || listeners.Length > 0 || leaseLeft > TimeSpan.Zero) return new CloseAnswer(null, listeners, leaseLeft);
                var made = new TransferMark(TransferPhase.Moving, moveId, count, target);
                SetMarks(session, space, space.Marks with { Seal = made });
                return new CloseAnswer(made, [], TimeSpan.Zero);
            },
            cancellationToken);

    public Task<bool> SwitchAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken) =>
        StepAsync(
            "change of a namespace's marks",
            unit,
            (session, space) =>
            {
                if (space.Marks != expected) return false;
                bool ends = wanted.Seal is { Phase: TransferPhase.Moved } && wanted.Seal != expected.Seal;
                string table = unit.Kind == TransferKind.Timers ? "timer_events WHERE partition_id" : "locks WHERE namespace_id";
                if (ends && Number(session, $"SELECT count(*) FROM (SELECT 1 FROM @schema@.{table} = $1 LIMIT 1) one", space.Id) > 0) return false;
                if (ends && unit.Kind == TransferKind.Timers && Number(session, "SELECT count(*) FROM (SELECT 1 FROM @schema@.timer_schedules WHERE partition_id = $1 LIMIT 1) one", space.Id) > 0) return false;
                SetMarks(session, space, wanted);
                if (unit.Kind == TransferKind.Locks)
                {
                    if (wanted.EndsSeal(expected)) session.Run(new SqlStatement("DELETE FROM @schema@.lock_counts WHERE namespace_id = $1").With(space.Id));
                    if (wanted.LockerStats is { } stats) PostgresLockerStore.AddCounts(session, space.Id, stats);
                    return true;
                }

                if (ends) CompletedRows.Clear(session, space.Id);
                if (wanted.EndsSeal(expected)) CounterRows.Clear(session, space.Id);
                if (wanted.Counters is { } counters) CounterRows.Add(session, space.Id, counters, space.Now);
                return true;
            },
            cancellationToken);

    public Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) =>
        StepAsync(
            "reading of counters",
            new NamespaceRef(TransferKind.Timers, ns),
            static (session, space) => CounterRows.Read(session, space.Id, space.Now),
            cancellationToken);

    public Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken) =>
        StepAsync(
            "reading of the history",
            new NamespaceRef(TransferKind.Timers, ns),
            (session, space) => CompletedRows.Page(session, space.Id, cursor, Limits.MaxBatch),
            cancellationToken);

    public Task<bool> WriteCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken) =>
        StepAsync(
            "taking in of the history",
            new NamespaceRef(TransferKind.Timers, ns),
            (session, space) =>
            {
                if (space.Marks.Seal is { } seal) throw MaintenanceRules.Refuse(space.Unit, seal);
                if (space.Marks.Import is not { Phase: TransferPhase.Importing } import || import.MoveId != moveId) return false;
                CompletedRows.Import(session, space.Id, lines);
                return true;
            },
            cancellationToken);

    public Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken) =>
        StepAsync(
            "reading of counts",
            new NamespaceRef(TransferKind.Locks, ns),
            static (session, space) => PostgresLockerStore.ReadCounts(session, space.Id),
            cancellationToken);

    public Task<bool> DropJournalAsync(NamespaceRef unit, CancellationToken cancellationToken)
    {
        if (unit.Kind == TransferKind.Locks) return Task.FromResult(true);
        return StepAsync(
            "dropping of a journal",
            unit,
            static (session, space) => space.Marks.Import is { Phase: TransferPhase.Importing or TransferPhase.Closed }
                || session.Run(new SqlStatement(
                    "DELETE FROM @schema@.timer_imported d WHERE d.ctid = ANY (ARRAY(SELECT i.ctid FROM @schema@.timer_imported i WHERE i.partition_id = $1 LIMIT $2))")
                    .With(space.Id).With(MaxDropped)) < MaxDropped,
            cancellationToken);
    }

    public Task<PartitionChange?> RepartitionAsync(string ns, int partitions, Action<long>? progress, CancellationToken cancellationToken) =>
        Task.FromException<PartitionChange?>(MaintenanceRules.OnePartition(place));

    private static string[] Listeners(SqlSession session, Space space) => session.Read(
        new SqlStatement("SELECT node FROM @schema@.timer_nodes WHERE partition_id = $1 AND poll_slot >= $2 ORDER BY node LIMIT $3")
            .With(space.Id).With(space.Now.Milliseconds - PostgresTimerStore.SilentAfter).With(MaintenanceRules.MaxNamed),
        static rows =>
        {
            var nodes = new List<string>();
            while (rows.Read()) nodes.Add(Utf8.Text(rows.GetFieldValue<byte[]>(0)));
            return nodes.ToArray();
        });

    private static long? LastLease(SqlSession session, Space space) => session.Read(
        new SqlStatement("SELECT max(until) FROM @schema@.timer_events WHERE partition_id = $1 AND state = 1").With(space.Id),
        static rows => rows.Read() && !rows.IsDBNull(0) ? rows.GetInt64(0) : (long?)null);

    private static long Number(SqlSession session, string query, int id) =>
        session.Read(new SqlStatement(query).With(id), static rows => rows.Read() ? rows.GetInt64(0) : 0);

    private static void SetMarks(SqlSession session, Space space, TransferMarks marks)
    {
        string table = space.Unit.Kind == TransferKind.Timers ? "timer_partitions" : "lock_namespaces";
        session.Run(new SqlStatement($"UPDATE @schema@.{table} SET seal = $2, import = $3 WHERE id = $1").With(space.Id).With(marks.Seal?.ToString()).With(marks.Import?.ToString()));
        if (marks.Pause == space.Marks.Pause) return;
        session.Run(new SqlStatement("UPDATE @schema@.timer_partitions SET pause = $2 WHERE id = $1").With(space.Id).With(marks.Pause is { } pause ? Utf8.Bytes(PauseText.Write(pause)) : null));
    }

    /// <summary>Does a step in one transaction, alone on the namespace.</summary>
    private Task<T> StepAsync<T>(string name, NamespaceRef unit, Func<SqlSession, Space, T> step, CancellationToken cancellationToken) =>
        executor.Work.RunAsync(
            name,
            session =>
            {
                int id = unit.Kind == TransferKind.Timers ? timers.Partition(session, new TimerPartition(unit.Namespace, 0)) : locks.OpenNamespace(session, unit.Namespace).NamespaceId;
                using NpgsqlTransaction transaction = session.Connection.BeginTransaction();
                session.Run(new SqlStatement("SELECT set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', '10000', true)")
                    .With(executor.Settings.LockWait.ToString(System.Globalization.CultureInfo.InvariantCulture)));
                Lock(session, unit, id);
                T answer = step(session, Find(session, unit, id));
                transaction.Commit();
                return answer;
            },
            cancellationToken);

    private static void Lock(SqlSession session, NamespaceRef unit, int id)
    {
        string space = unit.Kind == TransferKind.Timers ? "@space@" : "@processes@ + 2";
        try
        {
            session.Run(new SqlStatement($"SELECT pg_advisory_xact_lock({space}, $1)").With(id));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            throw new LatchworkStoreException(
                $"{MaintenanceRules.Capital(unit)} cannot be moved now: a transaction that has posted into it, or changed it, is still open. Nothing was changed.", StoreOutcome.NotApplied, e)
            { IsTransient = true };
        }
    }

    private Space Find(SqlSession session, NamespaceRef unit, int id) => session.Read(
        new SqlStatement(unit.Kind == TransferKind.Timers
            ? """
              SELECT p.seal, p.import, greatest(c.now + p.clock_offset, p.clock_last), p.pause, greatest(p.clock_offset, p.clock_last - c.now)
              FROM @schema@.timer_partitions p, (SELECT @schema@.clock($2) AS now OFFSET 0) c WHERE p.id = $1 FOR UPDATE OF p
              """
            : "SELECT seal, import, @schema@.clock($2), NULL::bytea, 0::bigint FROM @schema@.lock_namespaces WHERE id = $1 FOR UPDATE").With(id).With(executor.Settings.Clock),
        rows => rows.Read()
            ? new Space(
                unit,
                id,
                new TransferMarks(TransferMark.Parse(rows.IsDBNull(0) ? null : rows.GetString(0)), TransferMark.Parse(rows.IsDBNull(1) ? null : rows.GetString(1)))
                {
                    Pause = PostgresTimerStore.ReadPause(rows, 3),
                },
                new StoreTime(rows.GetInt64(2) * TimeSpan.TicksPerMicrosecond, rows.GetInt64(4) * TimeSpan.TicksPerMicrosecond))
            : throw Vanished(unit));

    private LatchworkStoreException Vanished(NamespaceRef unit)
    {
        executor.Partitions.Clear();
        return PostgresFailures.Refuse($"{MaintenanceRules.Capital(unit)} is not there any more.");
    }

    /// <summary>A namespace whose row is locked, and the time.</summary>
    private sealed record Space(NamespaceRef Unit, int Id, TransferMarks Marks, StoreTime Now);
}
