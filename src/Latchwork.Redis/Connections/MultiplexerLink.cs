using System.Runtime.CompilerServices;

namespace Latchwork.Redis.Connections;

/// <summary>
/// The multiplexers to one primary, or one cluster, for as long as it is the right one. Those that the store makes itself are made, and ended,
/// together: after a switch to another primary none of them may continue.
/// </summary>
internal sealed class MultiplexerLink(IConnectionMultiplexer main, IConnectionMultiplexer? replicated, RenewalThreads? renewals, SocketRegistry? sockets)
    : IAsyncDisposable
{
    public IConnectionMultiplexer Main { get; } = main;

    /// <summary>The one for writes that wait for replicas, which would hold up everything else; null without such.</summary>
    public IConnectionMultiplexer? Replicated { get; } = replicated;

    /// <summary>The threads for renewals; null if they are sent like everything else.</summary>
    public RenewalThreads? Renewals { get; } = renewals;

    public IDatabase Database { get; } = main.GetDatabase();
    public ISubscriber Subscriber { get; } = main.GetSubscriber();

    /// <summary>Whether the multiplexer is the application's.</summary>
    public bool IsShared => sockets is null;

    /// <summary>Connects. <paramref name="onFailed"/> is called when a renewal finds no usable connection, on a thread that must not be kept.</summary>
    public static async Task<MultiplexerLink> ConnectAsync(ConfigurationOptions settings, RedisOptions options, SocketRegistry sockets, Action onFailed)
    {
        List<Task<ConnectionMultiplexer>> opening = [];
        try
        {
            ConfigurationOptions own = settings.Clone();
            bool hasThreads = SocketTunnel.TryUse(own, sockets, options.MaxQueuedBytes);
            opening.Add(OpenAsync(own, options, sockets));
            if (options.Replication is not null) opening.Add(OpenAsync(settings.Clone(), options, sockets));
            ConnectionMultiplexer main = await opening[0].ConfigureAwait(false);
            ConnectionMultiplexer? replicated = opening.Count > 1 ? await opening[1].ConfigureAwait(false) : null;
            return new MultiplexerLink(main, replicated, hasThreads ? new RenewalThreads(main, options.CommandTimeout, onFailed) : null, sockets);
        }
        catch
        {
            sockets.AbortForGood();
            opening.ForEach(SocketRegistry.Discard);
            throw;
        }
    }

    /// <summary>Ends the sockets immediately, so that nothing that was sent is answered any more.</summary>
    public void Abort() => sockets?.AbortForGood();

    /// <summary>Ends the sockets to one server; the client connects again.</summary>
    public void Abort(EndPoint server) => sockets?.Abort(server);

    /// <summary>When a server has sent something the last time, as a timestamp of <see cref="LeaseTime"/>; 0 if that is not known.</summary>
    public long HeardFrom(EndPoint server) => sockets is null ? 0 : Volatile.Read(ref sockets.HeardFrom(server).Value);

    /// <summary>Whether a server is connected, for scripts or for subscriptions; null if it is none of the servers any more.</summary>
    public bool? IsConnected(EndPoint server, ConnectionType type) => Array.Find(Main.GetServers(), one => one.EndPoint.Equals(server)) is not { } found
        ? null
        : found.IsConnected && (type != ConnectionType.Subscription || Subscriber.IsConnected());

    /// <summary>The first connected server that is no replica.</summary>
    public static IServer? PrimaryOf(IConnectionMultiplexer multiplexer) =>
        Array.Find(multiplexer.GetServers(), static server => server is { IsConnected: true, IsReplica: false });

    /// <summary>The connected primary that has a key, as connected members of a cluster say; null if there is none. The map of one that is gone is of no use.</summary>
    public static IServer? OwnerOf(IConnectionMultiplexer multiplexer, RedisKey key)
    {
        IServer[] connected = [.. multiplexer.GetServers().Where(static server => server.IsConnected)];
        foreach (IServer member in connected)
        {
            if (member.ClusterConfiguration?.GetBySlot(key)?.EndPoint is { } owner && Array.Find(connected, server => server.EndPoint.Equals(owner)) is { } found) return found;
        }

        return null;
    }

    /// <summary>Closes what is the store's own.</summary>
    public async ValueTask DisposeAsync()
    {
        if (IsShared) return;
        Renewals?.Dispose();
        Abort();
        await Main.DisposeAsync().ConfigureAwait(false);
        if (Replicated is not null) await Replicated.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<ConnectionMultiplexer> OpenAsync(ConfigurationOptions settings, RedisOptions options, SocketRegistry sockets)
    {
        ConnectionMultiplexer multiplexer = await sockets.ConnectAsync(settings).ConfigureAwait(false);
        try
        {
            options.OnConnectionCreated?.Invoke(multiplexer);
            return multiplexer;
        }
        catch
        {
            await multiplexer.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}

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

    /// <summary>When a server has sent something the last time, as a timestamp of <see cref="LeaseTime"/>; kept by sockets of the store's own making.</summary>
    public StrongBox<long> HeardFrom(EndPoint server) => _heard.GetOrAdd(server, static _ => new StrongBox<long>());

    /// <summary>A socket for connections to a server, whose name may lead to addresses of either family.</summary>
    public static Socket NewSocket(EndPoint server) => server.AddressFamily switch
    {
        AddressFamily.Unspecified => new(SocketType.Stream, ProtocolType.Tcp),
        AddressFamily.Unix => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified),
        AddressFamily family => new(family, SocketType.Stream, ProtocolType.Tcp),
    };

    /// <summary>Connects with sockets that are noted here. The settings are changed.</summary>
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

    /// <summary>Ends what nobody waits for any more. If it connects after all, it would continue trying forever.</summary>
    public static void Discard<T>(Task<T> connecting)
        where T : IAsyncDisposable =>
        _ = connecting.ContinueWith(
            static one => one.IsCompletedSuccessfully ? one.Result.DisposeAsync().AsTask() : Task.FromResult(one.Exception),
            CancellationToken.None,
            TaskContinuationOptions.None,
            TaskScheduler.Default);

    /// <summary>Ends the sockets to one server, or to all (null).</summary>
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
