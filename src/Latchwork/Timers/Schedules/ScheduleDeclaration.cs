using System.Globalization;
using System.Text;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork;

/// <summary>What is declared of a schedule: the body of its record. The bytes of equal declarations are equal.</summary>
internal sealed class ScheduleDeclaration
{
    /// <summary>The header of an occurrence with its time by the schedule.</summary>
    public const string ScheduledForHeader = "latchwork-scheduled-for";

    /// <summary>The most bytes of headers that a declaration has: space is kept for ours.</summary>
    public const int MaxHeaderBytes = Limits.MaxHeaderBytes - 1024;

    private const byte Format = 1;
    private const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";

    public required Schedule Schedule { get; init; }

    public required ScheduleOptions Options { get; init; }

    /// <summary>The attempts after the first.</summary>
    public required int MaxRetries { get; init; }

    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Whether an application declares it when it starts.</summary>
    public bool IsDeclared { get; init; }

    /// <summary>By how much the occurrences of a schedule are due later than their times.</summary>
    public static TimeSpan JitterOf(string id, TimeSpan jitter)
    {
        long span = (long)jitter.TotalMilliseconds;
        if (span <= 0) return TimeSpan.Zero;

        // FNV-1a, and then mixed, as its lowest bits alone differ little between ids that end alike.
        ulong hash = 14695981039346656037;
        foreach (byte b in Encoding.UTF8.GetBytes(id)) hash = (hash ^ b) * 1099511628211;
        hash ^= hash >> 33;
        hash *= 0xff51afd7ed558ccd;
        hash ^= hash >> 33;
        return TimeSpan.FromMilliseconds((long)(hash % (ulong)span));
    }

    public static string OccurrenceOf(string schedule, DateTimeOffset time) => schedule + OccurrenceId.Separator + Show(time);

    /// <summary>The time in the id of an occurrence; null if it has none: it was triggered.</summary>
    public static DateTimeOffset? TimeOf(string occurrence)
    {
        return Parse(occurrence[(occurrence.LastIndexOf(OccurrenceId.Separator) + 1)..]);
    }

    /// <summary>What an event is an occurrence of; null if it is none.</summary>
    public static OccurrenceInfo? InfoOf(string id, IReadOnlyDictionary<string, string> headers, DateTimeOffset due)
    {
        if (OccurrenceId.ScheduleOf(id) is not { } schedule) return null;
        DateTimeOffset? time = headers.TryGetValue(ScheduledForHeader, out string? text) ? Parse(text) : TimeOf(id);
        return new OccurrenceInfo(schedule, time ?? due);
    }

    private static DateTimeOffset? Parse(string text) =>
        DateTimeOffset.TryParseExact(text, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTimeOffset time)
            ? time
            : null;

    public static string Show(DateTimeOffset time) => time.ToUniversalTime().ToString(TimeFormat, CultureInfo.InvariantCulture);

    /// <summary>The occurrence of the chain at a time.</summary>
    public TimerEntry EntryAt(string schedule, DateTimeOffset time) =>
        EntryOf(OccurrenceOf(schedule, time), time, Due.At(time + JitterOf(schedule, Options.Jitter)));

    /// <summary>An occurrence of the schedule.</summary>
    public TimerEntry EntryOf(string id, DateTimeOffset scheduledFor, Due due) =>
        new(id, due, Payload, MaxRetries, IfExists.Replace, HeadersFor(scheduledFor), IdIsNew: false);

    public Dictionary<string, string> HeadersFor(DateTimeOffset scheduledFor) =>
        new(Options.Headers ?? new Dictionary<string, string>(), StringComparer.Ordinal) { [ScheduledForHeader] = Show(scheduledFor) };

    /// <summary>Whether another declaration has the same times.</summary>
    public bool HasTimesOf(ScheduleDeclaration other) =>
        Schedule.Expression == other.Schedule.Expression && Schedule.ZoneId == other.Schedule.ZoneId
        && Schedule.Interval == other.Schedule.Interval && Schedule.Anchor == other.Schedule.Anchor && Options.Jitter == other.Options.Jitter;

