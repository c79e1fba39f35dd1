using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Latchwork.Api;

/// <summary>Values of fields and query parameters. An error names the argument, the limit and the value.</summary>
internal static class Read
{
    /// <summary>The error of a bad argument, by the name that clients know.</summary>
    public static ArgumentException Bad(string message, string argument, Exception? inner = null) => new(message, argument, inner);

    public static ArgumentException BadCursor(Exception? inner = null) => Bad("'cursor' must be the cursor of the page before.", "cursor", inner);

    public static string Id(string? value, string argument)
    {
        if (value is null) throw Read.Bad($"'{argument}' is needed: 1 to {Limits.MaxIdBytes} bytes of UTF-8.", argument);
        Limits.CheckId(value, argument);
        return value;
    }

    public static TimeSpan? Duration(string? value, string argument, TimeSpan min, TimeSpan max)
    {
        if (value is null) return null;
        if (!DurationText.TryParse(value, out TimeSpan duration)) throw Read.Bad($"'{argument}' must be a duration: {DurationText.Examples}; it is '{value}'.", argument);
        Limits.CheckDuration(duration, min, max, argument);
        return duration;
    }

    public static int? Number(string? value, string argument, int min, int max)
    {
        if (value is null) return null;
        if (!int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number))
        {
            throw Read.Bad($"'{argument}' must be a whole number from {min} to {max}; it is '{value}'.", argument);
        }

        Limits.CheckRange(number, min, max, argument);
        return number;
    }

    /// <summary>When an event is due: after a delay, or at a time; null if neither is given.</summary>
    public static Due? Due(string? delay, string? due)
    {
        if (delay is not null && due is not null) throw Read.Bad("'delay' and 'due' exclude each other.", nameof(due));
        if (Duration(delay, nameof(delay), TimeSpan.Zero, Limits.MaxDelay) is { } span) return span;
        if (due is null) return null;
        if (!DateTimeOffset.TryParse(due, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time))
        {
            throw Read.Bad($"'due' must be a time of ISO 8601, 2026-12-24T18:00:00Z; it is '{due}'.", nameof(due));
        }

        return Latchwork.Due.At(time);
    }

    /// <summary>A cursor as clients get it: a part of the listing, and the place in it.</summary>
    public static string? Cursor(int part, string? place, int parts)
    {
        if (place is null && ++part >= parts) return null;
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{part} {place}")));
    }

    /// <summary>Reads a cursor.</summary>
    public static (int Part, string? Place) Cursor(string? cursor, int parts)
    {
        if (cursor is null) return (0, null);
        try
        {
            string[] split = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split(' ', 2);
            if (split.Length == 2 && int.TryParse(split[0], NumberStyles.None, CultureInfo.InvariantCulture, out int part) && part < parts) return (part, split[1].Length == 0 ? null : split[1]);
        }
        catch (FormatException e)
        {
            throw BadCursor(e);
        }

        throw BadCursor();
    }

    /// <summary>A span in whole milliseconds, rounded up, so that whoever waits for it does not come too early.</summary>
    public static long Milliseconds(TimeSpan span) => (span.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;
}
