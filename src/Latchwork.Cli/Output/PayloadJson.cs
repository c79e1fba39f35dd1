using System.Text.Json;
using System.Text.Unicode;

namespace Latchwork.Cli.Output;

/// <summary>Payloads in JSON output: <c>data</c> where the payload is JSON, with its numbers untouched, else <c>dataBase64</c>.</summary>
internal static class PayloadJson
{
    public static void WriteData(this Utf8JsonWriter json, ReadOnlyMemory<byte> payload)
    {
        if (IsJson(payload.Span))
        {
            json.WritePropertyName("data");
            json.WriteRawValue(OnOneLine(payload.Span), skipInputValidation: true);
        }
        else
        {
            json.WriteBase64String("dataBase64", payload.Span);
        }
    }

    /// <summary>Whether the bytes are exactly one JSON value in valid UTF-8, of any depth.</summary>
    public static bool IsJson(ReadOnlySpan<byte> bytes) => FindError(bytes) is null;

    /// <summary>What is wrong with the bytes as JSON, or null.</summary>
    public static string? FindError(ReadOnlySpan<byte> bytes)
    {
        if (!Utf8.IsValid(bytes)) return "not valid UTF-8";
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = int.MaxValue });
        try
        {
            while (reader.Read())
            {
            }

            return null;
        }
        catch (JsonException e)
        {
            return Describe(e);
        }
    }

    /// <summary>The parser's message, with the column and without the line (it is always the first).</summary>
    public static string Describe(JsonException exception)
    {
        int tail = exception.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        string what = (tail < 0 ? exception.Message : exception.Message[..tail]).TrimEnd('.', ' ');
        return $"not valid JSON at byte {exception.BytePositionInLine + 1}: {what}";
    }

    // A line break in JSON is always white space (inside a string it is escaped), so a space says the same.
    private static ReadOnlySpan<byte> OnOneLine(ReadOnlySpan<byte> json)
    {
        if (json.IndexOfAny((byte)'\n', (byte)'\r') < 0) return json;
        byte[] line = json.ToArray();
        line.AsSpan().Replace((byte)'\n', (byte)' ');
        line.AsSpan().Replace((byte)'\r', (byte)' ');
        return line;
    }
}
