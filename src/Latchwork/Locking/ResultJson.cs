using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork.Locking;

/// <summary>How typed results become bytes. Null has its own kind, so the JSON literal is never stored for it; bytes stay as they are.</summary>
internal static class ResultJson
{
    [RequiresUnreferencedCode("Uses reflection-based JSON. Pass a JsonTypeInfo when trimming.")]
    [RequiresDynamicCode("Uses reflection-based JSON. Pass a JsonTypeInfo when compiling ahead of time.")]
    public static RunValue Write<T>(T value, JsonSerializerOptions? options) => value is null ? RunValue.Null
        : RawBytes.TryGet(value, out ReadOnlyMemory<byte> bytes) ? RunValue.Of(bytes)
        : RunValue.OfOwn(JsonSerializer.SerializeToUtf8Bytes(value, options ?? JsonSerializerOptions.Web));

    public static RunValue Write<T>(T value, JsonTypeInfo<T> typeInfo) =>
        value is null ? RunValue.Null : RunValue.OfOwn(JsonSerializer.SerializeToUtf8Bytes(value, typeInfo));
}
