using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.ObjectModel;

namespace Latchwork.Redis.Timers;

/// <summary>How events, failures and times are written for the scripts. The scripts read the first 12 bytes of a body, and check the lengths of its headers.</summary>
internal static class TimerCodec
{
    /// <summary>What precedes headers and payload in a body: most retries in 7 digits, length of the headers in 5.</summary>
    public const int BodyPrefix = 12;

    private const int RetryDigits = 7;

    private static readonly IReadOnlyDictionary<string, string> _noHeaders = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>A due time for the scripts: a delay in µs, or an absolute time in µs below zero. (1970 itself is a delay of zero: both mean now.)</summary>
    public static long Encode(Due due)
    {
        long us = Microseconds(due.Value);
        return due.IsAbsolute ? -Math.Max(us, 1) : us; // zero has no sign: the first instant of 1970 would be a delay
    }

    /// <summary>A span in µs, rounded up, so that nothing is early.</summary>
    public static long Microseconds(TimeSpan span) =>
        (span.Ticks + (span.Ticks > 0 ? TimeSpan.TicksPerMicrosecond - 1 : 0)) / TimeSpan.TicksPerMicrosecond; // division cuts towards zero

    public static TimeSpan Span(long us) => new(us * TimeSpan.TicksPerMicrosecond);

    /// <summary>A time of a partition and the offset of its clock, both in µs, as scripts return them.</summary>
    public static StoreTime Now(RedisReply us, RedisReply offsetUs) => new(us.Number * TimeSpan.TicksPerMicrosecond, offsetUs.Number * TimeSpan.TicksPerMicrosecond);

    public static DateTimeOffset Time(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms);

    /// <summary>The time from <paramref name="nowUs"/> to <paramref name="ms"/>; zero if it has passed.</summary>
    public static TimeSpan Until(long ms, long nowUs) => Span(Math.Max(0, ms * 1000 - nowUs));

    /// <summary>Packs what is stored of an event as long as it exists.</summary>
    public static byte[] EncodeBody(int maxRetries, IReadOnlyDictionary<string, string>? headers, ReadOnlySpan<byte> payload)
    {
        int headerBytes = 0;
        if (headers is not null)
            foreach ((string name, string value) in headers) headerBytes += 4 + Encoding.UTF8.GetByteCount(name) + Encoding.UTF8.GetByteCount(value);

        byte[] body = new byte[BodyPrefix + headerBytes + payload.Length];
        Utf8Formatter.TryFormat(maxRetries, body.AsSpan(0, RetryDigits), out _, new('D', RetryDigits));
        Utf8Formatter.TryFormat(headerBytes, body.AsSpan(RetryDigits, BodyPrefix - RetryDigits), out _, new('D', BodyPrefix - RetryDigits));
        int at = BodyPrefix;
        if (headers is not null)
        {
            foreach ((string name, string value) in headers)
            {
                at += EncodeText(name, body.AsSpan(at));
                at += EncodeText(value, body.AsSpan(at));
            }
        }

        payload.CopyTo(body.AsSpan(at));
        return body;
    }

    /// <summary>Unpacks a body that was changed by somebody else's hand, or is missing, as far as it goes: such an event is shown, and not delivered.</summary>
    public static bool TryDecodeBody(ReadOnlyMemory<byte> body, out EventBody decoded)
    {
        try
        {
            decoded = DecodeBody(body);
            return true;
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            decoded = new EventBody(0, _noHeaders, body.Length < BodyPrefix ? default : body);
            return false;
        }
    }

    /// <summary>Unpacks a body. The payload is not copied.</summary>
    public static EventBody DecodeBody(ReadOnlyMemory<byte> body)
    {
        ReadOnlySpan<byte> bytes = body.Span;
        if (bytes.Length < BodyPrefix
            || !Utf8Parser.TryParse(bytes[..RetryDigits], out int maxRetries, out _)
            || !Utf8Parser.TryParse(bytes[RetryDigits..BodyPrefix], out int headerBytes, out _))
        {
            throw new FormatException("The stored event does not begin with its number of retries and the length of its headers.");
        }

        return new EventBody(maxRetries, DecodeHeaders(bytes.Slice(BodyPrefix, headerBytes)), body[(BodyPrefix + headerBytes)..]);
    }

