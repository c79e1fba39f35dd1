using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork.Hosting;

/// <summary>How the events of one type become bytes and come back.</summary>
internal sealed class EventFormat<TEvent>
{
    private readonly Func<TEvent, JsonSerializerOptions?, byte[]> _write;
    private readonly Func<ReadOnlyMemory<byte>, JsonSerializerOptions?, TEvent?> _read;

    private EventFormat(
        Func<TEvent, JsonSerializerOptions?, byte[]> write, Func<ReadOnlyMemory<byte>, JsonSerializerOptions?, TEvent?> read)
    {
        _write = write;
        _read = read;
    }

    [RequiresUnreferencedCode(PayloadSerializer.UsesReflection)]
    [RequiresDynamicCode(PayloadSerializer.UsesDynamicCode)]
    public static EventFormat<TEvent> ByReflection() =>
        new(static (value, options) => PayloadSerializer.Write(value, options), static (payload, options) => PayloadSerializer.Read<TEvent>(payload, options));

    public static EventFormat<TEvent> By(JsonTypeInfo<TEvent> typeInfo) =>
        new((value, _) => PayloadSerializer.Write(value, typeInfo), (payload, _) => PayloadSerializer.Read(payload, typeInfo));

    public byte[] Write(TEvent value, JsonSerializerOptions? options) => _write(value, options);

    /// <summary>Reads an event.</summary>
    /// <exception cref="JsonException">It cannot be read, whatever the deserializer threw; null is no event.</exception>
    public TEvent Read(ReadOnlyMemory<byte> payload, JsonSerializerOptions? options)
    {
        try
        {
            return _read(payload, options) ?? throw new JsonException("The payload is the JSON literal null.");
        }
#pragma warning disable CA1031 // Constructors and converters are user code; what they refuse is unreadable. Not so a type that cannot be read at all.
        catch (Exception e) when (e is not (JsonException or NotSupportedException or OutOfMemoryException))
#pragma warning restore CA1031
        {
            throw new JsonException($"{e.GetType().Name}: {e.Message}", e);
        }
    }
}
