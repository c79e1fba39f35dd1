using System.Threading.Tasks.Sources;

namespace Latchwork.Redis.Connections;

/// <summary>
/// What the <see cref="System.Net.Security.SslStream"/> takes for its network: it sends to the socket, and reads what it is given. A read that
/// finds nothing goes on inside <see cref="Add"/>, on the thread that has received. During the handshake it reads from the socket itself.
/// </summary>
internal sealed class TlsFeed(SocketTransport socket) : Stream, IValueTaskSource<int>
{
    private ManualResetValueTaskSourceCore<int> _source;
    private ReadOnlyMemory<byte> _received;
    private Memory<byte> _wanted;
    private bool _isWaiting;
    private long? _deadline;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>From now on reads block, until the given time on the clock of <see cref="Environment.TickCount64"/>.</summary>
    public void BlockUntil(long deadline) => _deadline = deadline;

    /// <summary>From now on reads get what is given to <see cref="Add"/>.</summary>
    public void Unblock() => _deadline = null;

    /// <summary>Gives bytes to the read that waits, and keeps the rest. All that was given before must have been read.</summary>
    public void Add(ReadOnlyMemory<byte> bytes)
    {
        _received = bytes;
        while (_isWaiting && !_received.IsEmpty)
        {
            _isWaiting = false;
            int count = Take(_wanted.Span);
            _wanted = default;
            _source.SetResult(count); // The reader goes on inside this call, and may ask for more.
        }

        if (!_received.IsEmpty)
            _received = _received.ToArray(); // The caller's buffer is about to be filled anew.
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_received.IsEmpty)
            return new ValueTask<int>(Take(buffer.Span));
        _source.Reset();
        _wanted = buffer;
        _isWaiting = true;
        return new ValueTask<int>(this, _source.Version);
    }

    public override int Read(Span<byte> buffer)
    {
        if (buffer.IsEmpty)
            return 0;
        if (!_received.IsEmpty)
            return Take(buffer);
        while (_deadline is { } deadline)
        {
            TimeSpan left = TimeSpan.FromMilliseconds(Math.Max(1, deadline - Environment.TickCount64));
            socket.SetTimeouts(left, left);
            if (socket.Receive(buffer) is > 0 and var count)
                return count;
            if (Environment.TickCount64 >= deadline)
                throw new IOException("the server did not finish the TLS handshake in time; is the port one with TLS?");
        }

        throw new NotSupportedException("Reads do not block after the handshake.");
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer) => socket.Send(buffer);

    public override void Write(byte[] buffer, int offset, int count) => socket.Send(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        socket.Send(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override void Flush()
    {
        // Nothing is kept back.
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private int Take(Span<byte> buffer)
    {
        int count = Math.Min(buffer.Length, _received.Length);
        _received.Span[..count].CopyTo(buffer);
        _received = _received[count..];
        return count;
    }
}
