using System.Globalization;
using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Timers;

/// <summary>Schedules on PostgreSQL: what the steps of <see cref="ScheduleSteps"/> do is one transaction, in which the rows of the schedules are locked.</summary>
internal sealed class PostgresScheduleStore(SqlExecutor executor, PostgresTimerStore timers) : IScheduleStore
{
    /// <summary>How often a step is made anew when somebody else has just added the same schedule.</summary>
    private const int MaxAttempts = 8;

    /// <summary>The most schedules that a sweep changes in one transaction.</summary>
    private const int MaxAtOnce = 25;

    /// <summary>A partition that is not being moved here: else the occurrences of its schedules are still to come.</summary>
    private const string OpenPartition = "(p.import IS NULL OR p.import LIKE 'done %')";

    public Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        timers.LookAsync(
            "look at schedules",
            partition,
            null as ScheduleReading,
            (session, number, now) =>
            {
                var table = new ScheduleTable(session, number, now, locks: false);
                table.ReadRecords(ids);
                table.ReadPlaces();
                return new ScheduleReading(now.ToDateTimeOffset(), [.. ids.Select(id => table.Find(id) is { } record ? ScheduleSteps.Answer(table, record) : null)]);
            },
            cancellationToken).OrElse(() => new ScheduleReading(Clock(), new ScheduleRecord?[ids.Count]));

    public Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        timers.LookAsync(
            "list of schedules",
            partition,
            null as SchedulePage,
            (session, number, now) =>
            {
                var table = new ScheduleTable(session, number, now, locks: false);
                (List<ScheduleRecord> records, bool hasMore) = After(session, number, cursor, limit);
                foreach (ScheduleRecord record in records) table.Note(record);
                table.ReadPlaces();
                return new SchedulePage(now.ToDateTimeOffset(), records.ConvertAll(record => ScheduleSteps.Answer(table, record)), hasMore ? records[^1].Id : null);
            },
            cancellationToken).OrElse(() => new SchedulePage(Clock(), [], null));

