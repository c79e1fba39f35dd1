using System.Globalization;
using Latchwork.Postgres.Connections;
using Latchwork.Postgres.Locking;
using Latchwork.Postgres.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Maintenance;

/// <summary>
/// Moves namespaces to and from a schema, drops and examines them. Every step of a move is one transaction, which the server ends by itself if this program stops in its midst; it begins
/// with the lock that every operation on the namespace shares. A step that changes something has it alone, and so has the check before a move, so that no transaction is overlooked: one that has
/// posted and is still open is named as what stands in the way.
/// </summary>
internal sealed partial class PostgresMaintenance(SqlExecutor executor, PostgresTimerStore timers, PostgresLockerStore locks, string place) : IStoreMaintenance
{
    /// <summary>How long a step waits at a time to be alone on a namespace, in ms: PostgreSQL queues every operation that comes meanwhile behind it.</summary>
    private const int WaitAtATime = 50;

    /// <summary>How long it lets those pass before it waits again, in ms.</summary>
    private const int PauseBetween = 100;

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
        return await StepAsync(
            "drop of a namespace", new NamespaceRef(TransferKind.Timers, ns), (_, space) => MaintenanceSteps.Drop(space, force), cancellationToken).ConfigureAwait(false);
    }

    public Task<TransferMarks> ReadMarksAsync(NamespaceRef unit, CancellationToken cancellationToken) =>
        LookAsync("look at a namespace", unit, static (_, space) => space.Marks, cancellationToken);

    public Task<CloseAnswer> CloseAsync(NamespaceRef unit, string moveId, string target, bool checkOnly, CancellationToken cancellationToken) =>
        StepAsync("closing of a namespace", unit, (_, space) => MaintenanceSteps.Close(space, moveId, target, checkOnly), cancellationToken);

    public Task<bool> SwitchAsync(NamespaceRef unit, TransferMarks expected, TransferMarks wanted, CancellationToken cancellationToken) =>
        StepAsync("change of a namespace's marks", unit, (_, space) => MaintenanceSteps.Switch(space, expected, wanted), cancellationToken);

    public Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) =>
        LookAsync(
            "reading of counters",
            new NamespaceRef(TransferKind.Timers, ns),
            static (session, space) => CounterRows.Read(session, space.Id, space.Now),
            cancellationToken);

    public Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken) =>
        LookAsync(
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
                if (!MaintenanceSteps.TakesIn(space, moveId)) return false;
                CompletedRows.Import(session, space.Id, lines);
                return true;
            },
            cancellationToken);

    public Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken) =>
        LookAsync(
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
            static (session, space) => space.Marks.Import.IsUnderWay()
                || session.Run(new SqlStatement(
                    "DELETE FROM @schema@.timer_imported d WHERE d.ctid = ANY (ARRAY(SELECT i.ctid FROM @schema@.timer_imported i WHERE i.partition_id = $1 LIMIT $2))")
                    .With(space.Id).With(MaintenanceSteps.MaxDropped)) < MaintenanceSteps.MaxDropped,
            cancellationToken);
    }

    public Task<PartitionChange?> RepartitionAsync(string ns, int partitions, Action<long>? progress, CancellationToken cancellationToken) =>
        Task.FromException<PartitionChange?>(MaintenanceRules.OnePartition(place));

    /// <summary>Does a step in one transaction, alone on the namespace.</summary>
    private Task<T> StepAsync<T>(string name, NamespaceRef unit, Func<SqlSession, MaintainedNamespace, T> step, CancellationToken cancellationToken) =>
        StepAsync(name, unit, isAlone: true, step, cancellationToken);

    /// <summary>Reads in one transaction, while no step changes the namespace. Operations, and transactions that are open, neither disturb it nor wait for it.</summary>
    private Task<T> LookAsync<T>(string name, NamespaceRef unit, Func<SqlSession, MaintainedNamespace, T> look, CancellationToken cancellationToken) =>
        StepAsync(name, unit, isAlone: false, look, cancellationToken);

    private Task<T> StepAsync<T>(string name, NamespaceRef unit, bool isAlone, Func<SqlSession, MaintainedNamespace, T> step, CancellationToken cancellationToken) =>
        executor.Work.RunAsync(
            name,
            session =>
            {
                int id = unit.Kind == TransferKind.Timers ? timers.Partition(session, new TimerPartition(unit.Namespace, 0)) : locks.OpenNamespace(session, unit.Namespace).NamespaceId;
                using NpgsqlTransaction transaction = session.Connection.BeginTransaction();
                session.Run(new SqlStatement("SELECT set_config('idle_in_transaction_session_timeout', '10000', true)"));
                string key = unit.Kind == TransferKind.Timers ? "@space@, $1" : "@processes@ + 2, $1";
                if (isAlone) WaitUntilAlone(session, transaction, unit, () => session.Run(new SqlStatement($"SELECT pg_advisory_xact_lock({key})").With(id)));
                WaitFor(session, executor.Settings.LockWait);
                if (!isAlone) session.Run(new SqlStatement($"SELECT pg_advisory_xact_lock_shared({key})").With(id));
                T answer = step(session, Find(session, unit, id, isAlone));
                session.Commit(transaction);
                return answer;
            },
            cancellationToken);

    /// <summary>
    /// Takes the lock of a namespace alone. It waits for it a little at a time: claims and renewals that come meanwhile wait no longer than that, whatever transaction is open; and a namespace
    /// on which there is always an operation under way lets it in, where a lock that is only tried would never be free.
    /// </summary>
    private void WaitUntilAlone(SqlSession session, NpgsqlTransaction transaction, NamespaceRef unit, Action takeLock)
    {
        int wait = Math.Min(WaitAtATime, executor.Settings.LockWait);
        WaitFor(session, wait);
        transaction.Save("alone");
        for (int waited = wait; ; waited += wait + PauseBetween)
        {
            try
            {
                takeLock();
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                if (waited + PauseBetween >= executor.Settings.LockWait)
                {
                    throw new LatchworkStoreException(
                        $"{MaintenanceRules.Capital(unit)} cannot be moved now: a transaction that has posted into it, or changed it, is still open. Nothing was changed.", StoreOutcome.NotApplied, e)
                    { IsTransient = true };
                }

                transaction.Rollback("alone");
                session.Run(new SqlStatement("SELECT pg_sleep($1 / 1000.0)").With(PauseBetween));
            }
        }
    }

    /// <summary>How long the transaction waits for a lock from now on, in ms.</summary>
    private static void WaitFor(SqlSession session, int wait) =>
        session.Run(new SqlStatement("SELECT set_config('lock_timeout', $1, true)").With(wait.ToString(CultureInfo.InvariantCulture)));

    private MaintainedNamespace Find(SqlSession session, NamespaceRef unit, int id, bool isAlone) => session.Read(
        new SqlStatement(unit.Kind == TransferKind.Timers
            ? $"""
              SELECT p.seal, p.import, greatest(c.now + p.clock_offset, p.clock_last), p.pause, greatest(p.clock_offset, p.clock_last - c.now)
              FROM @schema@.timer_partitions p, (SELECT @schema@.clock($2) AS now OFFSET 0) c WHERE p.id = $1 {(isAlone ? "FOR UPDATE OF p" : "")}
              """
            : $"SELECT seal, import, @schema@.clock($2), NULL::bytea, 0::bigint FROM @schema@.lock_namespaces WHERE id = $1 {(isAlone ? "FOR UPDATE" : "")}").With(id).With(executor.Settings.Clock),
        rows => rows.Read()
            ? new MaintainedNamespace(
                session,
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
}
