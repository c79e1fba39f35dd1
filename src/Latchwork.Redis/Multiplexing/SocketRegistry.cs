namespace Latchwork.Redis.Multiplexing;

/// <summary>
/// The sockets of the store's own connections, so that they can be ended from outside: a primary that was replaced while it was frozen must not
/// answer anything any more when it thaws, and a server that has gone silent must not be waited for.
/// </summary>
internal sealed class SocketRegistry
{
    private readonly Lock _gate = new();
    private readonly List<(EndPoint EndPoint, Socket Socket)> _sockets = [];
    private bool _closed;

    /// <summary>Notes a socket before it connects.</summary>
    public void Add(EndPoint endpoint, Socket socket)
    {
        bool abort;
        lock (_gate)
        {
            _sockets.RemoveAll(one => one.Socket.SafeHandle.IsClosed);
            _sockets.Add((endpoint, socket));
            abort = _closed;
        }

        if (abort)
            Abort(socket);
    }

    /// <summary>Ends the sockets to one server, or to all.</summary>
    /// <param name="endpoint">The server; null for all.</param>
    public void Abort(EndPoint? endpoint)
    {
        Socket[] sockets;
        lock (_gate)
            sockets = [.. _sockets.Where(one => endpoint is null || one.EndPoint.Equals(endpoint)).Select(one => one.Socket)];
        foreach (Socket socket in sockets)
            Abort(socket);
    }

    /// <summary>Ends all, those that are opened later included.</summary>
    public void AbortForGood()
    {
        lock (_gate)
            _closed = true;
        Abort(endpoint: null);
    }

    // With a reset instead of an orderly end: what the other side has not read yet is of no use to anybody.
    private static void Abort(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is not connected, or closed already.
        }

        socket.Dispose();
    }
}
