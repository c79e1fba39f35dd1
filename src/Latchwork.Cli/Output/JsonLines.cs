using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Latchwork.Cli.Output;

/// <summary>Writes one JSON object a line. Safe for use by many threads.</summary>
internal sealed class JsonLines
{
    // Relaxed: the lines go to programs and terminals, never into HTML, and people read them too.
    private static readonly JsonWriterOptions _options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly TextWriter _out;
    private readonly Lock _gate = new();
    private readonly ArrayBufferWriter<byte> _buffer = new();

    public JsonLines(TextWriter @out) => _out = @out;

    /// <summary>Writes one object.</summary>
    /// <param name="properties">Writes its properties.</param>
    public void Write(Action<Utf8JsonWriter> properties)
    {
        lock (_gate)
        {
            _buffer.ResetWrittenCount();
            using (var json = new Utf8JsonWriter(_buffer, _options))
            {
                json.WriteStartObject();
                properties(json);
                json.WriteEndObject();
            }

            _out.WriteLine(Encoding.UTF8.GetString(_buffer.WrittenSpan));
        }
    }
}
