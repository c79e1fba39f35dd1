namespace Latchwork.Storage.Rules;

/// <summary>Records of schedules as bytes: for a move to another store, and their history and running occurrences for stores that keep these as they are.</summary>
internal static class ScheduleCodec
{
    private const byte Format = 1;

    /// <summary>More than any version keeps.</summary>
    private const int MaxCount = 1_000;

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

    /// <exception cref="InvalidDataException">It is none.</exception>
    public static ScheduleRecord Decode(string id, ReadOnlyMemory<byte> bytes) => Guard(() => DecodeRecord(id, bytes));

    private static ScheduleRecord DecodeRecord(string id, ReadOnlyMemory<byte> bytes)
    {
        using BinaryReader reader = Read(bytes.ToArray());
        var version = new ScheduleVersion(reader.ReadString(), reader.ReadInt64());
        int length = reader.Read7BitEncodedInt();
        if (length < 0 || length > bytes.Length) throw new InvalidDataException($"The record of a schedule has {bytes.Length} bytes, and says that its body has {length}.");
        byte[] body = reader.ReadBytes(length);
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

    /// <summary>Running occurrences. What another hand has changed so that it cannot be read is empty: nothing else may stand still for it, and the doctor names it.</summary>
    public static IReadOnlyList<string> DecodeRunning(byte[]? bytes) => IsReadable(bytes, ReadIds, out string[] ids) ? ids : [];

    /// <summary>The last occurrences; null if there are none.</summary>
    public static byte[]? EncodeHistory(IReadOnlyList<OccurrenceEntry> history) => history.Count == 0 ? null : Write(writer => WriteHistory(writer, history));

    /// <inheritdoc cref="DecodeRunning"/>
    public static IReadOnlyList<OccurrenceEntry> DecodeHistory(byte[]? bytes) => IsReadable(bytes, ReadHistory, out OccurrenceEntry[] history) ? history : [];

    /// <summary>Whether running occurrences and history can be read.</summary>
    public static bool IsReadable(byte[]? running, byte[]? history) => IsReadable(running, ReadIds, out _) && IsReadable(history, ReadHistory, out _);

    private static bool IsReadable<T>(byte[]? bytes, Func<BinaryReader, T[]> read, out T[] content)
    {
        content = [];
        if (bytes is null) return true;
        try
        {
            content = Guard(() =>
            {
                using BinaryReader reader = Read(bytes);
                return read(reader);
            });
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>Bytes of any kind are read, or are an <see cref="InvalidDataException"/>.</summary>
    private static T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or FormatException or ArgumentException)
        {
            throw new InvalidDataException($"The record of a schedule cannot be read: {e.Message}", e);
        }
    }

    private static int ReadCount(BinaryReader reader)
    {
        int count = reader.Read7BitEncodedInt();
        return count is >= 0 and <= MaxCount ? count : throw new InvalidDataException($"The record of a schedule names {count} occurrences; at most {MaxCount} can be.");
    }

    private static void WriteIds(BinaryWriter writer, IReadOnlyList<string> ids)
    {
        writer.Write7BitEncodedInt(ids.Count);
        foreach (string id in ids) writer.Write(id);
    }

    private static string[] ReadIds(BinaryReader reader)
    {
        var ids = new string[ReadCount(reader)];
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
        var history = new OccurrenceEntry[ReadCount(reader)];
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
