using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Latchwork.Tools;

/// <summary>Text for people from data that may hold anything: no line breaks and no escape sequences reach the terminal.</summary>
internal static class Printable
{
    private static readonly SearchValues<char> _control = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Concat(Enumerable.Range(0x7f, 0x21)).Select(c => (char)c), '\u2028', '\u2029']);

    /// <summary>Line breaks become spaces, other control characters are written as <c>\u001b</c>.</summary>
    public static string OneLine(string text)
    {
        if (text.AsSpan().IndexOfAny(_control) < 0) return text;
        var line = new StringBuilder(text.Length + 16);
        foreach (char c in text)
        {
            if (c is '\r' or '\n' or '\t') line.Append(' ');
            else if (_control.Contains(c)) line.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else line.Append(c);
        }

        return line.ToString();
    }

    /// <summary>A payload: its text if it is text, else its size and the start of it in base 64.</summary>
    public static string Payload(ReadOnlySpan<byte> payload)
    {
        if (payload.IsEmpty) return "(empty)";
        if (Utf8.IsValid(payload)) return OneLine(Encoding.UTF8.GetString(payload));
        const int Shown = 24;
        string start = Convert.ToBase64String(payload[..Math.Min(payload.Length, Shown)]);
        return $"({payload.Length} bytes) base64:{start}{(payload.Length > Shown ? "…" : "")}";
    }

    /// <summary>A span of time as a person says it: <c>0.4 ms</c>, <c>38 ms</c>, <c>2.5 s</c>, <c>4m 10s</c>, <c>3h 5m</c>, <c>12d 4h</c>.</summary>
    public static string Duration(TimeSpan span)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        if (span < TimeSpan.Zero) return "-" + Duration(span.Negate());
        if (span < TimeSpan.FromMilliseconds(10)) return span.TotalMilliseconds.ToString("0.0", culture) + " ms";
        if (span < TimeSpan.FromSeconds(1)) return span.TotalMilliseconds.ToString("0", culture) + " ms";
        if (span < TimeSpan.FromMinutes(1)) return span.TotalSeconds.ToString("0.0", culture) + " s";
        if (span < TimeSpan.FromHours(1)) return $"{span.Minutes}m {span.Seconds}s";
        if (span < TimeSpan.FromDays(1)) return $"{span.Hours}h {span.Minutes}m";
        return $"{span.Days}d {span.Hours}h";
    }

    /// <summary>A count with thousands separators.</summary>
    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A moment in UTC, to the second.</summary>
    public static string Moment(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
