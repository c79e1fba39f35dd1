using System.Runtime.CompilerServices;

namespace Latchwork.Redis.Multiplexing;

/// <summary>
/// The sockets of the store's own connections, so that they can be ended from outside: a primary that was replaced while it was frozen must not
/// answer anything any more when it thaws, and a server that has gone silent must not be waited for.
/// </summary>
internal sealed class SocketRegistry
{
    private readonly Lock _gate = new();
    private readonly List<(EndPoint EndPoint, Socket Socket)> _sockets = [];
    private readonly ConcurrentDictionary<EndPoint, StrongBox<long>> _heard = new();
    private bool _closed;

    /// <summary>When a server has sent something the last time, on the clock of <see cref="Environment.TickCount64"/>; kept by sockets of the store's own making.</summary>
    public StrongBox<long> HeardFrom(EndPoint server) => _heard.GetOrAdd(server, static _ => new StrongBox<long>());

    /// <summary>Connects with sockets that are noted here.</summary>
    /// <param name="settings">A copy of the configuration, which is changed.</param>
    public Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions settings)
    {
        Action<EndPoint, ConnectionType, Socket>? next = settings.BeforeSocketConnect;
        settings.BeforeSocketConnect = (endpoint, type, socket) =>
        {
            Add(endpoint, socket);
            next?.Invoke(endpoint, type, socket);
        };
        return ConnectLog.ConnectAsync(settings);
    }

    /// <summary>Ends what nobody waits for any more. If it connects after all, it would go on trying for ever.</summary>
    public static void Discard<T>(Task<T> connecting)
        where T : IAsyncDisposable =>
        _ = connecting.ContinueWith(
            static one => one.IsCompletedSuccessfully ? one.Result.DisposeAsync().AsTask() : Task.FromResult(one.Exception),
            CancellationToken.None,
            TaskContinuationOptions.None,
            TaskScheduler.Default);

    /// <summary>Ends the sockets to one server, or to all.</summary>
    /// <param name="endpoint">The server; null for all.</param>
    public void Abort(EndPoint? endpoint)
    {
        Socket[] sockets;
        lock (_gate) sockets = [.. _sockets.Where(one => endpoint is null || one.EndPoint.Equals(endpoint)).Select(one => one.Socket)];
        foreach (Socket socket in sockets) Abort(socket);
    }

    /// <summary>Ends all, those that are opened later included.</summary>
    public void AbortForGood()
    {
        lock (_gate) _closed = true;
        Abort(endpoint: null);
    }

    private void Add(EndPoint endpoint, Socket socket)
    {
        bool abort;
        lock (_gate)
        {
            _sockets.RemoveAll(one => one.Socket.SafeHandle.IsClosed);
            _sockets.Add((endpoint, socket));
            abort = _closed;
        }

        if (abort) Abort(socket);
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
