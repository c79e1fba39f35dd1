using System.Text.Json;
using System.Text.Json.Serialization;

namespace Latchwork.Faults.History;

/// <summary>How entries are written: one line of JSON each.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(HistoryEntry))]
internal sealed partial class HistoryJson : JsonSerializerContext
{
    /// <summary>The line of an entry, with its line feed.</summary>
    public static byte[] ToLine(HistoryEntry entry)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(entry, Default.HistoryEntry);
        Array.Resize(ref json, json.Length + 1);
        json[^1] = (byte)'\n';
        return json;
    }

    /// <summary>The entry of a line.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static HistoryEntry OfLine(ReadOnlySpan<byte> line) =>
        JsonSerializer.Deserialize(line, Default.HistoryEntry) ?? throw new JsonException("The line is 'null'.");
}
