using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Latchwork.Redis.Tests.Support;

/// <summary>
/// Stands between clients and a server on this machine, on threads of its own: it splits what the server says, stalls in the middle of it,
/// drops connections, and cuts off (everything vanishes, in both directions, and nobody is told).
/// </summary>
public sealed class FaultyProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly object _gate = new();
    private readonly int _target;
    private int _left = int.MaxValue; // What may still pass from the server before it stalls.
    private int _fencingToken;
    private bool _isCutOff;
    private bool _isOver;

    public FaultyProxy(int target)
    {
        _target = target;
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Changes what the server says, in its place; null for nothing.</summary>
    public Action<Memory<byte>>? Rewrite { get; set; }

    /// <summary>The most bytes of the server that are passed on at a time.</summary>
    public int Piece { get; set; } = 64 << 10;

    /// <summary>Lets so many bytes of the server pass, and holds back the rest until <see cref="Resume"/>.</summary>
    public void StallAfter(int bytes)
    {
        lock (_gate) _left = bytes;
    }

    /// <summary>From now on the server is not heard any more over the connections that there are; new ones work.</summary>
    public void Mute()
    {
        lock (_gate) _fencingToken++;
    }

    /// <summary>How many connections there are.</summary>
    public int Connections => _sockets.Count / 2;

    /// <summary>From now on nothing arrives anywhere; new connections are accepted and hear nothing.</summary>
    public void CutOff()
    {
        lock (_gate) _isCutOff = true;
    }

    /// <summary>Ends <see cref="StallAfter"/> and <see cref="CutOff"/>. What was lost meanwhile stays lost, so its connections end.</summary>
    public void Resume()
    {
        lock (_gate)
        {
            _left = int.MaxValue;
            if (_isCutOff) Drop();
            _isCutOff = false;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Ends all connections.</summary>
    public void Drop()
    {
        foreach (Socket socket in _sockets.Keys) socket.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.PulseAll(_gate);
        }

        _listener.Stop();
        Drop();
        return ValueTask.CompletedTask;
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                Socket client = _listener.AcceptSocket();
                var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                client.NoDelay = true;
                _sockets[client] = _sockets[server] = true;
                new Thread(() => Serve(client, server)) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // The test is over.
        }
    }

    private void Serve(Socket client, Socket server)
    {
        try
        {
            server.Connect(IPAddress.Loopback, _target);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            client.Dispose();
            return;
        }

        new Thread(() => Copy(client, server, isFromServer: false)) { IsBackground = true }.Start();
        Copy(server, client, isFromServer: true);
    }

    private void Copy(Socket from, Socket to, bool isFromServer)
    {
        byte[] buffer = new byte[64 << 10];
        int fencingToken;
        lock (_gate) fencingToken = _fencingToken;
        try
        {
            while (true)
            {
                int count = from.Receive(buffer, 0, isFromServer ? Piece : buffer.Length, SocketFlags.None);
                if (count == 0) break;
                if (isFromServer) Rewrite?.Invoke(buffer.AsMemory(0, count));
                for (int sent = 0; sent < count;)
                {
                    int allowed = isFromServer ? Allow(count - sent) : count - sent;
                    lock (_gate)
                    {
                        if (_isOver) return;
                        if (_isCutOff || (isFromServer && fencingToken != _fencingToken)) break;
                    }

                    sent += to.Send(buffer, sent, allowed, SocketFlags.None);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One side went away; so does the other.
        }
        finally
        {
            from.Dispose();
            to.Dispose();
            _sockets.TryRemove(from, out _);
            _sockets.TryRemove(to, out _);
        }
    }

    private int Allow(int wanted)
    {
        lock (_gate)
        {
            while (_left == 0 && !_isOver) Monitor.Wait(_gate);
            int allowed = Math.Min(wanted, _left);
            if (_left != int.MaxValue) _left -= allowed;
            return allowed;
        }
    }
}
