using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Latchwork.Monitoring;

namespace Latchwork.Dashboard;

/// <summary>Values as they are shown to people. What it returns is text: components encode it.</summary>
internal static class Show
{
    /// <summary>The most bytes of a payload that are shown.</summary>
    public const int MaxPayload = 16 << 10;

    private static readonly JsonWriterOptions _pretty = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>As a person says it, and no finer than what changes from second to second.</summary>
    public static string Duration(TimeSpan span)
    {
        if (span < TimeSpan.Zero) return "-" + Duration(span.Negate());
        if (span < TimeSpan.FromMinutes(1)) return $"{(long)span.TotalSeconds} s";
        if (span < TimeSpan.FromHours(1)) return $"{span.Minutes} min {span.Seconds} s";
        return span < TimeSpan.FromDays(1) ? $"{span.Hours} h {span.Minutes} min" : $"{Count((long)span.TotalDays)} d {span.Hours} h";
    }

    public static string Moment(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string Encode(string text) => Uri.EscapeDataString(text);

    /// <summary>The class of what has a severity.</summary>
    public static string Class(Severity severity) => severity switch
    {
        Severity.Critical => "critical",
        Severity.Warning => "warning",
        Severity.Notice => "notice",
        _ => "fine",
    };

    public static string State(NamespaceRow row)
    {
        string problems = string.Join(", ", row.Describe());
        return problems.Length > 0 ? problems : row.Stats is null ? "not read yet" : "fine";
    }

    public static string State(TimerState state) => state switch
    {
        TimerState.Scheduled => "scheduled",
        TimerState.InFlight => "in flight",
        TimerState.DeadLettered => "dead letter",
        TimerState.Completed => "completed",
        _ => state.ToString(),
    };

    /// <summary>Words of a name: <c>RetriesExhausted</c> becomes <c>retries exhausted</c>.</summary>
    public static string Words(Enum value)
    {
        var words = new StringBuilder();
        foreach (char c in value.ToString())
        {
            if (char.IsUpper(c) && words.Length > 0) words.Append(' ');
            words.Append(char.ToLowerInvariant(c));
        }

        return words.ToString();
    }

    /// <summary>A payload: indented if it is JSON, its text if it is text, else its bytes in hexadecimal; up to <see cref="MaxPayload"/> bytes of it.</summary>
    /// <returns>The text, and a word for what it is.</returns>
    public static (string Text, string Kind) Payload(ReadOnlyMemory<byte> payload)
    {
        if (payload.IsEmpty) return ("", "empty");
        string size = payload.Length > MaxPayload ? $"the first {Count(MaxPayload)} of {Count(payload.Length)} bytes" : $"{Count(payload.Length)} bytes";
        if (payload.Length <= MaxPayload && TryIndent(payload) is { } json) return (json, $"JSON, {size}");
        ReadOnlySpan<byte> shown = payload.Span[..Math.Min(payload.Length, MaxPayload)];
        if (Utf8.IsValid(payload.Span)) return (Encoding.UTF8.GetString(shown).TrimEnd('\ufffd'), $"text, {size}");
        ReadOnlySpan<byte> start = shown[..Math.Min(shown.Length, 1024)];
        return (Hex(start), payload.Length > start.Length ? $"binary, the first {Count(start.Length)} of {Count(payload.Length)} bytes" : $"binary, {size}");
    }

    private static string? TryIndent(ReadOnlyMemory<byte> payload)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(payload);
            var buffer = new ArrayBufferWriter<byte>();
            using (var writer = new Utf8JsonWriter(buffer, _pretty)) document.WriteTo(writer);
            return Encoding.UTF8.GetString(buffer.WrittenSpan);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null; // not JSON, or with text that is no Unicode
        }
    }

    private static string Hex(ReadOnlySpan<byte> bytes)
    {
        var lines = new StringBuilder();
        for (int i = 0; i < bytes.Length; i += 32) lines.Append(Convert.ToHexString(bytes[i..Math.Min(bytes.Length, i + 32)])).Append('\n');
        return lines.ToString().TrimEnd();
    }
}
