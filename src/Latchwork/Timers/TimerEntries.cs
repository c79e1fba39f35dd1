using System.Text;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork;

/// <summary>Makes checked entries of posts. What passes here, a store can take.</summary>
internal static class TimerEntries
{
    private static readonly PostOptions _defaults = new();
    private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Checks a post and makes an entry of it.</summary>
    /// <exception cref="ArgumentException">Something is out of its bounds; the message names it, the limit and the value.</exception>
    public static TimerEntry Create(ReadOnlyMemory<byte> payload, Due due, PostOptions? options, TimerSettings settings)
    {
        options ??= _defaults;
        Limits.CheckPayload(payload.Length, settings.MaxPayloadBytes, nameof(payload));
        if (options.Id is not null)
        {
            Limits.CheckId(options.Id, nameof(options.Id));
            if (OccurrenceId.Is(options.Id))
            {
                throw new ArgumentException("'Id' must not contain U+001F: with it begin the times of occurrences of schedules, which are not posted by hand.", nameof(options));
            }
        }

        int maxRetries = options.MaxRetries ?? settings.MaxRetries;
        Limits.CheckRange(maxRetries, 0, Limits.MaxRetries, nameof(options.MaxRetries));
        if (!Enum.IsDefined(options.IfExists))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.IfExists, $"'IfExists' must be one of its named values; it is {(int)options.IfExists}.");
        }

        return new TimerEntry(
            options.Id ?? Guid.CreateVersion7(settings.Time.GetUtcNow()).ToString(),
            due,
            payload,
            maxRetries,
            options.IfExists,
            CopyHeaders(options.Headers),
            IdIsNew: options.Id is null);
    }

    /// <summary>Checks and copies headers.</summary>
    /// <exception cref="ArgumentException">Something is out of its bounds.</exception>
    public static Dictionary<string, string>? CopyHeaders(IReadOnlyDictionary<string, string>? headers, int maxBytes = Limits.MaxHeaderBytes)
    {
        if (headers is null || headers.Count == 0) return null;

        var copy = new Dictionary<string, string>(headers.Count, StringComparer.Ordinal);
        long bytes = 0;
        foreach ((string name, string value) in headers)
        {
            if (string.IsNullOrEmpty(name)) throw new ArgumentException("A name in 'Headers' is empty.", nameof(headers));
            if (value is null) throw new ArgumentException($"The value of '{name}' in 'Headers' is null.", nameof(headers));
            bytes += Measure(name, "A name") + Measure(value, $"The value of '{name}'") + HeaderSize.Overhead;
            copy[name] = value;
        }

        if (bytes > maxBytes)
        {
            throw new ArgumentException(
                $"'Headers' must have at most {maxBytes} bytes of UTF-8 together, {HeaderSize.Overhead} more for each; they have {bytes}.",
                nameof(headers));
        }

        return copy;
    }

    private static int Measure(string text, string what)
    {
        try
        {
            return _strictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"{what} in 'Headers' is not valid Unicode: it has a lone surrogate at index {e.Index}.", nameof(text), e);
        }
    }
}