    public Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken)
    {
        ScheduleWrite own = write with { Body = write.Body.ToArray() }; // the caller may write over its array
        return ChangeAsync("change of a schedule", partition, [write.Id], own.Next is { } next ? [next.Id] : [], table => ScheduleSteps.Write(table, own), cancellationToken);
    }

    public Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
        ChangeAsync("removal of a schedule", partition, [id], [], table => ScheduleSteps.Remove(table, id, version), cancellationToken);

    public Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken) =>
        ChangeAsync<IReadOnlyList<AdvanceAnswer>>(
            "advance of schedules",
            partition,
            OccurrenceId.SchedulesOf(advances.Select(static one => one.Delivery.Id)),
            [.. advances.Select(static one => one.Delivery.Id), .. advances.Select(static one => one.Next?.Id).OfType<string>()],
            table => [.. advances.Select(advance => ScheduleSteps.Advance(table, advance))],
            cancellationToken);

    public Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken) =>
        ChangeAsync("trigger of a schedule", partition, [trigger.Id], [trigger.Entry.Id], table => ScheduleSteps.Trigger(table, trigger), cancellationToken);

    public async Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken)
    {
        (ScheduleSweep sweep, string[] unclosed) = await executor.Work.RunAsync(
            "search for schedules without an occurrence",
            session =>
            {
                int number = timers.Partition(session, partition);
                StoreTime now = timers.Enter(session, number);
                var table = new ScheduleTable(session, number, now, locks: false);
                long total = session.Read(
                    new SqlStatement("SELECT count(*) FROM @schema@.timer_schedules WHERE partition_id = $1").With(number), static rows => rows.Read() ? rows.GetInt64(0) : 0);
                var nothing = new ScheduleSweep(total, now.ToDateTimeOffset(), [], null);
                bool looks = total > 0 && (cursor is null ? Begins(session, number, now, interval) : IsOpen(session, number));
                return looks ? Strays(session, number, table, cursor, nothing) : (nothing, []);
            },
            cancellationToken).ConfigureAwait(false);
        foreach (string[] some in unclosed.Chunk(MaxAtOnce))
        {
            try
            {
                await ChangeAsync("note of the end of occurrences", partition, some, [], table => Close(table, some), cancellationToken).ConfigureAwait(false);
            }
            catch (LatchworkStoreException e)
            {
                // The schedules that have no occurrence were found all the same, and are not to be lost for it. The next sweep tries it again.
                executor.Log.EndNotNoted(e.Message);
                break;
            }
        }

        return sweep;
    }

    /// <summary>Occurrences have ended: that is noted, and whichever waited for their end is due. Nothing needs this; if it fails, the log says so.</summary>
    public async Task EndedAsync(TimerPartition partition, IReadOnlyList<string> ids, OccurrenceOutcome outcome)
    {
        try
        {
            await ChangeAsync(
                "note of the end of occurrences",
                partition,
                OccurrenceId.SchedulesOf(ids),
                [],
                table =>
                {
                    foreach (string id in ids) ScheduleSteps.Ended(table, id, outcome);
                    return true;
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (LatchworkStoreException e)
        {
            executor.Log.EndNotNoted(e.Message);
        }
    }

    /// <summary>The records behind an id, in order of their ids, and whether there are more.</summary>
    internal static (List<ScheduleRecord> Records, bool HasMore) After(SqlSession session, int number, string? after, int limit) => session.Read(
        new SqlStatement($"SELECT {ScheduleTable.Columns} FROM @schema@.timer_schedules s WHERE s.partition_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3")
            .With(number).With(Utf8.Bytes(after ?? "")).With(limit + 1),
        rows =>
        {
            var records = new List<ScheduleRecord>();
            long bytes = 0;
            while (rows.Read())
            {
                ScheduleRecord record = ScheduleTable.Read(rows);
                bytes += record.Body.Length;
                if (records.Count == limit || (records.Count > 0 && bytes > Limits.MaxBatchBytes)) return (records, true);
                records.Add(record);
            }

            return (records, false);
        });

    private static bool Close(ScheduleTable table, string[] schedules)
    {
        foreach (string id in schedules) ScheduleSteps.CloseEnded(table, id);
        return true;
    }

    /// <summary>The schedules without an occurrence; and those that name one that began or waits, and whose event is neither in flight nor scheduled any more.</summary>
    private static (ScheduleSweep Sweep, string[] Unclosed) Strays(SqlSession session, int number, ScheduleTable table, string? cursor, ScheduleSweep nothing)
    {
        var named = new List<(string Schedule, string Occurrence)>();
        (List<string> strays, string? last, long looked) = session.Read(
            new SqlStatement(
                """
                SELECT s.id, NOT s.is_paused AND (s.expected IS NULL OR e.id IS NULL OR e.state = 2), s.running, s.queued
                FROM (SELECT t.id, t.is_paused, t.expected, t.running, t.queued FROM @schema@.timer_schedules t WHERE t.partition_id = $1 AND t.id > $2 ORDER BY t.id LIMIT $3) s
                LEFT JOIN @schema@.timer_events e ON e.partition_id = $1 AND e.id = s.expected ORDER BY s.id
                """).With(number).With(Utf8.Bytes(cursor ?? "")).With(ScheduleSweep.MaxLooked),
            rows =>
            {
                (List<string> found, string? id, long count) = ([], null, 0);
                while (found.Count < ScheduleSweep.MaxStrays && rows.Read())
                {
                    id = Utf8.Text(rows.GetFieldValue<byte[]>(0));
                    count++;
                    if (rows.GetBoolean(1)) found.Add(id);
                    if (!rows.IsDBNull(2)) named.AddRange(ScheduleCodec.DecodeRunning(rows.GetFieldValue<byte[]>(2)).Select(running => (id, running)));
                    if (!rows.IsDBNull(3)) named.Add((id, Utf8.Text(rows.GetFieldValue<byte[]>(3))));
                }

                return (found, id, count);
            });
        table.ReadRecords(strays);
        table.ReadPlaces();
        bool isAll = looked < ScheduleSweep.MaxLooked && strays.Count < ScheduleSweep.MaxStrays;
        ScheduleSweep sweep = nothing with
        {
            Strays = [.. strays.Select(table.Find).OfType<ScheduleRecord>().Select(record => ScheduleSteps.Answer(table, record))],
            Cursor = isAll ? null : last,
        };
        return (sweep, named.Count == 0 ? [] : Unclosed(session, number, named));
    }

    private static string[] Unclosed(SqlSession session, int number, List<(string Schedule, string Occurrence)> named)
    {
        HashSet<string> alive = session.Read(
            new SqlStatement("SELECT g.id FROM unnest($2) AS g (id) CROSS JOIN LATERAL (SELECT e.state FROM @schema@.timer_events e WHERE e.partition_id = $1 AND e.id = g.id OFFSET 0) e WHERE e.state <> 2")
                .With(number).With(Utf8.Bytes([.. named.Select(static one => one.Occurrence)])),
            static rows =>
            {
                var ids = new HashSet<string>(StringComparer.Ordinal);
                while (rows.Read()) ids.Add(Utf8.Text(rows.GetFieldValue<byte[]>(0)));
                return ids;
            });
        return [.. named.Where(one => !alive.Contains(one.Occurrence)).Select(static one => one.Schedule).Distinct(StringComparer.Ordinal)];
    }

    // Whoever comes first looks.
    private static bool Begins(SqlSession session, int number, StoreTime now, TimeSpan interval) => session.Run(
        new SqlStatement(
            $"""
            UPDATE @schema@.timer_partitions p SET schedules_swept = $2
            WHERE p.id = $1 AND (p.schedules_swept IS NULL OR $2 - p.schedules_swept >= $3) AND {OpenPartition}
            """).With(number).With(now.Milliseconds).With((long)interval.TotalMilliseconds)) > 0;

    private static bool IsOpen(SqlSession session, int number) => session.Read(
        new SqlStatement($"SELECT 1 FROM @schema@.timer_partitions p WHERE p.id = $1 AND {OpenPartition}").With(number), static rows => rows.Read());

    private DateTimeOffset Clock() => executor.Settings.Clock is { } us ? DateTimeOffset.UnixEpoch + TimeSpan.FromMicroseconds(us) : TimeProvider.System.GetUtcNow();

    private Task<T> ChangeAsync<T>(
        string name, TimerPartition partition, IReadOnlyCollection<string> schedules, IReadOnlyCollection<string> events, Func<ScheduleTable, T> step, CancellationToken cancellationToken) =>
        executor.Work.RunAsync(
            name,
            session =>
            {
                for (int attempt = 1; ; attempt++)
                {
                    try
                    {
                        return Change(session, partition, schedules, events, step);
                    }
                    catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation && attempt < MaxAttempts)
                    {
                        // Somebody has just added the same schedule: now it is there.
                    }
                }
            },
            cancellationToken);

    private T Change<T>(SqlSession session, TimerPartition partition, IReadOnlyCollection<string> schedules, IReadOnlyCollection<string> events, Func<ScheduleTable, T> step)
    {
        int number = timers.Partition(session, partition);
        ScheduleTable table;
        T answer;
        using (NpgsqlTransaction transaction = session.Connection.BeginTransaction())
        {
            session.Run(new SqlStatement("SELECT set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', '10000', true)")
                .With(executor.Settings.LockWait.ToString(CultureInfo.InvariantCulture)));
            table = new ScheduleTable(session, number, timers.Enter(session, number), locks: true);
            table.ReadRecords(schedules);
            table.LockEvents(events);
            answer = step(table);
            table.SaveCounts();
            try
            {
                session.Commit(transaction);
            }
            catch (LatchworkStoreException)
            {
                Wake(); // it is committed here, whatever the standby has
                throw;
            }
        }

        Wake();
        return answer;

        void Wake()
        {
            if (table.Earliest != long.MaxValue) timers.Wake(session, partition, table.Earliest);
        }
    }
}

/// <summary>Answers for a namespace that was never used.</summary>
internal static class LookExtensions
{
    public static async Task<T> OrElse<T>(this Task<T?> looking, Func<T> nothing)
        where T : class =>
        await looking.ConfigureAwait(false) ?? nothing();
}
