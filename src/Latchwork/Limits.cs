using System.Runtime.CompilerServices;
using System.Text;

namespace Latchwork;

/// <summary>The bounds of what Latchwork accepts, in one place. Everything else is refused before anything is sent.</summary>
public static class Limits
{
    /// <summary>The longest id, key, namespace or node id, in bytes of UTF-8.</summary>
    public const int MaxIdBytes = 512;

    /// <summary>The largest value of options that limit one payload or result, in bytes: 256 MiB.</summary>
    internal const int MaxMaxPayloadBytes = 256 << 20;

    /// <summary>The default limit of one payload or result, in bytes: 1 MiB.</summary>
    public const int DefaultMaxPayloadBytes = 1 << 20;

    /// <summary>All headers of one event together, encoded, in bytes: 8 KiB.</summary>
    public const int MaxHeaderBytes = 8 << 10;

    /// <summary>The most elements that one store operation takes.</summary>
    public const int MaxBatch = 200;

    /// <summary>The most bytes of payload that one store operation takes or returns, unless a single element is larger.</summary>
    public const int MaxBatchBytes = 1 << 20;

    /// <summary>The most bytes that are kept of one failure's text: 1 KiB.</summary>
    public const int MaxErrorBytes = 1 << 10;

    /// <summary>The longest reason of a pause, in bytes of UTF-8: 1 KiB.</summary>
    public const int MaxReasonBytes = 1 << 10;

    /// <summary>The failures that are kept of one event: the last ten.</summary>
    public const int MaxFailures = 10;

    /// <summary>The completed events that are kept of a namespace: 10,000. Of several partitions each keeps an equal share.</summary>
    public const int MaxCompleted = 10_000;

    /// <summary>How often the handlers of one event may be interrupted by nodes that leave before each time spends a retry: nine.</summary>
    public const int FreeInterruptions = 9;

    /// <summary>The most retries of one event.</summary>
    public const int MaxRetries = 1_000_000;

    /// <summary>The longest delay: 100 years of 365 days.</summary>
    public static readonly TimeSpan MaxDelay = TimeSpan.FromDays(36_500);

    /// <summary>The shortest lease: 100 ms.</summary>
    internal static readonly TimeSpan MinLease = TimeSpan.FromMilliseconds(100);

    /// <summary>The shortest wait for a key: 1 ms.</summary>
    internal static readonly TimeSpan MinWait = TimeSpan.FromMilliseconds(1);

    /// <summary>The longest lease of a delivery: 1 day.</summary>
    internal static readonly TimeSpan MaxDeliveryLease = TimeSpan.FromDays(1);

    private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Checks an id, key, namespace or node id: 1 to <see cref="MaxIdBytes"/> bytes of valid UTF-8.</summary>
    internal static void CheckId(string id, [CallerArgumentExpression(nameof(id))] string argument = "id") => CheckText(id, 1, MaxIdBytes, argument);

    /// <summary>Checks a text: <paramref name="min"/> to <paramref name="max"/> bytes of valid UTF-8.</summary>
    internal static void CheckText(string text, int min, int max, [CallerArgumentExpression(nameof(text))] string argument = "text")
    {
        ArgumentNullException.ThrowIfNull(text, argument);
        if (FindTextError(text, min, max) is { } error) throw new ArgumentException($"'{argument}' {error}.", argument);
    }

    /// <summary>What is wrong with a text that must have <paramref name="min"/> to <paramref name="max"/> bytes of valid UTF-8, as words that follow its name; null if nothing is.</summary>
    internal static string? FindTextError(string text, int min, int max)
    {
        int bytes;
        try
        {
            bytes = _strictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException e)
        {
            return $"is not valid Unicode: it has a lone surrogate at index {e.Index}";
        }

        return bytes >= min && bytes <= max ? null : $"must have {min} to {max} bytes of UTF-8; it has {bytes}";
    }

    /// <summary>Checks a duration that lies between <paramref name="min"/> and <paramref name="max"/>, both allowed.</summary>
    internal static void CheckDuration(TimeSpan value, TimeSpan min, TimeSpan max, [CallerArgumentExpression(nameof(value))] string argument = "value")
    {
        if (value < min || value > max)
        {
            throw new ArgumentOutOfRangeException(argument, value, $"'{argument}' must be between {DurationText.Write(min)} and {DurationText.Write(max)}; it is {DurationText.Write(value)}.");
        }
    }

    /// <summary>Checks a number that lies between <paramref name="min"/> and <paramref name="max"/>, both allowed.</summary>
    internal static void CheckRange(int value, int min, int max, [CallerArgumentExpression(nameof(value))] string argument = "value")
    {
        if (value < min || value > max)
        {
            throw new ArgumentOutOfRangeException(argument, value, $"'{argument}' must be between {min} and {max}; it is {value}.");
        }
    }

    /// <summary>Checks the size of a payload or result.</summary>
    internal static void CheckPayload(int bytes, int max, [CallerArgumentExpression(nameof(bytes))] string argument = "payload")
    {
        if (bytes > max)
        {
            throw new ArgumentException($"'{argument}' must have at most {max} bytes; it has {bytes}.", argument);
        }
    }
}
