using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork;

/// <summary>Payloads as JSON in UTF-8. No type name is stored.</summary>
internal static class PayloadSerializer
{
    public const string UsesReflection = "Uses reflection-based JSON. Pass a JsonTypeInfo when trimming.";
    public const string UsesDynamicCode = "Uses reflection-based JSON. Pass a JsonTypeInfo when compiling ahead of time.";

    [RequiresUnreferencedCode(UsesReflection)]
    [RequiresDynamicCode(UsesDynamicCode)]
    public static byte[] Write<T>(T value, JsonSerializerOptions? options) =>
        JsonSerializer.SerializeToUtf8Bytes(value, options ?? JsonSerializerOptions.Web);

    public static byte[] Write<T>(T value, JsonTypeInfo<T> typeInfo) => JsonSerializer.SerializeToUtf8Bytes(value, typeInfo);

    [RequiresUnreferencedCode(UsesReflection)]
    [RequiresDynamicCode(UsesDynamicCode)]
    public static T? Read<T>(ReadOnlyMemory<byte> payload, JsonSerializerOptions? options) =>
        JsonSerializer.Deserialize<T>(payload.Span, options ?? JsonSerializerOptions.Web);

    public static T? Read<T>(ReadOnlyMemory<byte> payload, JsonTypeInfo<T> typeInfo) => JsonSerializer.Deserialize(payload.Span, typeInfo);
}
