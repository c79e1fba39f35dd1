using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <summary>The schedules of a namespace in their table, and its events as the steps on schedules see them, as long as a transaction works on it.</summary>
internal sealed class ScheduleTable(SqliteFile file, TimerNamespace ns, StoreTime now) : IScheduleTable
{
    private const string Columns = "id, incarnation, number, paused, expected, queued, decided, started, missed, skipped, replaced, running, history, body";

    private readonly Dictionary<string, ReadOnlyMemory<byte>> _bodies = new(StringComparer.Ordinal); // as they are stored
    private readonly TimerEvents _events = new(file, ns);

    public StoreTime Now => now;

    /// <summary>How many records a namespace has.</summary>
    public static long Count(SqliteFile file, TimerNamespace ns)
    {
        using Statement row = file["SELECT count(*) FROM schedules WHERE namespace = ?"].Set(ns.Id);
        return row.Step() ? row.Long(0) : 0;
    }

    /// <summary>An event has ended: noted, if it is an occurrence.</summary>
    public static void Ended(SqliteFile file, TimerNamespace ns, string id, OccurrenceOutcome outcome, StoreTime now)
    {
        if (OccurrenceId.Is(id)) ScheduleSteps.Ended(new ScheduleTable(file, ns, now), id, outcome);
    }

    public ScheduleRecord? Find(string schedule)
    {
        using Statement row = file[$"SELECT {Columns} FROM schedules WHERE namespace = ? AND id = ?"].Set(ns.Id).Set(schedule);
        if (!row.Step()) return null;
        ScheduleRecord record = Read(row);
        _bodies[schedule] = record.Body;
        return record;
    }

    /// <summary>The records behind an id, in order of their ids.</summary>
    /// <param name="after">Null: from the first.</param>
    /// <param name="limit">The most.</param>
    public List<ScheduleRecord> After(string? after, int limit)
    {
        var records = new List<ScheduleRecord>();
        long bytes = 0;
        using Statement rows = file[$"SELECT {Columns} FROM schedules WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?"].Set(ns.Id).Set(after ?? "").Set(limit);
        while (rows.Step())
        {
            bytes += rows.Length(13);
            if (records.Count > 0 && bytes > Limits.MaxBatchBytes) break;
            records.Add(Read(rows));
        }

        return records;
    }

    public void Save(ScheduleRecord record)
    {
        bool isKnown = _bodies.TryGetValue(record.Id, out ReadOnlyMemory<byte> body);
        Statement save = file[isKnown
            ? """
              UPDATE schedules SET incarnation = ?, number = ?, paused = ?, expected = ?, queued = ?, decided = ?, started = ?, missed = ?, skipped = ?, replaced = ?,
                  running = ?, history = ? WHERE namespace = ? AND id = ?
              """
            : """
              INSERT INTO schedules (incarnation, number, paused, expected, queued, decided, started, missed, skipped, replaced, running, history, namespace, id, body)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
              """];
        save.Set(record.Version.Incarnation).Set(record.Version.Number).Set(record.IsPaused ? 1 : 0).Set(record.ExpectedId).Set(record.QueuedId)
            .Set(record.DecidedUntil.ToUnixTimeMilliseconds())
            .Set(record.Counts.Started).Set(record.Counts.Missed).Set(record.Counts.Skipped).Set(record.Counts.Replaced)
            .Set(ScheduleCodec.EncodeRunning(record.RunningIds)).Set(ScheduleCodec.EncodeHistory(record.History)).Set(ns.Id).Set(record.Id);
        if (!isKnown) save.Set(record.Body.Span);
        save.Run();
        if (isKnown && !body.Equals(record.Body)) // the same bytes in the same place were not changed
        {
            file["UPDATE schedules SET body = ? WHERE namespace = ? AND id = ?"].Set(record.Body.Span).Set(ns.Id).Set(record.Id).Run();
        }

        _bodies[record.Id] = record.Body;
    }

    public void Delete(string schedule)
    {
        file["DELETE FROM schedules WHERE namespace = ? AND id = ?"].Set(ns.Id).Set(schedule).Run();
        _bodies.Remove(schedule);
    }

    public OccurrencePlace? PlaceOf(string id) => _events.Find(id) is { } place
        ? new OccurrencePlace(
            place.IsInFlight ? TimerState.InFlight : place.IsDeadLettered ? TimerState.DeadLettered : TimerState.Scheduled, place.Due, place.Token)
        : null;

    public void Post(TimerEntry entry, DueTime due)
    {
        if (_events.Find(entry.Id) is not null)
        {
            RemoveEvent(entry.Id);
            ns.Tally(TimerCounter.Replaced);
        }

        ns.Tally(TimerCounter.Posted);
        _events.TryAdd(entry, due);
        ns.Wakes.Wake(due.At, now);
    }

    public void Remove(string id)
    {
        RemoveEvent(id);
        ns.Tally(TimerCounter.Cancelled);
    }

    public void Schedule(string id, long due)
    {
        EventPlace place = _events.Find(id)!.Value;
        _events.Schedule(place, new DueTime(due, null), place.Retries);
        ns.Wakes.Wake(due, now);
    }

    public void SetHeaders(string id, IReadOnlyDictionary<string, string> headers) =>
        file["UPDATE events SET headers = ? WHERE namespace = ? AND id = ?"].Set(EventCodec.Encode(headers)).Set(ns.Id).Set(id).Run();

    private void RemoveEvent(string id)
    {
        EventPlace place = _events.Find(id)!.Value;
        _events.Remove(place);
        if (place.IsInFlight) ns.Revoke(place.Node!, new DeliveryKey(id, place.Token!));
    }

    private static ScheduleRecord Read(Statement row) => new(
        row.Text(0),
        new ScheduleVersion(row.Text(1), row.Long(2)),
        row.Bytes(13),
        row.Int(3) != 0,
        row.TextOrNull(4),
        row.TextOrNull(5),
        ScheduleCodec.DecodeRunning(row.BytesOrNull(11)),
        DateTimeOffset.FromUnixTimeMilliseconds(row.Long(6)),
        new ScheduleCounts(row.Long(7), row.Long(8), row.Long(9), row.Long(10)),
        ScheduleCodec.DecodeHistory(row.BytesOrNull(12)));
}
