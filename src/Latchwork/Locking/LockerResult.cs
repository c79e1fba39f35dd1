using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork;

/// <summary>The result of a run. A null value is a result too; that there is none is said by a null <see cref="LockerResult"/>.</summary>
public sealed class LockerResult
{
    private readonly JsonSerializerOptions? _json;

    internal LockerResult(bool isNull, ReadOnlyMemory<byte> bytes, long fencingToken, JsonSerializerOptions? json)
    {
        IsNull = isNull;
        Bytes = bytes;
        FencingToken = fencingToken;
        _json = json;
    }

    /// <summary>Whether the value is null.</summary>
    public bool IsNull { get; }

    /// <summary>The bytes as they were published; empty if the value is null.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The fencing token of the owner that published it.</summary>
    public long FencingToken { get; }

    /// <summary>Reads the value as JSON.</summary>
    /// <typeparam name="T">The type to read; <c>byte[]</c>, <c>ReadOnlyMemory&lt;byte&gt;</c> and other types of bytes get the bytes as they are.</typeparam>
    /// <returns>The value; null (the default) if it is null.</returns>
    [RequiresUnreferencedCode("Uses reflection-based JSON. Pass a JsonTypeInfo when trimming.")]
    [RequiresDynamicCode("Uses reflection-based JSON. Pass a JsonTypeInfo when compiling ahead of time.")]
    public T? Read<T>()
    {
        if (IsNull) return default;
        return RawBytes.TryRead(Bytes, out T? bytes) ? bytes : JsonSerializer.Deserialize<T>(Bytes.Span, _json ?? JsonSerializerOptions.Web);
    }

    /// <summary>Reads the value as JSON, without reflection.</summary>
    /// <typeparam name="T">The type to read.</typeparam>
    /// <param name="typeInfo">How to read it.</param>
    /// <returns>The value; null (the default) if it is null.</returns>
    public T? Read<T>(JsonTypeInfo<T> typeInfo) => IsNull ? default : JsonSerializer.Deserialize(Bytes.Span, typeInfo);
}
