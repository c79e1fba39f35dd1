using System.Net;
using System.Net.Sockets;

namespace Latchwork.Redis.Connections;

/// <summary>Makes connections: names to addresses, TCP or a unix socket, TLS.</summary>
internal sealed class Dialer(RedisTlsOptions? tls)
{
    /// <param name="endpoint">Where to.</param>
    /// <param name="deadline">Until when, on the clock of <see cref="Environment.TickCount64"/>; shared by all addresses that the name has.</param>
    /// <param name="longest">How long one address may take for TCP.</param>
    /// <param name="onSocket">Told of each socket before it is used, so that another thread can end it. It may throw.</param>
    /// <exception cref="SocketException">It cannot be reached.</exception>
    /// <exception cref="TlsRefusedException">The server or its certificate cannot be trusted.</exception>
    /// <exception cref="IOException">The connection broke during the TLS handshake.</exception>
    public RedisTransport Dial(RedisEndpoint endpoint, long deadline, TimeSpan longest, Action<RedisTransport> onSocket)
    {
        EndPoint[] addresses = endpoint.UnixSocketPath is { } path
            ? [new UnixDomainSocketEndPoint(path)]
            : [.. Dns.GetHostAddresses(endpoint.Host).Select(address => new IPEndPoint(address, endpoint.Port ?? RedisOptions.DefaultPort))];
        SocketException failure = new((int)SocketError.HostNotFound);
        for (int i = 0; i < addresses.Length; i++)
        {
            // An address that does not answer leaves time for the others.
            double left = Math.Max(1, deadline - Environment.TickCount64);
            var timeout = TimeSpan.FromMilliseconds(Math.Clamp(longest.TotalMilliseconds, 1, left / (addresses.Length - i)));
            SocketTransport? socket = Connect(addresses[i], timeout, onSocket, ref failure);
            if (socket is null)
                continue;
            try
            {
                return tls is null ? socket : TlsTransport.Open(socket, endpoint.Host, tls, deadline);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw failure;
    }

    private static SocketTransport? Connect(EndPoint address, TimeSpan timeout, Action<RedisTransport> onSocket, ref SocketException failure)
    {
        SocketTransport? socket = null;
        try
        {
            socket = SocketTransport.Create(address);
            onSocket(socket);
            socket.Connect(address, timeout);
            return socket;
        }
        catch (SocketException e)
        {
            failure = e;
            socket?.Dispose();
            return null;
        }
        catch
        {
            socket?.Dispose();
            throw;
        }
    }
}
