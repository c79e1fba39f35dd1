using System.Text.Json;
using System.Text.Unicode;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Input;

/// <summary>A line of an event file that cannot be posted; the message does not yet name the line.</summary>
internal sealed class BadLineException : Exception
{
    public BadLineException(string message)
        : base(message)
    {
    }
}

/// <summary>Reads one line of an event file: <c>{"id"?,"in" or "inMs" or "at","data","maxRetries"?}</c>.</summary>
internal static class EventLine
{
    /// <summary>The longest line: the largest payload and ample space for the rest.</summary>
    public const int MaxBytes = Limits.DefaultMaxPayloadBytes + (16 << 10);

    /// <summary>Reads a line.</summary>
    /// <param name="line">Its bytes.</param>
    /// <param name="defaults">What the command line says of retries and existing ids.</param>
    /// <returns>The event. Its payload is the exact source of <c>data</c>, so that no number changes.</returns>
    /// <exception cref="BadLineException">What is wrong with it.</exception>
    public static TimerPost Parse(ReadOnlySpan<byte> line, PostOptions defaults)
    {
        if (!Utf8.IsValid(line)) throw new BadLineException("not valid UTF-8");
        try
        {
            return ParseObject(line, defaults);
        }
        catch (JsonException e)
        {
            throw new BadLineException(PayloadJson.Describe(e));
        }
    }

    private static TimerPost ParseObject(ReadOnlySpan<byte> line, PostOptions defaults)
    {
        var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = int.MaxValue });
        string? id = null;
        Due? due = null;
        int? maxRetries = null;
        byte[]? data = null;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw new BadLineException("not a JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("id"u8)) Once(ref id, ReadId(ref reader), "id");
            else if (reader.ValueTextEquals("inMs"u8)) OnceDue(ref due, ReadMilliseconds(ref reader), "inMs");
            else if (reader.ValueTextEquals("in"u8)) OnceDue(ref due, ReadDelay(ref reader), "in");
            else if (reader.ValueTextEquals("at"u8)) OnceDue(ref due, ReadMoment(ref reader), "at");
            else if (reader.ValueTextEquals("data"u8)) Once(ref data, ReadData(ref reader, line), "data");
            else if (reader.ValueTextEquals("maxRetries"u8)) Once(ref maxRetries, ReadRetries(ref reader), "maxRetries");
            else throw new BadLineException($"unknown property '{Name(ref reader)}' (known are id, in, inMs, at, data, maxRetries)");
        }

        reader.Read(); // Nothing may follow the object: the reader throws if something does.
        if (due is null) throw new BadLineException("'inMs', 'in' or 'at' is missing");
        if (data is null) throw new BadLineException("'data' is missing");
        return new TimerPost(data, due.Value, defaults with { Id = id, MaxRetries = maxRetries ?? defaults.MaxRetries });
    }

    private static string ReadId(ref Utf8JsonReader reader)
    {
        string id = ReadText(ref reader, "id");
        return Options.FindIdError(id) is { } error ? throw new BadLineException($"'id' {error}") : id;
    }

    private static Due ReadDelay(ref Utf8JsonReader reader)
    {
        string text = ReadText(ref reader, "in");
        return Options.FindDurationError(text, TimeSpan.Zero, Limits.MaxDelay, out TimeSpan delay) is { } error ? throw new BadLineException($"'in' {error}") : delay;
    }

    private static Due ReadMoment(ref Utf8JsonReader reader)
    {
        string text = ReadText(ref reader, "at");
        return MomentParser.TryParse(text, out DateTimeOffset moment, out string? error) ? moment : throw new BadLineException($"'at' {error}");
    }

    private static Due ReadMilliseconds(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetDecimal(out decimal milliseconds))
        {
            throw new BadLineException("'inMs' must be a number of milliseconds");
        }

        if (milliseconds < 0 || milliseconds > (decimal)Limits.MaxDelay.TotalMilliseconds)
        {
            throw new BadLineException($"'inMs' must be between 0 and {Limits.MaxDelay.TotalMilliseconds:0} (100 years); it is {milliseconds}");
        }

        return new TimeSpan((long)decimal.Ceiling(milliseconds * TimeSpan.TicksPerMillisecond));
    }

    private static string ReadText(ref Utf8JsonReader reader, string name)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String) throw new BadLineException($"'{name}' must be a string");
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new BadLineException($"'{name}' is not valid Unicode");
        }
    }

    private static int? ReadRetries(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int value) && value is >= 0 and <= Limits.MaxRetries) return value;
        throw new BadLineException($"'maxRetries' must be a whole number between 0 and {Limits.MaxRetries}");
    }

    private static byte[] ReadData(ref Utf8JsonReader reader, ReadOnlySpan<byte> line)
    {
        reader.Read();
        int start = (int)reader.TokenStartIndex;
        reader.Skip();
        ReadOnlySpan<byte> data = line[start..(int)reader.BytesConsumed];
        return data.Length <= Limits.DefaultMaxPayloadBytes
            ? data.ToArray()
            : throw new BadLineException($"'data' must have at most {Limits.DefaultMaxPayloadBytes} bytes; it has {data.Length}");
    }

    private static void OnceDue(ref Due? due, Due value, string name)
    {
        if (due is not null) throw new BadLineException($"'{name}' is given besides another of 'inMs', 'in' and 'at', or twice");
        due = value;
    }

    private static void Once<T>(ref T? field, T value, string name)
    {
        if (field is not null) throw new BadLineException($"'{name}' is given twice");
        field = value;
    }

    private static string Name(ref Utf8JsonReader reader)
    {
        try
        {
            string name = reader.GetString()!;
            return name.Length <= 40 ? name : name[..40] + "…";
        }
        catch (InvalidOperationException)
        {
            return "?";
        }
    }
}