    /// <summary>
    /// Reads what is stored of an event's failures (see events.lua): its record in the hash <c>tries</c> (retries, number of failures, due time, reason,
    /// and, if there were any, interruptions), which is empty if it never failed, and its last failures, the oldest first.
    /// </summary>
    public static EventPast DecodePast(ReadOnlySpan<byte> tries, ReadOnlySpan<byte> failures)
    {
        if (tries.IsEmpty) return new EventPast(0, 0, default, 0, []);

        int retries = (int)ReadNumber(ref tries);
        int kept = (int)Math.Min(ReadNumber(ref tries), Limits.MaxFailures);
        long due = ReadNumber(ref tries);
        long interruptions = 0;
        if (TryReadNumber(ref tries, out long reason))
        {
            if (!TryReadLastNumber(tries, out interruptions)) throw BadRecord();
        }
        else if (!TryReadLastNumber(tries, out reason))
        {
            throw BadRecord();
        }

        var list = new List<AttemptFailure>(kept);
        while (!failures.IsEmpty) list.Add(DecodeFailure(ref failures));
        return new EventPast(retries, due, (DeadLetterReason)reason, (int)interruptions, list);
    }

    /// <summary>The end of a record in the hash <c>tries</c>.</summary>
    public static string EndOfPast(DeadLetterReason reason, int interruptions) =>
        interruptions > 0 ? string.Create(CultureInfo.InvariantCulture, $"{(int)reason} {interruptions}") : string.Create(CultureInfo.InvariantCulture, $"{(int)reason}");

    /// <summary>Reads what is stored of an event's failures as far as it can be read.</summary>
    public static bool TryDecodePast(ReadOnlySpan<byte> tries, ReadOnlySpan<byte> failures, out EventPast past)
    {
        try
        {
            past = DecodePast(tries, failures);
            return true;
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            past = new EventPast(0, 0, DeadLetterReason.RecordDamaged, 0, []);
            return false;
        }
    }

    /// <summary>Reads digits and the space after them.</summary>
    public static long ReadNumber(ref ReadOnlySpan<byte> text) =>
        TryReadNumber(ref text, out long number) ? number : throw BadRecord();

    /// <summary>Reads digits and the space after them, if that is what comes.</summary>
    public static bool TryReadNumber(ref ReadOnlySpan<byte> text, out long number)
    {
        if (!Utf8Parser.TryParse(text, out number, out int length) || length >= text.Length || text[length] != (byte)' ') return false;
        text = text[(length + 1)..];
        return number >= 0;
    }

    /// <summary>Reads digits up to the end.</summary>
    public static bool TryReadLastNumber(ReadOnlySpan<byte> text, out long number) =>
        Utf8Parser.TryParse(text, out number, out int length) && length == text.Length && number >= 0;

    /// <summary>The answer to a batch: one digit for each element, which is the value of the enumeration.</summary>
    public static T[] Outcomes<T>(RedisReply reply, Func<int, T> convert)
    {
        ReadOnlySpan<byte> digits = reply.Bytes.Span;
        var outcomes = new T[digits.Length];
        for (int i = 0; i < digits.Length; i++) outcomes[i] = convert(digits[i] - '0');
        return outcomes;
    }

    private static FormatException BadRecord() => new("A stored record does not have the form that this version writes.");

    private static AttemptFailure DecodeFailure(ref ReadOnlySpan<byte> text)
    {
        int attempt = (int)ReadNumber(ref text);
        DateTimeOffset at = Time(ReadNumber(ref text));
        int nodeBytes = (int)ReadNumber(ref text);
        int errorBytes = (int)ReadNumber(ref text);
        string node = Encoding.UTF8.GetString(text[..nodeBytes]);
        string error = Encoding.UTF8.GetString(text.Slice(nodeBytes, errorBytes));
        text = text[(nodeBytes + errorBytes)..];
        return new AttemptFailure(attempt, node, at, error);
    }

    private static int EncodeText(string text, Span<byte> target)
    {
        int length = Encoding.UTF8.GetBytes(text, target[2..]);
        BinaryPrimitives.WriteUInt16BigEndian(target, checked((ushort)length));
        return 2 + length;
    }

    private static IReadOnlyDictionary<string, string> DecodeHeaders(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return _noHeaders;

        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        while (!bytes.IsEmpty)
        {
            string name = DecodeText(ref bytes);
            headers[name] = DecodeText(ref bytes);
        }

        return headers;
    }

    private static string DecodeText(ref ReadOnlySpan<byte> bytes)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        string text = Encoding.UTF8.GetString(bytes.Slice(2, length));
        bytes = bytes[(2 + length)..];
        return text;
    }
}

/// <summary>What is stored of an event as long as it exists.</summary>
internal readonly record struct EventBody(int MaxRetries, IReadOnlyDictionary<string, string> Headers, ReadOnlyMemory<byte> Payload);

/// <summary>What is stored of an event that failed: the retries spent; of a dead one, when it was due and of what it died; how often its handlers were interrupted; its last failures.</summary>
internal readonly record struct EventPast(int Retries, long Due, DeadLetterReason Reason, int Interruptions, IReadOnlyList<AttemptFailure> Failures);
