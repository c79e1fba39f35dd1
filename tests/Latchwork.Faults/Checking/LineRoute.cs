using System.Text.Json;

namespace Latchwork.Faults.Checking;

/// <summary>The little that has to be known of a line to send it to the right bucket, read without making an entry of it.</summary>
/// <param name="Kind">The kind of entry.</param>
/// <param name="At">Its time.</param>
/// <param name="Op">The number of its operation; 0 if it has none.</param>
/// <param name="Hash">Of namespace and id; null if it concerns no single id.</param>
internal readonly record struct LineRoute(string Kind, long At, long Op, uint? Hash)
{
    public static LineRoute Of(ReadOnlySpan<byte> line)
    {
        string kind = "";
        long at = 0, op = 0;
        uint hash = 2166136261;
        bool hasId = false;
        var reader = new Utf8JsonReader(line);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            if (reader.ValueTextEquals("k"u8))
            {
                reader.Read();
                kind = KindOf(reader.ValueSpan);
            }
            else if (reader.ValueTextEquals("at"u8))
            {
                reader.Read();
                at = reader.GetInt64();
            }
            else if (reader.ValueTextEquals("op"u8))
            {
                reader.Read();
                op = reader.GetInt64();
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                reader.Read();
                hasId = true;
                // The escapes of a text are always the same, so its raw bytes will do.
                foreach (byte b in reader.ValueSpan) hash = (hash ^ b) * 16777619;
            }
        }

        return new LineRoute(kind, at, op, hasId ? hash : null);
    }

    // Without a new string for each line.
    private static string KindOf(ReadOnlySpan<byte> kind) => kind.SequenceEqual("op"u8) ? "op" : kind.SequenceEqual("opEnd"u8) ? "opEnd" : "other";
}
