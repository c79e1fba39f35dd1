using System.Buffers.Text;

namespace Latchwork.Redis.Timers;

/// <summary>Lines of the history as they are stored: see events.lua.</summary>
internal static class CompletedCodec
{
    /// <summary>Writes the record of a line.</summary>
    public static string Encode(CompletedEvent line) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(int)line.Outcome} {line.Retries} {line.Due.ToUnixTimeMilliseconds()} {line.MaxRetries} {line.ClaimedAt.ToUnixTimeMilliseconds()} {line.NodeId}");

    /// <summary>Reads a line.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="completedAt">When it was completed, in ms.</param>
    /// <param name="record">Its record.</param>
    /// <returns>The line; null if somebody else's hand changed or deleted its record.</returns>
    public static CompletedEvent? Decode(string id, long completedAt, ReadOnlySpan<byte> record)
    {
        if (!TimerCodec.TryReadNumber(ref record, out long outcome) || outcome > (long)CompletedOutcome.Delivered) return null;

        // Without a retry it has the sign of its lease.
        long retries = 0;
        if (record.StartsWith("- "u8)) record = record[2..];
        else if (!TimerCodec.TryReadNumber(ref record, out retries) || retries > int.MaxValue) return null;
        if (!TimerCodec.TryReadNumber(ref record, out long due) || !TimerCodec.TryReadNumber(ref record, out long most) || most > int.MaxValue) return null;
        if (!Utf8Parser.TryParse(record, out long claimedAt, out int length) || claimedAt < 0 || length >= record.Length || record[length] != (byte)' ') return null;
        try
        {
            return new CompletedEvent(
                id, TimerCodec.Time(due), TimerCodec.Time(claimedAt), TimerCodec.Time(completedAt), Encoding.UTF8.GetString(record[(length + 1)..]), (int)retries, (int)most, (CompletedOutcome)outcome);
        }
        catch (ArgumentOutOfRangeException)
        {
            return null; // a time beyond the year 9999
        }
    }

    /// <summary>A line as it is shown: one that cannot be read shows when it was completed.</summary>
    public static TimerSnapshot Show(string id, long completedAt, ReadOnlySpan<byte> record) => Decode(id, completedAt, record) is { } line
        ? line.ToSnapshot()
        : new CompletedEvent(id, TimerCodec.Time(completedAt), TimerCodec.Time(completedAt), TimerCodec.Time(completedAt), "", 0, 0, CompletedOutcome.Succeeded).ToSnapshot() with
        {
            NodeId = null,
            ClaimedAt = null,
            Outcome = null,
            IsDamaged = true,
        };
}