    public byte[] Encode()
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes, Encoding.UTF8);
        writer.Write(Format);
        writer.Write(Options.Revision);
        writer.Write(IsDeclared);
        writer.Write(Schedule.Expression ?? "");
        writer.Write(Schedule.ZoneId ?? "");
        writer.Write(Schedule.Interval?.Ticks ?? 0);
        writer.Write(Schedule.Anchor?.UtcTicks ?? 0);
        writer.Write(Options.Jitter.Ticks);
        writer.Write((byte)Options.Misfire);
        writer.Write(Options.MisfireThreshold.Ticks);
        writer.Write(Options.CatchUpWindow.Ticks);
        writer.Write(Options.CatchUpLimit);
        writer.Write((byte)Options.Overlap);
        writer.Write(MaxRetries);
        IEnumerable<KeyValuePair<string, string>> headers = Options.Headers?.OrderBy(header => header.Key, StringComparer.Ordinal) ?? Enumerable.Empty<KeyValuePair<string, string>>();
        writer.Write7BitEncodedInt(Options.Headers?.Count ?? 0);
        foreach ((string name, string value) in headers)
        {
            writer.Write(name);
            writer.Write(value);
        }

        writer.Write(Payload.Span);
        writer.Flush();
        return bytes.ToArray();
    }

    /// <summary>The revision of a body, also of one that this process cannot evaluate. A later format counts as newer than any revision.</summary>
    public static long RevisionOf(ReadOnlyMemory<byte> body)
    {
        ReadOnlySpan<byte> bytes = body.Span;
        if (bytes.Length > 0 && bytes[0] > Format) return long.MaxValue;
        return bytes.Length > sizeof(long) && bytes[0] == Format ? System.Buffers.Binary.BinaryPrimitives.ReadInt64LittleEndian(bytes[1..]) : 0;
    }

    /// <summary>Reads a body.</summary>
    /// <exception cref="InvalidDataException">It is not of a form that this version writes, or this process cannot evaluate it.</exception>
    public static ScheduleDeclaration Decode(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var bytes = new MemoryStream(body.ToArray());
            using var reader = new BinaryReader(bytes, Encoding.UTF8);
            byte format = reader.ReadByte();
            if (format != Format) throw new InvalidDataException($"The declaration has format {format}; this version knows {Format}. Update this program.");
            long revision = reader.ReadInt64();
            bool isDeclared = reader.ReadBoolean();
            string expression = reader.ReadString(), zone = reader.ReadString();
            long interval = reader.ReadInt64(), anchor = reader.ReadInt64();
            var options = new ScheduleOptions
            {
                Revision = revision,
                Jitter = new TimeSpan(reader.ReadInt64()),
                Misfire = (MisfirePolicy)reader.ReadByte(),
                MisfireThreshold = new TimeSpan(reader.ReadInt64()),
                CatchUpWindow = new TimeSpan(reader.ReadInt64()),
                CatchUpLimit = reader.ReadInt32(),
                Overlap = (OverlapPolicy)reader.ReadByte(),
            };
            int maxRetries = reader.ReadInt32();
            int count = reader.Read7BitEncodedInt();
            Dictionary<string, string>? headers = count == 0 ? null : new(count, StringComparer.Ordinal);
            for (int i = 0; i < count; i++) headers!.Add(reader.ReadString(), reader.ReadString());
            return new ScheduleDeclaration
            {
                Schedule = expression.Length > 0 ? Schedule.Cron(expression, zone) : Schedule.Every(new TimeSpan(interval), new DateTimeOffset(anchor, TimeSpan.Zero)),
                Options = options with { MaxRetries = maxRetries, Headers = headers },
                MaxRetries = maxRetries,
                Payload = body[(int)bytes.Position..],
                IsDeclared = isDeclared,
            };
        }
        catch (Exception e) when (e is ArgumentException or EndOfStreamException or FormatException or OverflowException)
        {
            throw new InvalidDataException($"The declaration cannot be evaluated here: {e.Message}", e);
        }
    }
}
