namespace Latchwork.Storage.Rules;

/// <summary>Records of schedules as bytes: for a move to another store, and their history and running occurrences for stores that keep these as they are.</summary>
internal static class ScheduleCodec
{
    private const byte Format = 1;

    /// <summary>A whole record, as it moves to another store.</summary>
    public static byte[] Encode(ScheduleRecord record) => Write(writer =>
    {
        writer.Write(record.Version.Incarnation);
        writer.Write(record.Version.Number);
        writer.Write7BitEncodedInt(record.Body.Length);
        writer.Write(record.Body.Span);
        writer.Write(record.IsPaused);
        writer.Write(record.ExpectedId ?? "");
        writer.Write(record.QueuedId ?? "");
        writer.Write(record.DecidedUntil.ToUnixTimeMilliseconds());
        writer.Write(record.Counts.Started);
        writer.Write(record.Counts.Missed);
        writer.Write(record.Counts.Skipped);
        writer.Write(record.Counts.Replaced);
        WriteIds(writer, record.RunningIds);
        WriteHistory(writer, record.History);
    });

    public static ScheduleRecord Decode(string id, ReadOnlyMemory<byte> bytes)
    {
        using BinaryReader reader = Read(bytes.ToArray());
        var version = new ScheduleVersion(reader.ReadString(), reader.ReadInt64());
        byte[] body = reader.ReadBytes(reader.Read7BitEncodedInt());
        bool isPaused = reader.ReadBoolean();
        string expected = reader.ReadString(), queued = reader.ReadString();
        var decidedUntil = DateTimeOffset.FromUnixTimeMilliseconds(reader.ReadInt64());
        var counts = new ScheduleCounts(reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());
        IReadOnlyList<string> running = ReadIds(reader);
        return new ScheduleRecord(
            id, version, body, isPaused, expected.Length == 0 ? null : expected, queued.Length == 0 ? null : queued, running, decidedUntil, counts, ReadHistory(reader));
    }

    /// <summary>Running occurrences; null if there are none.</summary>
    public static byte[]? EncodeRunning(IReadOnlyList<string> ids) => ids.Count == 0 ? null : Write(writer => WriteIds(writer, ids));

    public static IReadOnlyList<string> DecodeRunning(byte[]? bytes)
    {
        if (bytes is null) return [];
        using BinaryReader reader = Read(bytes);
        return ReadIds(reader);
    }

    /// <summary>The last occurrences; null if there are none.</summary>
    public static byte[]? EncodeHistory(IReadOnlyList<OccurrenceEntry> history) => history.Count == 0 ? null : Write(writer => WriteHistory(writer, history));

    public static IReadOnlyList<OccurrenceEntry> DecodeHistory(byte[]? bytes)
    {
        if (bytes is null) return [];
        using BinaryReader reader = Read(bytes);
        return ReadHistory(reader);
    }

    private static void WriteIds(BinaryWriter writer, IReadOnlyList<string> ids)
    {
        writer.Write7BitEncodedInt(ids.Count);
        foreach (string id in ids) writer.Write(id);
    }

    private static string[] ReadIds(BinaryReader reader)
    {
        var ids = new string[reader.Read7BitEncodedInt()];
        for (int i = 0; i < ids.Length; i++) ids[i] = reader.ReadString();
        return ids;
    }

    private static void WriteHistory(BinaryWriter writer, IReadOnlyList<OccurrenceEntry> history)
    {
        writer.Write7BitEncodedInt(history.Count);
        foreach (OccurrenceEntry entry in history)
        {
            writer.Write(entry.Id);
            writer.Write(entry.ScheduledFor.ToUnixTimeMilliseconds());
            writer.Write(entry.StartedAt?.ToUnixTimeMilliseconds() ?? -1);
            writer.Write(entry.EndedAt?.ToUnixTimeMilliseconds() ?? -1);
            writer.Write((byte)entry.Outcome);
            writer.Write(entry.NodeId ?? "");
        }
    }

    private static OccurrenceEntry[] ReadHistory(BinaryReader reader)
    {
        var history = new OccurrenceEntry[reader.Read7BitEncodedInt()];
        for (int i = 0; i < history.Length; i++)
        {
            string id = reader.ReadString();
            var scheduledFor = DateTimeOffset.FromUnixTimeMilliseconds(reader.ReadInt64());
            DateTimeOffset? startedAt = ReadTime(reader), endedAt = ReadTime(reader);
            var outcome = (OccurrenceOutcome)reader.ReadByte();
            string node = reader.ReadString();
            history[i] = new OccurrenceEntry(id, scheduledFor, startedAt, endedAt, outcome, node.Length == 0 ? null : node);
        }

        return history;
    }

    private static DateTimeOffset? ReadTime(BinaryReader reader)
    {
        long milliseconds = reader.ReadInt64();
        return milliseconds < 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
    }

    private static byte[] Write(Action<BinaryWriter> content) => VersionedBytes.Write(Format, content);

    private static BinaryReader Read(byte[] bytes) => VersionedBytes.Read(bytes, Format, "The record of a schedule");
}
