using System.Buffers.Binary;

namespace Latchwork.Cli.Once;

/// <summary>What a command ended with, as all machines print it.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">The bytes of its standard output.</param>
/// <param name="Error">The bytes of its standard error.</param>
/// <remarks>
/// As stored, version 1: the letters <c>LWO</c> and the version (4 bytes), the exit code (4 bytes, big-endian), the length of standard output
/// (4 bytes, big-endian), standard output, standard error.
/// </remarks>
internal sealed record CommandResult(int ExitCode, ReadOnlyMemory<byte> Output, ReadOnlyMemory<byte> Error)
{
    /// <summary>The bytes that are stored besides the output.</summary>
    public const int HeaderBytes = 12;

    private static ReadOnlySpan<byte> Magic => [(byte)'L', (byte)'W', (byte)'O', 1];

    /// <summary>Reads what was stored under a key.</summary>
    /// <returns>Null if it is something else: another program's result, or one of a later version.</returns>
    public static CommandResult? TryRead(ReadOnlyMemory<byte> stored)
    {
        ReadOnlySpan<byte> bytes = stored.Span;
        if (bytes.Length < HeaderBytes || !bytes.StartsWith(Magic)) return null;
        int exitCode = BinaryPrimitives.ReadInt32BigEndian(bytes[4..]);
        int length = BinaryPrimitives.ReadInt32BigEndian(bytes[8..]);
        if (length < 0 || length > bytes.Length - HeaderBytes) return null;
        return new CommandResult(exitCode, stored.Slice(HeaderBytes, length), stored[(HeaderBytes + length)..]);
    }

    /// <summary>The bytes to store.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[HeaderBytes + Output.Length + Error.Length];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), ExitCode);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), Output.Length);
        Output.Span.CopyTo(bytes.AsSpan(HeaderBytes));
        Error.Span.CopyTo(bytes.AsSpan(HeaderBytes + Output.Length));
        return bytes;
    }
}
