using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork.Cli.Demo.Cast;

/// <summary>How orders and reports are written between processes: one JSON object a line.</summary>
[JsonSerializable(typeof(DemoOrder))]
[JsonSerializable(typeof(DemoReport))]
internal sealed partial class DemoJson : JsonSerializerContext
{
    /// <summary>A line with its end, in UTF-8. Short enough for a pipe to take it as one piece.</summary>
    public static byte[] Line<T>(T message, JsonTypeInfo<T> type) => Encoding.UTF8.GetBytes(JsonSerializer.Serialize(message, type) + "\n");
}
