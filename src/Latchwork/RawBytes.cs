using System.Buffers;

namespace Latchwork;

/// <summary>
/// Bytes are bytes, however they are held: what a caller of a generic method gives as such is never written as JSON (as base64, or as a list of
/// numbers) by accident of overload resolution.
/// </summary>
internal static class RawBytes
{
    /// <summary>Whether a value is nothing but bytes; then they are not copied, but where they have no one place.</summary>
    public static bool TryGet<T>(T value, out ReadOnlyMemory<byte> bytes)
    {
        (bool isBytes, bytes) = value switch
        {
            byte[] array => (true, array),
            ReadOnlyMemory<byte> memory => (true, memory),
            Memory<byte> memory => (true, memory),
            ArraySegment<byte> segment => (true, segment),
            ReadOnlySequence<byte> sequence => (true, sequence.IsSingleSegment ? sequence.First : sequence.ToArray()),
            _ => (false, ReadOnlyMemory<byte>.Empty),
        };
        return isBytes;
    }

    /// <summary>Gives bytes back in the type in which they were given.</summary>
    /// <returns>Whether the type is one of bytes.</returns>
    public static bool TryRead<T>(ReadOnlyMemory<byte> bytes, out T? value)
    {
        object? held = typeof(T) == typeof(byte[]) ? bytes.ToArray()
            : typeof(T) == typeof(ReadOnlyMemory<byte>) ? bytes
            : typeof(T) == typeof(Memory<byte>) ? new Memory<byte>(bytes.ToArray())
            : typeof(T) == typeof(ArraySegment<byte>) ? new ArraySegment<byte>(bytes.ToArray())
            : typeof(T) == typeof(ReadOnlySequence<byte>) ? new ReadOnlySequence<byte>(bytes)
            : null;
        value = held is null ? default : (T)held;
        return held is not null;
    }
}
