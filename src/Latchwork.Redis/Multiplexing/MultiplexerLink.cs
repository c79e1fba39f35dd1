namespace Latchwork.Redis.Multiplexing;

/// <summary>
/// The multiplexers to one primary, or one cluster, for as long as it is the right one. Those that the store makes itself are made, and ended,
/// together: after a switch to another primary none of them may go on.
/// </summary>
internal sealed class MultiplexerLink : IAsyncDisposable
{
    private readonly SocketRegistry? _sockets;

    private MultiplexerLink(IConnectionMultiplexer main, IConnectionMultiplexer? replicated, RenewalThreads? renewals, SocketRegistry? sockets)
    {
        Main = main;
        Replicated = replicated;
        Renewals = renewals;
        _sockets = sockets;
        Database = main.GetDatabase();
        Subscriber = main.GetSubscriber();
    }

    /// <summary>The one for everything.</summary>
    public IConnectionMultiplexer Main { get; }

    /// <summary>The one for writes that wait for replicas, which would hold up everything else; null without such.</summary>
    public IConnectionMultiplexer? Replicated { get; }

    /// <summary>The threads for renewals; null if they are sent like everything else.</summary>
    public RenewalThreads? Renewals { get; }

    public IDatabase Database { get; }

    public ISubscriber Subscriber { get; }

    /// <summary>Whether the multiplexer is the application's.</summary>
    public bool IsShared => _sockets is null;

    /// <summary>Wraps the application's multiplexer, which stays its own.</summary>
    public static MultiplexerLink Share(IConnectionMultiplexer multiplexer) => new(multiplexer, null, null, null);

    /// <summary>Connects.</summary>
    /// <param name="settings">Where to, and how.</param>
    /// <param name="options">The settings of the store.</param>
    /// <param name="sockets">Where sockets are noted.</param>
    /// <param name="onFailed">Called when a renewal finds no usable connection, on a thread that must not be kept.</param>
    public static async Task<MultiplexerLink> ConnectAsync(ConfigurationOptions settings, RedisOptions options, SocketRegistry sockets, Action onFailed)
    {
        Task<ConnectionMultiplexer>?[] opening = [];
        try
        {
            ConfigurationOptions own = settings.Clone();
            bool hasThreads = ThreadTunnel.TryUse(own, sockets, options.MaxQueuedBytes);
            Task<ConnectionMultiplexer> opened = OpenAsync(own, options, sockets);
            Task<ConnectionMultiplexer>? replicated = options.Replication is null ? null : OpenAsync(settings.Clone(), options, sockets);
            opening = [opened, replicated];
            ConnectionMultiplexer main = await opened.ConfigureAwait(false);
            return new MultiplexerLink(
                main,
                replicated is null ? null : await replicated.ConfigureAwait(false),
                hasThreads ? new RenewalThreads(main, options.CommandTimeout, onFailed) : null,
                sockets);
        }
        catch
        {
            sockets.AbortForGood();
            foreach (Task<ConnectionMultiplexer>? one in opening)
            {
                if (one is not null) SocketRegistry.Discard(one);
            }

            throw;
        }
    }

    /// <summary>Ends the sockets immediately, so that nothing that was sent is answered any more.</summary>
    public void Abort() => _sockets?.AbortForGood();

    /// <summary>Ends the sockets to one server; the client connects again.</summary>
    public void Abort(EndPoint server) => _sockets?.Abort(server);

    /// <summary>When a server has sent something the last time, on the clock of <see cref="Environment.TickCount64"/>; 0 if that is not known.</summary>
    public long HeardFrom(EndPoint server) => _sockets is { } sockets ? Volatile.Read(ref sockets.HeardFrom(server).Value) : 0;

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
