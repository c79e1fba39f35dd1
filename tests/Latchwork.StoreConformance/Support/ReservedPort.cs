using System.Net;
using System.Net.Sockets;

namespace Latchwork.StoreConformance.Support;

/// <summary>A TCP port on 127.0.0.1 at which nobody listens, and nobody will: whoever connects to it is refused, as long as this is not disposed.</summary>
public sealed class ReservedPort : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public ReservedPort() => _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // and never Listen

    /// <summary>Its number.</summary>
    public int Number => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();
}
