using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Latchwork.Redis.Connections;

/// <summary>A command as the bytes that go out, in a rented array.</summary>
/// <param name="Array">The array; longer than the command.</param>
/// <param name="Length">The bytes of the command.</param>
/// <param name="Tail">For EVALSHA: where the number of keys begins, so that the rest can be reused for EVAL.</param>
/// <param name="Start">Where the command begins: behind ASKING, if that is in front of it.</param>
internal readonly record struct CommandBytes(byte[] Array, int Length, int Tail, int Start = 0)
{
    public ReadOnlySpan<byte> Span => Array.AsSpan(0, Length);
}

/// <summary>Writes commands as RESP arrays of bulk strings, straight into a rented array of the right size.</summary>
internal ref struct RespWriter
{
    // "$", at most ten digits, and two line ends.
    private const int BulkOverhead = 15;
    private readonly byte[] _array;
    private readonly Span<byte> _span;
    private int _position;

    private RespWriter(int parts, long bytes)
    {
        long size = bytes + ((parts + 1L) * BulkOverhead);
        if (size > RespReader.MaxMessageBytes)
            throw new ArgumentException($"A command must have at most {RespReader.MaxMessageBytes} bytes; it has {size}.", nameof(bytes));
        _array = ArrayPool<byte>.Shared.Rent((int)size);
        _span = _array;
        Header((byte)'*', parts);
    }

    /// <summary>EVALSHA of a script.</summary>
    public static CommandBytes EvalSha(RedisScript script, ReadOnlySpan<RedisArgument> keys, ReadOnlySpan<RedisArgument> arguments)
    {
        long bytes = 7 + script.Sha1.Length + 10;
        foreach (ref readonly RedisArgument key in keys)
            bytes += Size(key);
        foreach (ref readonly RedisArgument argument in arguments)
            bytes += Size(argument);
        var writer = new RespWriter(3 + keys.Length + arguments.Length, bytes);
        writer.Bulk("EVALSHA"u8);
        writer.Bulk(script.Sha1);
        int tail = writer._position;
        writer.Bulk(keys.Length);
        foreach (ref readonly RedisArgument key in keys)
            writer.Bulk(key);
        foreach (ref readonly RedisArgument argument in arguments)
            writer.Bulk(argument);
        return new CommandBytes(writer._array, writer._position, tail);
    }

    /// <summary>EVAL with the script's text, from the bytes of its EVALSHA.</summary>
    public static CommandBytes Eval(RedisScript script, in CommandBytes evalSha)
    {
        ReadOnlySpan<byte> rest = evalSha.Span[evalSha.Tail..];
        ReadOnlySpan<byte> command = evalSha.Span[evalSha.Start..];
        int parts = command[1..command.IndexOf((byte)'\r')] is var digits && Utf8Parser.TryParse(digits, out int count, out _) ? count : 0;
        var writer = new RespWriter(parts, 4 + Encoding.UTF8.GetByteCount(script.Source) + rest.Length);
        writer.Bulk("EVAL"u8);
        writer.Bulk(script.Source);
        rest.CopyTo(writer._span[writer._position..]);
        return new CommandBytes(writer._array, writer._position + rest.Length, 0);
    }

    /// <summary>Two commands, the second right behind the first, in one piece.</summary>
    public static CommandBytes Join(in CommandBytes first, ReadOnlySpan<byte> second)
    {
        byte[] array = ArrayPool<byte>.Shared.Rent(first.Length + second.Length);
        first.Span.CopyTo(array);
        second.CopyTo(array.AsSpan(first.Length));
        ArrayPool<byte>.Shared.Return(first.Array);
        return new CommandBytes(array, first.Length + second.Length, first.Tail);
    }

    /// <summary>A copy of a command with ASKING right in front of it, or without it.</summary>
    public static CommandBytes Asking(in CommandBytes command, bool asks)
    {
        ReadOnlySpan<byte> bare = command.Span[command.Start..];
        ReadOnlySpan<byte> prefix = asks ? "*1\r\n$6\r\nASKING\r\n"u8 : default;
        byte[] array = ArrayPool<byte>.Shared.Rent(prefix.Length + bare.Length);
        prefix.CopyTo(array);
        bare.CopyTo(array.AsSpan(prefix.Length));
        return new CommandBytes(array, prefix.Length + bare.Length, command.Tail - command.Start + prefix.Length, prefix.Length);
    }

    /// <summary>A command of plain words.</summary>
    public static CommandBytes Words(params ReadOnlySpan<string> words)
    {
        long bytes = 0;
        foreach (string word in words)
            bytes += Encoding.UTF8.GetByteCount(word);
        var writer = new RespWriter(words.Length, bytes);
        foreach (string word in words)
            writer.Bulk(word);
        return new CommandBytes(writer._array, writer._position, 0);
    }

    private static long Size(in RedisArgument argument) => argument.Kind switch
    {
        RedisArgumentKind.Bytes => argument.Bytes.Length,
        RedisArgumentKind.Number => 20,
        _ => Encoding.UTF8.GetByteCount(argument.Text ?? ""),
    };

    private void Bulk(in RedisArgument argument)
    {
        switch (argument.Kind)
        {
            case RedisArgumentKind.Bytes:
                Bulk(argument.Bytes.Span);
                break;
            case RedisArgumentKind.Number:
                Bulk(argument.Number);
                break;
            default:
                Bulk(argument.Text ?? "");
                break;
        }
    }

    private void Bulk(long number)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(number, digits, out int written);
        Bulk(digits[..written]);
    }

    private void Bulk(string text)
    {
        Header((byte)'$', Encoding.UTF8.GetByteCount(text));
        _position += Encoding.UTF8.GetBytes(text, _span[_position..]);
        LineEnd();
    }

    private void Bulk(scoped ReadOnlySpan<byte> bytes)
    {
        Header((byte)'$', bytes.Length);
        bytes.CopyTo(_span[_position..]);
        _position += bytes.Length;
        LineEnd();
    }

    private void Header(byte type, int length)
    {
        _span[_position++] = type;
        Utf8Formatter.TryFormat(length, _span[_position..], out int written);
        _position += written;
        LineEnd();
    }

    private void LineEnd()
    {
        _span[_position++] = (byte)'\r';
        _span[_position++] = (byte)'\n';
    }
}
