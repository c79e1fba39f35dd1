using Latchwork.Postgres.Connections;
using Latchwork.Postgres.Locking;
using Latchwork.Postgres.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.Storage.Rules;

namespace Latchwork.Postgres.Maintenance;

/// <content>Events, and keys of lockers.</content>
internal sealed partial class PostgresMaintenance
{
    public Task<IReadOnlyList<TransferEvent>> ReadEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken) =>
        StepAsync<IReadOnlyList<TransferEvent>>(
            "reading of events",
            new NamespaceRef(TransferKind.Timers, ns),
            (session, space) =>
            {
                MaintenanceSteps.CheckClosedFor(space, moveId);
                session.Run(new SqlStatement(
                    """
                    WITH gone AS (DELETE FROM @schema@.timer_events WHERE ctid = ANY (ARRAY(SELECT l.at_tid FROM @schema@.timer_locked($1, $2) l)) RETURNING state)
                    INSERT INTO @schema@.timer_counts
                    SELECT $1, -count(*) FILTER (WHERE state = 0), -count(*) FILTER (WHERE state = 1), -count(*) FILTER (WHERE state = 2), 0 FROM gone HAVING count(*) > 0
                    """).With(space.Id).With(Utf8.Bytes(arrived)));
                string[] schedules = [.. arrived.Where(OccurrenceId.IsRecord).Select(static id => id[..^1])];
                if (schedules.Length > 0) session.Run(new SqlStatement("DELETE FROM @schema@.timer_schedules WHERE partition_id = $1 AND id = ANY ($2)").With(space.Id).With(Utf8.Bytes(schedules)));

                // First the records: what they expect is known in the target before it comes. Of that what is in flight (its lease has run out) is handed back, as it
                // has not begun: once the record is gone nobody would know.
                (List<ScheduleRecord> records, _) = PostgresScheduleStore.After(session, space.Id, null, Limits.MaxBatch);
                if (records.Count == 0) return Next(session, space);
                string[] waiting = [.. records.SelectMany(static one => (string?[])[one.ExpectedId, one.QueuedId]).OfType<string>()];
                session.Run(new SqlStatement(
                    """
                    WITH back AS (
                        UPDATE @schema@.timer_events SET state = 0, until = NULL, token = NULL, node = NULL
                        WHERE ctid = ANY (ARRAY(SELECT l.at_tid FROM @schema@.timer_locked($1, $2) l WHERE l.state = 1)) RETURNING due
                    )
                    SELECT @schema@.timer_count($1, count(*)::integer, -count(*)::integer, 0, 0, p_earliest => min(due)) FROM back
                    """).With(space.Id).With(Utf8.Bytes(waiting)));
                return records.ConvertAll(MaintenanceRules.Pack);
            },
            cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> WriteEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken) =>
        WriteEventsAsync(new NamespaceRef(TransferKind.Timers, ns), moveId, events, cancellationToken);

    public Task<TransferKeyPage> ReadKeysAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken) =>
        StepAsync(
            "reading of keys",
            new NamespaceRef(TransferKind.Locks, ns),
            (session, space) =>
            {
                MaintenanceSteps.CheckClosedFor(space, moveId);
                session.Run(new SqlStatement(
                    """
                    DELETE FROM @schema@.locks WHERE ctid = ANY (ARRAY(
                        SELECT l.ctid FROM unnest($2) AS g (name) CROSS JOIN LATERAL (
                            SELECT k.ctid FROM @schema@.locks k WHERE k.namespace_id = $1 AND k.name = g.name AND k.node IS NULL OFFSET 0) l))
                    """).With(space.Id).With(Utf8.Bytes(arrived)));
                (List<byte[]> names, bool hasMore) = Names(session, space, cursor);
                var keys = new List<TransferKey>();
                foreach (byte[] name in names)
                {
                    var key = new LockerKey(ns, Utf8.Text(name));
                    LockRow row = locks.Find(session, key)!;
                    if (row.State is null) continue;
                    LockRecord record = PostgresLockerStore.Record(session, row, key);
                    TransferKey? moved = record.Export(key.Key, space.Now.Ticks / TimeSpan.TicksPerMicrosecond);
                    if (row.State.Lock is not null && record.Save() is { Lock: null } freed) locks.TrySave(session, row, key, freed, row.IsAwaited, notify: false);
                    if (moved is not null) keys.Add(moved);
                    else session.Run(new SqlStatement("DELETE FROM @schema@.locks WHERE namespace_id = $1 AND name = $2 AND node IS NULL").With(space.Id).With(name));
                }

                return new TransferKeyPage(keys, hasMore ? Convert.ToHexString(names[^1]) : null);
            },
            cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> WriteKeysAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken) =>
        StepAsync<IReadOnlyList<ImportOutcome>>(
            "taking in of keys",
            new NamespaceRef(TransferKind.Locks, ns),
            (session, space) =>
            {
                var outcomes = new ImportOutcome[keys.Count];
                if (!MaintenanceSteps.TakesIn(space, moveId))
                {
                    Array.Fill(outcomes, ImportOutcome.Closed);
                    return outcomes;
                }

                for (int i = 0; i < outcomes.Length; i++)
                {
                    var key = new LockerKey(ns, keys[i].Key);
                    LockRow row = locks.Find(session, key)!;
                    LockRecord record = PostgresLockerStore.Record(session, row, key);
                    outcomes[i] = record.Import(keys[i], space.Now.Ticks / TimeSpan.TicksPerMicrosecond);
                    if (outcomes[i] != ImportOutcome.Imported) continue;
                    LockState after = record.Save();
                    if (!locks.TrySave(session, row, key, after, row.IsAwaited, notify: false))
                    {
                        i--; // a sweep has written it meanwhile: it is read again
                        continue;
                    }

                    if (after.Outcome is { } outcome) locks.Sweeper.Schedule(outcome.UsableUntil, row.Now);
                }

                return outcomes;
            },
            cancellationToken);

    private async Task<IReadOnlyList<ImportOutcome>> WriteEventsAsync(NamespaceRef unit, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken)
    {
        (ImportOutcome[] outcomes, long earliest) = await StepAsync(
            "taking in of events",
            unit,
            (session, space) =>
            {
                byte[][] ids = Utf8.Bytes([.. events.Select(static one => one.Id)]);
                HashSet<string> known = Ids(session, "SELECT g.id FROM unnest($2) AS g (id) CROSS JOIN LATERAL (SELECT 1 FROM @schema@.timer_imported i WHERE i.partition_id = $1 AND i.id = g.id OFFSET 0) i", space, ids);
                HashSet<string> present = Ids(
                    session,
                    "SELECT g.id FROM unnest($2) AS g (id) CROSS JOIN LATERAL (SELECT 1 FROM @schema@.timer_events e WHERE e.partition_id = $1 AND e.id = g.id OFFSET 0) e UNION ALL SELECT id || '\\x1f'::bytea FROM @schema@.timer_schedules WHERE partition_id = $1 AND id || '\\x1f'::bytea = ANY ($2)",
                    space,
                    ids);
                ImportOutcome[] answers = MaintenanceSteps.Judge(space, moveId, events, known.Contains, present.Contains);
                return (answers, answers.Contains(ImportOutcome.Conflict) ? long.MaxValue : TakeIn(session, space, events, answers));
            },
            cancellationToken).ConfigureAwait(false);
        if (earliest != long.MaxValue) await timers.WakeAsync(new TimerPartition(unit.Namespace, 0), earliest).ConfigureAwait(false);
        return outcomes;
    }

    /// <returns>When the earliest of them is due; <see cref="long.MaxValue"/> if none is.</returns>
    private static long TakeIn(SqlSession session, MaintainedNamespace space, IReadOnlyList<TransferEvent> events, ImportOutcome[] outcomes)
    {
        long earliest = long.MaxValue;
        int count = 0, dead = 0, records = 0;
        for (int i = 0; i < outcomes.Length; i++)
        {
            if (outcomes[i] != ImportOutcome.Imported) continue;
            TransferEvent moved = events[i];
            if (OccurrenceId.IsRecord(moved.Id))
            {
                new ScheduleTable(session, space.Id, space.Now, locks: true).Save(MaintenanceRules.Unpack(moved));
                session.Run(new SqlStatement("INSERT INTO @schema@.timer_imported VALUES ($1, $2)").With(space.Id).With(Utf8.Bytes(moved.Id)));
                records++;
                continue;
            }

            DueTime due = MaintenanceRules.DueOf(moved, space.Now);
            session.Run(new SqlStatement(
                """
                INSERT INTO @schema@.timer_events (partition_id, state, reason, retries, max_retries, due, until, id, headers, failures, payload, interruptions, raw_due)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                """)
                .With(space.Id).With(moved.DeadLetter is null ? 0 : 2).With((int?)moved.DeadLetter?.Reason).With(moved.Retries).With(moved.MaxRetries).With(due.At)
                .With(moved.DeadLetter is { } letter ? space.Now.From(-letter.Ago) : (long?)null).With(Utf8.Bytes(moved.Id)).With(EventCodec.Encode(moved.Headers))
                .WithArray(moved.Failures.Count == 0 ? null : [.. moved.Failures.KeptBy(space.Now).Select(TimerCodec.Encode)]).With(moved.Payload.ToArray()).With(moved.Interruptions).With(due.Raw));
            session.Run(new SqlStatement("INSERT INTO @schema@.timer_imported VALUES ($1, $2)").With(space.Id).With(Utf8.Bytes(moved.Id)));
            if (moved.DeadLetter is null) earliest = Math.Min(earliest, due.At);
            else dead++;
            count++;
        }

        if (count + records == 0) return earliest;
        session.Run(new SqlStatement("SELECT @schema@.timer_count($1, $2, 0, $3, 0, p_earliest => $4)")
            .With(space.Id).With(count - dead).With(dead).With(earliest == long.MaxValue ? (long?)null : earliest));
        MaintenanceSteps.CountImported(space, count + records);
        return earliest;
    }

    private static HashSet<string> Ids(SqlSession session, string query, MaintainedNamespace space, byte[][] ids) => session.Read(
        new SqlStatement(query).With(space.Id).With(ids),
        static rows =>
        {
            var found = new HashSet<string>(StringComparer.Ordinal);
            while (rows.Read()) found.Add(Utf8.Text(rows.GetFieldValue<byte[]>(0)));
            return found;
        });

    /// <summary>The first events, in an order that nothing changes: as the namespace is closed, it is a prefix of what was there at the call before.</summary>
    private static IReadOnlyList<TransferEvent> Next(SqlSession session, MaintainedNamespace space)
    {
        var page = new EventPage();
        _ = Add("e.state = 0 ORDER BY e.due, e.id") && Add("e.state = 1 ORDER BY e.until, e.id") && Add("e.state = 2 ORDER BY e.until, e.id");
        return page.Events;

        bool Add(string which) => session.Read(
            new SqlStatement($"SELECT {PostgresTimerStore.SnapshotColumns} FROM @schema@.timer_events e WHERE e.partition_id = $1 AND {which} LIMIT $2").With(space.Id).With(Limits.MaxBatch),
            rows =>
            {
                while (rows.Read())
                {
                    if (!page.TryAdd(MaintenanceRules.Pack(PostgresTimerStore.ReadSnapshot(rows, space.Now), space.Now, rows.IsDBNull(8) ? 0 : rows.GetInt64(8)))) return false;
                }

                return true;
            });
    }

    /// <summary>The next keys by name, as many as have 1 MiB in their outcomes, and whether there are more.</summary>
    private static (List<byte[]> Names, bool HasMore) Names(SqlSession session, MaintainedNamespace space, string? after) => session.Read(
        new SqlStatement("SELECT name, coalesce(octet_length(outcome), 0) FROM @schema@.locks WHERE namespace_id = $1 AND name > $2 ORDER BY name LIMIT $3")
            .With(space.Id).With(after is null ? Array.Empty<byte>() : Convert.FromHexString(after)).With(Limits.MaxBatch + 1),
        static rows =>
        {
            var names = new List<byte[]>();
            int bytes = 0;
            while (rows.Read())
            {
                bytes += rows.GetInt32(1);
                if (names.Count == Limits.MaxBatch || (names.Count > 0 && bytes > Limits.MaxBatchBytes)) return (names, true);
                names.Add(rows.GetFieldValue<byte[]>(0));
            }

            return (names, false);
        });
}
