using System.Buffers;

namespace Latchwork.Redis.Connections;

/// <summary>What arrives on one connection, as whole messages.</summary>
internal sealed class RespInput(RedisTransport transport) : IDisposable
{
    private readonly RespReader _reader = new();
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(64 << 10);
    private int _start;
    private int _end;

    /// <summary>Takes the next message out of what was received.</summary>
    /// <returns>Whether there was a whole one.</returns>
    public bool TryNext(out RespMessage message)
    {
        ReadOnlySpan<byte> input = _buffer.AsSpan(_start, _end - _start);
        bool complete = _reader.TryRead(ref input, out message);
        _start = _end - input.Length;
        return complete;
    }

    /// <summary>Receives more. Everything received before must have been taken.</summary>
    /// <returns>Whether something came within the receive timeout.</returns>
    public bool Receive()
    {
        _start = 0;
        _end = 0; // Also when Receive throws.
        _end = transport.Receive(_buffer);
        return _end > 0;
    }

    public void Dispose()
    {
        byte[] buffer = _buffer;
        _buffer = [];
        _start = _end = 0;
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }
}
