using System.Net.Security;

namespace Latchwork.Redis.Connections;

/// <summary>
/// TLS over a socket. Sending blocks, as on the socket. For receiving, one read of the <see cref="SslStream"/> is always under way; it goes
/// on, on the thread that receives, whenever that thread has got more bytes from the socket. So a server that stalls in the middle of a
/// record holds up nothing, and no thread of the pool is needed.
/// </summary>
internal sealed class TlsTransport : RedisTransport
{
    private readonly SocketTransport _socket;
    private readonly TlsFeed _feed;
    private readonly SslStream _tls;
    private readonly byte[] _sealed = new byte[32 << 10];
    private readonly byte[] _plain = new byte[16 << 10];
    private ReadOnlyMemory<byte> _left;
    private ValueTask<int> _reading;
    private bool _isReading;

    private TlsTransport(SocketTransport socket)
    {
        _socket = socket;
        _feed = new TlsFeed(socket);
        _tls = new SslStream(_feed, leaveInnerStreamOpen: true);
    }

    public override bool HasData => !_left.IsEmpty || _socket.HasData;

    /// <summary>Agrees on the encryption over a socket that is connected, and checks the server's certificate.</summary>
    /// <param name="socket">The socket; the transport owns it from now on.</param>
    /// <param name="host">The host that was connected to.</param>
    /// <param name="options">The settings.</param>
    /// <param name="deadline">Until when, on the clock of <see cref="Environment.TickCount64"/>.</param>
    /// <exception cref="TlsRefusedException">The server or its certificate cannot be trusted, or does not speak TLS.</exception>
    /// <exception cref="IOException">The connection broke, or time is up.</exception>
    public static TlsTransport Open(SocketTransport socket, string host, RedisTlsOptions options, long deadline)
    {
        var transport = new TlsTransport(socket);
        try
        {
            transport._feed.BlockUntil(deadline);
            TlsHandshake.Run(transport._tls, options.HostName ?? host, options);
            transport._feed.Unblock();
            return transport;
        }
        catch
        {
            transport._tls.Dispose();
            throw;
        }
    }

    public override int Receive(Span<byte> buffer)
    {
        if (_left.IsEmpty && !ReceiveRecord())
            return 0;
        int count = Math.Min(buffer.Length, _left.Length);
        _left.Span[..count].CopyTo(buffer);
        _left = _left[count..];
        return count;
    }

    public override void Send(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _tls.Write(bytes);
        }
        catch (Exception e) when (e is ObjectDisposedException or InvalidOperationException)
        {
            throw new IOException("the connection was closed", e);
        }
    }

    public override void SetTimeouts(TimeSpan receive, TimeSpan send) => _socket.SetTimeouts(receive, send);

    public override bool IsOver(RedisTransport other) => base.IsOver(other) || _socket.IsOver(other);

    public override void Abort() => _socket.Abort();

    public override void Dispose()
    {
        _socket.Dispose();
        _tls.Dispose();
    }

    // Whether there is something for the caller now.
    private bool ReceiveRecord()
    {
        if (!_isReading)
        {
#pragma warning disable CA2012 // It is consumed once, when it is complete.
            _reading = _tls.ReadAsync(_plain);
#pragma warning restore CA2012
            _isReading = true;
        }

        while (!_reading.IsCompleted)
        {
            int count = _socket.Receive(_sealed);
            if (count == 0)
                return false;
            _feed.Add(_sealed.AsMemory(0, count));
        }

        _isReading = false;
        int length;
        try
        {
#pragma warning disable CA2012 // It is complete.
            length = _reading.GetAwaiter().GetResult();
#pragma warning restore CA2012
        }
        catch (ObjectDisposedException e)
        {
            throw new IOException("the connection was closed", e);
        }
        catch (IOException e)
        {
            throw new IOException($"TLS failed: {(e.InnerException ?? e).Message}", e);
        }

        if (length == 0)
            throw new IOException("the server closed the connection");
        _left = _plain.AsMemory(0, length);
        return true;
    }
}
