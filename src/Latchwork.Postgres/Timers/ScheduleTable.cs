using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Timers;

/// <summary>
/// Schedules and events of a partition as the steps on schedules see them, as long as a transaction works on them. Records are locked when they are read, and events
/// that a step may change by <see cref="LockEvents"/>; of all others the state that is committed counts.
/// </summary>
internal sealed class ScheduleTable(SqlSession session, int partition, StoreTime now, bool locks) : IScheduleTable
{
    public const string Columns =
        "s.id, s.incarnation, s.number, s.is_paused, s.expected, s.queued, s.decided, s.started, s.missed, s.skipped, s.replaced, s.running, s.history, s.body";

    private readonly Dictionary<string, ScheduleRecord?> _records = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ReadOnlyMemory<byte>> _bodies = new(StringComparer.Ordinal); // as they are stored
    private readonly Dictionary<string, OccurrencePlace?> _places = new(StringComparer.Ordinal); // read once, where nothing is locked
    private int _scheduled, _inFlight, _dead, _posted, _replaced, _cancelled;

    public StoreTime Now => now;

    /// <summary>When what was posted or made due falls due first, in ms; <see cref="long.MaxValue"/>: nothing was.</summary>
    public long Earliest { get; private set; } = long.MaxValue;

    public static ScheduleRecord Read(NpgsqlDataReader row) => new(
        Utf8.Text(row.GetFieldValue<byte[]>(0)),
        new ScheduleVersion(row.GetString(1), row.GetInt64(2)),
        row.GetFieldValue<byte[]>(13),
        row.GetBoolean(3),
        row.IsDBNull(4) ? null : Utf8.Text(row.GetFieldValue<byte[]>(4)),
        row.IsDBNull(5) ? null : Utf8.Text(row.GetFieldValue<byte[]>(5)),
        ScheduleCodec.DecodeRunning(row.IsDBNull(11) ? null : row.GetFieldValue<byte[]>(11)),
        DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(6)),
        new ScheduleCounts(row.GetInt64(7), row.GetInt64(8), row.GetInt64(9), row.GetInt64(10)),
        ScheduleCodec.DecodeHistory(row.IsDBNull(12) ? null : row.GetFieldValue<byte[]>(12)));

    /// <summary>Reads records, all together.</summary>
    public void ReadRecords(IReadOnlyCollection<string> ids)
    {
        foreach (string id in ids) _records[id] = null;
        session.Read(
            new SqlStatement($"SELECT {Columns} FROM @schema@.timer_schedules s WHERE s.partition_id = $1 AND s.id = ANY ($2) ORDER BY s.id{(locks ? " FOR UPDATE" : "")}")
                .With(partition).With(Utf8.Bytes([.. ids])),
            rows =>
            {
                while (rows.Read()) Note(Read(rows));
                return true;
            });
    }

    /// <summary>A record that was read otherwise.</summary>
    public void Note(ScheduleRecord record)
    {
        _records[record.Id] = record;
        _bodies[record.Id] = record.Body;
    }

    /// <summary>Locks the events that may be changed: those that are given, and those of the records that were read that have not begun.</summary>
    public void LockEvents(IEnumerable<string> ids)
    {
        string[] all = [.. ids.Concat(_records.Values.OfType<ScheduleRecord>().SelectMany(static one => (string?[])[one.ExpectedId, one.QueuedId]).OfType<string>()).Distinct(StringComparer.Ordinal)];
        session.Run(new SqlStatement("SELECT count(*) FROM @schema@.timer_locked($1, $2)").With(partition).With(Utf8.Bytes(all)));
    }

    /// <summary>Reads where the expected occurrences of the records stand, all together.</summary>
    public void ReadPlaces()
    {
        string[] ids = [.. _records.Values.Select(static one => one?.ExpectedId).OfType<string>()];
        foreach (string id in ids) _places[id] = null;
        session.Read(
            new SqlStatement("SELECT e.* FROM unnest($2) AS g (id) CROSS JOIN LATERAL (SELECT e.id, e.state, e.due, e.token FROM @schema@.timer_events e WHERE e.partition_id = $1 AND e.id = g.id OFFSET 0) e")
                .With(partition).With(Utf8.Bytes(ids)),
            rows =>
            {
                while (rows.Read()) _places[Utf8.Text(rows.GetFieldValue<byte[]>(0))] = ReadPlace(rows, 1);
                return true;
            });
    }

    public ScheduleRecord? Find(string schedule)
    {
        if (!_records.ContainsKey(schedule)) ReadRecords([schedule]);
        return _records[schedule];
    }

    public void Save(ScheduleRecord record)
    {
        bool isKnown = _bodies.TryGetValue(record.Id, out ReadOnlyMemory<byte> body);
        SqlStatement save = new SqlStatement(isKnown
            ? """
              UPDATE @schema@.timer_schedules SET incarnation = $3, number = $4, is_paused = $5, expected = $6, queued = $7, decided = $8, started = $9, missed = $10,
                  skipped = $11, replaced = $12, running = $13, history = $14 WHERE partition_id = $1 AND id = $2
              """
            : """
              INSERT INTO @schema@.timer_schedules (partition_id, id, incarnation, number, is_paused, expected, queued, decided, started, missed, skipped, replaced, running, history, body)
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
              """)
            .With(partition).With(Utf8.Bytes(record.Id)).With(record.Version.Incarnation).With(record.Version.Number).With(record.IsPaused)
            .With(record.ExpectedId is { } expected ? Utf8.Bytes(expected) : null).With(record.QueuedId is { } queued ? Utf8.Bytes(queued) : null)
            .With(record.DecidedUntil.ToUnixTimeMilliseconds())
            .With(record.Counts.Started).With(record.Counts.Missed).With(record.Counts.Skipped).With(record.Counts.Replaced)
            .With(ScheduleCodec.EncodeRunning(record.RunningIds)).With(ScheduleCodec.EncodeHistory(record.History));
        session.Run(isKnown ? save : save.With(record.Body.ToArray()));
        if (isKnown && !body.Equals(record.Body)) // the same bytes in the same place were not changed
        {
            session.Run(new SqlStatement("UPDATE @schema@.timer_schedules SET body = $3 WHERE partition_id = $1 AND id = $2").With(partition).With(Utf8.Bytes(record.Id)).With(record.Body.ToArray()));
        }

        Note(record);
    }

    public void Delete(string schedule)
    {
        session.Run(new SqlStatement("DELETE FROM @schema@.timer_schedules WHERE partition_id = $1 AND id = $2").With(partition).With(Utf8.Bytes(schedule)));
        _records[schedule] = null;
        _bodies.Remove(schedule);
    }

    public OccurrencePlace? PlaceOf(string id)
    {
        if (!locks && _places.TryGetValue(id, out OccurrencePlace? known)) return known;
        return session.Read(
            new SqlStatement("SELECT e.state, e.due, e.token FROM @schema@.timer_events e WHERE e.partition_id = $1 AND e.id = $2").With(partition).With(Utf8.Bytes(id)),
            static rows => rows.Read() ? ReadPlace(rows, 0) : null);
    }

    public void Post(TimerEntry entry, DueTime due)
    {
        if (RemoveEvent(entry.Id)) _replaced++;
        _posted++;
        session.Run(new SqlStatement(
            "INSERT INTO @schema@.timer_events (partition_id, state, retries, max_retries, due, raw_due, id, headers, payload) VALUES ($1, 0, 0, $2, $3, $4, $5, $6, $7)")
            .With(partition).With(entry.MaxRetries).With(due.At).With(due.Raw).With(Utf8.Bytes(entry.Id)).With(EventCodec.Encode(entry.Headers)).With(entry.Payload.ToArray()));
        _scheduled++;
        Earliest = Math.Min(Earliest, due.At);
    }

    public void Remove(string id)
    {
        if (RemoveEvent(id)) _cancelled++;
    }

    public void Schedule(string id, long due)
    {
        OccurrencePlace? before = PlaceOf(id);
        session.Run(new SqlStatement("UPDATE @schema@.timer_events SET state = 0, due = $3, raw_due = NULL, until = NULL, token = NULL, node = NULL WHERE partition_id = $1 AND id = $2")
            .With(partition).With(Utf8.Bytes(id)).With(due));
        if (before is { State: TimerState.InFlight }) (_scheduled, _inFlight) = (_scheduled + 1, _inFlight - 1);
        Earliest = Math.Min(Earliest, due);
    }

    public void SetHeaders(string id, IReadOnlyDictionary<string, string> headers) => session.Run(
        new SqlStatement("UPDATE @schema@.timer_events SET headers = $3 WHERE partition_id = $1 AND id = $2").With(partition).With(Utf8.Bytes(id)).With(EventCodec.Encode(headers)));

    /// <summary>Notes how the counts of the partition have changed, before the commit.</summary>
    public void SaveCounts()
    {
        long? earliest = Earliest == long.MaxValue ? null : Earliest;
        if (_scheduled == 0 && _inFlight == 0 && _dead == 0 && _posted == 0 && earliest is null) return;
        session.Run(new SqlStatement("SELECT @schema@.timer_count($1, $2, $3, $4, 0, $5, $6, $7, $8, p_earliest => $9)")
            .With(partition).With(_scheduled).With(_inFlight).With(_dead).With(Now.Ticks / TimeSpan.TicksPerMicrosecond).With(_posted).With(_replaced).With(_cancelled).With(earliest));
    }

    private static OccurrencePlace? ReadPlace(NpgsqlDataReader row, int first) =>
        new OccurrencePlace((TimerState)row.GetInt16(first), row.GetInt64(first + 1), row.IsDBNull(first + 2) ? null : Utf8.Text(row.GetFieldValue<byte[]>(first + 2)));

    private bool RemoveEvent(string id)
    {
        TimerState? state = session.Read(
            new SqlStatement(
                """
                WITH gone AS (DELETE FROM @schema@.timer_events WHERE partition_id = $1 AND id = $2 RETURNING state, node, token)
                SELECT g.state, CASE WHEN g.state = 1 THEN @schema@.timer_revoke(p, g.node, $2, g.token) END FROM gone g, @schema@.timer_partitions p WHERE p.id = $1
                """).With(partition).With(Utf8.Bytes(id)),
            static rows => rows.Read() ? (TimerState)rows.GetInt16(0) : (TimerState?)null);
        if (state == TimerState.Scheduled) _scheduled--;
        else if (state == TimerState.InFlight) _inFlight--;
        else if (state == TimerState.DeadLettered) _dead--;
        return state is not null;
    }
}
