using System.Net;
using System.Net.Sockets;

namespace Latchwork.Redis.Connections;

/// <summary>A plain TCP or unix socket.</summary>
internal sealed class SocketTransport : RedisTransport
{
    private readonly Socket _socket;

    private SocketTransport(Socket socket) => _socket = socket;

    public override bool HasData => _socket.Available > 0;

    /// <summary>Makes an unconnected transport for an address, so that <see cref="Abort"/> can end the connecting too.</summary>
    public static SocketTransport Create(EndPoint address)
    {
        bool isUnix = address is UnixDomainSocketEndPoint;
        var socket = new Socket(address.AddressFamily, SocketType.Stream, isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        if (isUnix)
            return new SocketTransport(socket);

        // A lost peer is found by the kernel, within half a minute, and no command is spent on it.
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 15);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 5);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
        return new SocketTransport(socket);
    }

    /// <summary>Connects. The socket stays in blocking mode, which an asynchronous connect would end.</summary>
    /// <exception cref="SocketException">It could not be reached, or not within the time.</exception>
    public void Connect(EndPoint address, TimeSpan timeout)
    {
        // On Linux the send timeout bounds the connect too.
        SetTimeouts(timeout, timeout);
        _socket.Connect(address);
    }

    public override int Receive(Span<byte> buffer)
    {
        int count = _socket.Receive(buffer, SocketFlags.None, out SocketError error);
        return error switch
        {
            SocketError.Success when count > 0 => count,
            SocketError.Success => throw new IOException("the server closed the connection"),
            SocketError.TimedOut or SocketError.WouldBlock or SocketError.Interrupted => 0,
            _ => throw Broken(error),
        };
    }

    public override void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = _socket.Send(bytes, SocketFlags.None, out SocketError error);
            if (error != SocketError.Success)
                throw Broken(error);
            bytes = bytes[count..];
        }
    }

    public override void SetTimeouts(TimeSpan receive, TimeSpan send)
    {
        _socket.ReceiveTimeout = Math.Max(1, (int)receive.TotalMilliseconds);
        _socket.SendTimeout = Math.Max(1, (int)send.TotalMilliseconds);
    }

    public override void Abort()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // Not connected yet, or no longer: closing also ends a connect that is under way.
            _socket.Dispose();
        }
        catch (ObjectDisposedException)
        {
            return; // Ended already.
        }
    }

    public override void Dispose() => _socket.Dispose();

    private static IOException Broken(SocketError error) => new(error switch
    {
        SocketError.TimedOut or SocketError.WouldBlock => "the server takes no more data",
        SocketError.ConnectionReset => "the server reset the connection",
        SocketError.Shutdown => "the connection was closed",
        _ => $"the connection broke ({error})",
    });
}
