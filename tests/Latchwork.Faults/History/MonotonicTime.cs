using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Latchwork.Faults.History;

/// <summary>The clock of histories: CLOCK_MONOTONIC, which all processes of a machine share and no fault moves.</summary>
public static class MonotonicTime
{
    /// <summary>Now, in µs, rounded down.</summary>
    public static long Now => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000);

    /// <summary>A span in µs, rounded down.</summary>
    public static long Of(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;
}

/// <summary>The version of an event: the first line of its payload. Each post of a run has its own, so a delivery tells which post it belongs to.</summary>
public static class EventVersion
{
    /// <summary>The payload for a version: the version, a line feed, and filling.</summary>
    /// <param name="version">Any text without a line feed, unlike all others of the run.</param>
    /// <param name="filling">How many bytes to add.</param>
    public static byte[] ToPayload(string version, int filling = 0) => Encoding.UTF8.GetBytes(version + '\n' + new string('.', filling));

    /// <summary>The version in a payload; if the filling is not as it was written, a text that says so.</summary>
    public static string Of(ReadOnlySpan<byte> payload)
    {
        int end = payload.IndexOf((byte)'\n');
        if (end < 0) return "(no version) " + Convert.ToHexString(payload[..Math.Min(payload.Length, 32)]);
        return payload[(end + 1)..].ContainsAnyExcept((byte)'.')
            ? "(damaged) " + Encoding.UTF8.GetString(payload[..end])
            : Encoding.UTF8.GetString(payload[..end]);
    }
}

/// <summary>How outcomes of keys are written: <c>v:</c> and the text of a value, <c>null</c>, or <c>f:</c> and the message of a failure. Each but null and <see cref="Unreadable"/> is unlike all others of the run.</summary>
public static class LockValue
{
    /// <summary>The null value.</summary>
    public const string Null = "null";

    /// <summary>A failure whose message cannot be read, as the library shows it.</summary>
    public const string Unreadable = "f:(its message cannot be read: InvalidOperationException)";

    /// <summary>A value's text, as the worker's factory returned it.</summary>
    public static string OfText(string text) => "v:" + text;

    /// <summary>The bytes of a value.</summary>
    public static string OfBytes(ReadOnlySpan<byte> bytes) => "v:" + Encoding.UTF8.GetString(bytes);

    /// <summary>A failure, by the message that callers see.</summary>
    public static string OfFailure(string message) => "f:" + message;

    /// <summary>A number for the name of a version or value: short, and never twice in a process.</summary>
    public static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
