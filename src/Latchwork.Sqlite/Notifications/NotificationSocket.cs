using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Latchwork.Sqlite.Notifications;

/// <summary>
/// The receiver of a process: a UDP socket on the loopback address, and a thread that sleeps until something arrives. Datagrams work the same on
/// every platform, need no file that a killed process would leave behind, and never block whoever notifies.
/// </summary>
internal sealed class NotificationSocket : IDisposable
{
    private static readonly TimeSpan _rest = TimeSpan.FromMilliseconds(10);

    private readonly Socket _socket;
    private readonly Action<string, NotificationMessage> _heard;
    private volatile bool _closed;

    /// <param name="heard">Called for each message, on the socket's thread.</param>
    /// <exception cref="SocketException">There can be no socket here.</exception>
    public NotificationSocket(Action<string, NotificationMessage> heard)
    {
        _heard = heard;
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        }
        catch
        {
            _socket.Dispose();
            throw;
        }

        Port = ((IPEndPoint)_socket.LocalEndPoint!).Port;
        new Thread(Listen) { Name = "Latchwork SQLite notifications", IsBackground = true }.UnsafeStart();
    }

    public int Port { get; }

    public byte[] Cookie { get; } = RandomNumberGenerator.GetBytes(NotificationMessage.CookieBytes);

    public void Dispose()
    {
        _closed = true;
        _socket.Dispose();
    }

    private void Listen()
    {
        byte[] buffer = new byte[NotificationMessage.MaxBytes];
        while (!_closed)
        {
            int length;
            try
            {
                length = _socket.Receive(buffer);
            }
            catch (SocketException) when (!_closed)
            {
                Thread.Sleep(_rest); // a message that was too long, or no memory for a moment: not to be met with a busy loop
                continue;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            if (NotificationMessage.Decode(buffer, length, Cookie) is var (topic, message)) _heard(topic, message);
        }
    }
}
