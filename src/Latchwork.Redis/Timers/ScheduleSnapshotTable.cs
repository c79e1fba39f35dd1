using System.Security.Cryptography;

namespace Latchwork.Redis.Timers;

/// <summary>
/// Records and events as they were read, and what a step on schedules does with them: gathered, to be made by one script if everything that the step has
/// looked at is still so.
/// </summary>
internal sealed class ScheduleSnapshotTable : IScheduleTable
{
    private readonly Dictionary<string, (string Stamp, ScheduleRecord? Record)> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _placesRead = new(StringComparer.Ordinal);
    private readonly HashSet<string> _looked = new(StringComparer.Ordinal);
    private readonly HashSet<string> _placesLooked = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ScheduleRecord?> _records = new(StringComparer.Ordinal); // as they are after the step
    private readonly Dictionary<string, OccurrencePlace?> _places = new(StringComparer.Ordinal); // of those that the step has moved
    private readonly List<RedisValue> _done = [];

    /// <summary>Reads a reply of ReadSchedules.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="schedules">The schedules that were asked for.</param>
    /// <param name="events">The events that were asked for.</param>
    public ScheduleSnapshotTable(RedisReply reply, IReadOnlyList<string> schedules, IReadOnlyList<string> events)
    {
        const int FirstOccurrence = 6;
        Now = TimerCodec.Now(reply[0], reply[3]);
        for (int i = 0; i < schedules.Count; i++)
        {
            RedisReply one = reply[1][i];
            if (one.Length == 0)
            {
                _read[schedules[i]] = ("", null);
                continue;
            }

            _read[schedules[i]] = (one[0].Text, Decode(schedules[i], one[4].Bytes, one[5].Bytes));
            for (int at = FirstOccurrence; at < one.Length; at += 2) _placesRead[one[at].Text] = one[at + 1].Text;
        }

        for (int i = 0; i < events.Count; i++) _placesRead[events[i]] = reply[2][i].Text;
    }

    public StoreTime Now { get; }

    /// <summary>The largest body of an event that is posted, without what precedes its headers.</summary>
    public int Largest { get; private set; }

    /// <summary>Whether there is anything to be made.</summary>
    public bool IsChanged => _done.Count > 0 || _records.Count > 0;

    public ScheduleRecord? Find(string schedule)
    {
        if (_records.TryGetValue(schedule, out ScheduleRecord? changed)) return changed;
        _looked.Add(schedule);
        return _read[schedule].Record;
    }

    public void Save(ScheduleRecord record) => _records[record.Id] = record;

    public void Delete(string schedule) => _records[schedule] = null;

    public OccurrencePlace? PlaceOf(string id)
    {
        if (_places.TryGetValue(id, out OccurrencePlace? moved)) return moved;
        _placesLooked.Add(id);
        return ReadPlace(_placesRead[id]);
    }

    public void Post(TimerEntry entry, DueTime due)
    {
        byte[] body = TimerCodec.EncodeBody(entry.MaxRetries, entry.Headers, entry.Payload.Span);
        Largest = Math.Max(Largest, body.Length - TimerCodec.BodyPrefix);
        _done.AddRange(["T", entry.Id, due.At, due.Raw is { } raw ? raw : "", body]);
        _places[entry.Id] = new OccurrencePlace(TimerState.Scheduled, due.At, null);
    }

    public void Remove(string id)
    {
        _done.AddRange(["X", id]);
        _places[id] = null;
    }

    public void Schedule(string id, long due)
    {
        _done.AddRange(["M", id, due]);
        _places[id] = new OccurrencePlace(TimerState.Scheduled, due, null);
    }

    public void SetHeaders(string id, IReadOnlyDictionary<string, string> headers)
    {
        byte[] encoded = TimerCodec.EncodeBody(0, headers, default)[TimerCodec.BodyPrefix..];
        _done.AddRange(["H", id, encoded]);
    }

    /// <summary>What the script WriteSchedules gets: what must be so, and what is to be done.</summary>
    public List<RedisValue> ToArguments()
    {
        List<RedisValue> all = [];
        foreach (string schedule in _looked) all.AddRange(["R", schedule, _read[schedule].Stamp]);
        foreach (string id in _placesLooked) all.AddRange(["P", id, _placesRead[id]]);
        all.AddRange(_done);
        foreach ((string schedule, ScheduleRecord? record) in _records)
        {
            if (record is null)
            {
                all.AddRange(["D", schedule]);
                continue;
            }

            RedisValue[] stored = RecordArguments(record);
            all.AddRange(["S", schedule, stored.Length, .. stored]);
            if (_read[schedule].Record is not { } before || !before.Body.Equals(record.Body)) all.AddRange(["B", schedule, record.Body]); // the same bytes in the same place were not changed
        }

        return all;
    }

    /// <summary>A record without its body, as it is stored: see events.lua.</summary>
    public static RedisValue[] RecordArguments(ScheduleRecord record)
    {
        // Random, so that a record that was removed and added anew is distinguished from the former.
        Span<byte> stamp = stackalloc byte[9];
        RandomNumberGenerator.Fill(stamp);
        return
        [
            System.Buffers.Text.Base64Url.EncodeToString(stamp), record.IsPaused ? 1 : 0, record.ExpectedId ?? "", record.QueuedId ?? "",
            ScheduleCodec.Encode(record with { Body = default }), .. record.RunningIds.Select(static id => (RedisValue)id),
        ];
    }

    // As in the scripts, one that somebody else's hand has changed is none: nothing else may stand still for it, and it can be declared anew.
    private static ScheduleRecord? Decode(string schedule, ReadOnlyMemory<byte> record, ReadOnlyMemory<byte> body)
    {
        try
        {
            return ScheduleCodec.Decode(schedule, record) with { Body = body };
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    // 's 1790000000000', 'f 5 token 0 1790000000000@0 3 1790000000009 node' (see events.lua), 'd' or nothing.
    private static OccurrencePlace? ReadPlace(string place)
    {
        if (place.Length == 0) return null;
        if (place[0] == 'd') return new OccurrencePlace(TimerState.DeadLettered, 0, null);
        if (place[0] == 's') return new OccurrencePlace(TimerState.Scheduled, (long)double.Parse(place.AsSpan(2), CultureInfo.InvariantCulture), null);
        return ReadLease(Encoding.UTF8.GetBytes(place[2..])) ?? new OccurrencePlace(TimerState.InFlight, 0, null);
    }

    // As in the scripts, one that somebody else's hand has changed is nobody's.
    private static OccurrencePlace? ReadLease(byte[] lease)
    {
        int space = Array.IndexOf(lease, (byte)' ');
        if (space < 0 || !int.TryParse(lease.AsSpan(0, space), CultureInfo.InvariantCulture, out int length)) return null; // in bytes
        if (length < 0 || length > lease.Length - space - 2) return null;
        string[] rest = Encoding.UTF8.GetString(lease.AsSpan(space + length + 2)).Split(' ', 3);
        return rest.Length == 3 && long.TryParse(rest[1].Split('@')[0], CultureInfo.InvariantCulture, out long due)
            ? new OccurrencePlace(TimerState.InFlight, due, Encoding.UTF8.GetString(lease, space + 1, length))
            : null;
    }
}
