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

    /// <summary>All multiplexers.</summary>
    public IEnumerable<IConnectionMultiplexer> Own
    {
        get
        {
            yield return Main;
            if (Replicated is not null) yield return Replicated;
        }
    }

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
            bool hasThreads = ThreadTunnel.TryUse(own, sockets);
            Task<ConnectionMultiplexer> opened = OpenAsync(own, options, sockets);
            Task<ConnectionMultiplexer>? replicated = options.Replication is null ? null : OpenAsync(settings.Clone(), options, sockets);
            opening = [opened, replicated];
            ConnectionMultiplexer main = await opened.ConfigureAwait(false);
            return new MultiplexerLink(
                main,
                replicated is null ? null : await replicated.ConfigureAwait(false),
                hasThreads ? new RenewalThreads(main, own, options.CommandTimeout, onFailed) : null,
                sockets);
        }
        catch
        {
            sockets.AbortForGood();
            foreach (Task<ConnectionMultiplexer>? one in opening) Discard(one);
            throw;
        }
    }

    /// <summary>Ends the sockets immediately, so that nothing that was sent is answered any more.</summary>
    public void Abort() => _sockets?.AbortForGood();

    /// <summary>Ends the sockets to one server; the client connects again.</summary>
    public void Abort(EndPoint? server) => _sockets?.Abort(server);

    /// <summary>Closes what is the store's own.</summary>
    public async ValueTask DisposeAsync()
    {
        if (IsShared)
            return;
        Renewals?.Dispose();
        Abort();
        await Main.DisposeAsync().ConfigureAwait(false);
        if (Replicated is not null)
            await Replicated.DisposeAsync().ConfigureAwait(false);
    }

    // One that connects after all would go on trying for ever.
    private static void Discard(Task<ConnectionMultiplexer>? opening) => opening?.ContinueWith(
        static one => one.IsCompletedSuccessfully ? one.Result.DisposeAsync().AsTask() : Task.FromResult(one.Exception), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    private static async Task<ConnectionMultiplexer> OpenAsync(ConfigurationOptions settings, RedisOptions options, SocketRegistry sockets)
    {
        Action<EndPoint, ConnectionType, System.Net.Sockets.Socket>? next = settings.BeforeSocketConnect;
        settings.BeforeSocketConnect = (endpoint, type, socket) =>
        {
            sockets.Add(endpoint, socket);
            next?.Invoke(endpoint, type, socket);
        };
        ConnectionMultiplexer multiplexer = await ConnectLog.ConnectAsync(settings).ConfigureAwait(false);
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
