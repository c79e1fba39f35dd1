namespace Latchwork.Redis.Connections;

/// <summary>
/// The connection of a store: to one primary (given, or found through Sentinels) or to a cluster, over multiplexers of its own or over the
/// application's. What it adds to the client: the outcome of every failure (<see cref="RedisFailures"/>), repetition within the caller's time while
/// the server says "not now", deadlines that no heartbeat keeps, bounds, renewals that need no pool thread, and an end of every connection to a
/// primary that was replaced.
/// </summary>
internal sealed partial class RedisConnection : IRedisConnection
{
    private static readonly TimeSpan _lastReplies = TimeSpan.FromSeconds(1);

    private readonly RedisOptions _options;
    private readonly ILogger _logger;
    private readonly ChannelTable _channels;
    private readonly ConfigurationOptions? _settings; // null for the application's multiplexer
    private volatile MultiplexerLink? _link;
    private volatile bool _closing;
    private bool? _isCluster;
    private long _lastReplyAt = LeaseTime.Instance.GetTimestamp(); // on the clock of the deadlines
    private long _reconnects;

    private RedisConnection(ConfigurationOptions? settings, string description, RedisOptions options)
    {
        _settings = settings;
        _options = options;
        Description = description;
        _logger = new SafeLogger(options.LoggerFactory?.CreateLogger("Latchwork.Redis") ?? NullLogger.Instance);
        Calls = new DeadlineList(typeof(RedisStore), options.CommandTimeout, options.MaxQueuedCommands, options.MaxQueuedBytes);
        _channels = new ChannelTable(this, _logger);
    }

    public string Description { get; }
    public long Reconnects => Interlocked.Read(ref _reconnects);
    public DeadlineList Calls { get; }
    public TimeSpan CommandTimeout => _options.CommandTimeout;

    /// <summary>The multiplexers that are used now; null between two primaries.</summary>
    public MultiplexerLink? Link => _link;

    public bool IsClosing => _closing;

    /// <summary>Whether the multiplexer is the application's.</summary>
    public bool IsShared => _settings is null;

    /// <summary>Why there is no connection, in words that follow "because"; null if there is one.</summary>
    public string? LastError { get; private set; }

    public string? Outage => _link is { } link && MultiplexerLink.PrimaryOf(link.Main) is not null ? null : LastError;

    /// <summary>Called on a thread of the pool after each reconnect and each change of the primary. It must not throw.</summary>
    public Action? OnReconnected { get; set; }

    public bool OrdersSubscriptions => _settings is { SharedSubscriptionConnection: true, Protocol: > RedisProtocol.Resp2 };
    public int Database => _link?.Database.Database ?? _settings?.DefaultDatabase ?? 0;
    public bool IsCluster => _isCluster ?? FindCluster();

    public IReadOnlyList<EndPoint> Primaries
    {
        get
        {
            if (_link is not { } link) return [];
            if (IsCluster) return PrimariesOf(link.Main);
            return MultiplexerLink.PrimaryOf(link.Main) is { } primary ? [primary.EndPoint] : [.. link.Main.GetEndPoints().Take(1)];
        }
    }

    /// <summary>Connects over multiplexers of its own. A failure is thrown, not retried.</summary>
    /// <exception cref="LatchworkStoreException">The server cannot be reached, or refuses.</exception>
    public static async Task<RedisConnection> ConnectAsync(ConfigurationOptions settings, RedisOptions options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var connection = new RedisConnection(RedisConfiguration.Prepare(settings, options), RedisConfiguration.Describe(settings), options);
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Uses the application's multiplexer, and neither changes nor closes it.</summary>
    public static RedisConnection Share(IConnectionMultiplexer multiplexer, RedisOptions options)
    {
        var connection = new RedisConnection(null, RedisConfiguration.Describe(multiplexer), options);
        var link = new MultiplexerLink(multiplexer, null, null, null);
        connection._link = link;
        connection.Observe(link);
        connection.MonitorPool();
        return connection;
    }

    public ValueTask<RedisReply> EvaluateAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<RedisReply>(cancellationToken);
        ScriptCall call;
        try
        {
            call = new ScriptCall(this, ForServers(script), keys, arguments);
            if (!Calls.TryAdd(call))
                return ValueTask.FromException<RedisReply>(RedisFailures.TooMany(call.Name, _options.MaxQueuedCommands, _options.MaxQueuedBytes, LastError));
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            return ValueTask.FromException<RedisReply>(e);
        }

        ValueTask<RedisReply> reply = call.Task;
        call.Start(cancellationToken);
        return reply;
    }

    public ValueTask<RedisReply> RenewAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, TimeSpan lease)
    {
        if (_link is not { Renewals: { } renewals }) return EvaluateAsync(script, keys, arguments, CancellationToken.None);
        return new(renewals.RenewAsync(ForServers(script), keys, arguments, lease));
    }

    public async ValueTask<RedisReply> EvaluateAtAsync(EndPoint server, RedisScript script, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        object[] words = [script.Sha1, 0, .. arguments];
        try
        {
            return await SendAtAsync(server, "EVALSHA", words, $"script '{script.Name}'", cancellationToken).ConfigureAwait(false);
        }
        catch (RedisServerException e) when (RedisFailures.CodeOf(e) == "NOSCRIPT")
        {
            words[0] = script.Source;
            return await SendAtAsync(server, "EVAL", words, $"script '{script.Name}'", cancellationToken).ConfigureAwait(false);
        }
    }

    public ValueTask<RedisReply> ExecuteAtAsync(EndPoint server, string command, object[] arguments, CancellationToken cancellationToken) =>
        SendAtAsync(server, command, arguments, command, cancellationToken);

    public ValueTask<IAsyncDisposable> SubscribeAsync(string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_closing, typeof(RedisStore));
        return new(_channels.SubscribeAsync(channel, onMessage, onRestored, cancellationToken));
    }

    /// <summary>Takes no more calls, waits at most a second for those under way, and closes what is its own.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_closing) return;
        _closing = true;
        Calls.BeginClose();
        long deadline = Environment.TickCount64 + (long)_lastReplies.TotalMilliseconds;
        while (!Calls.IsEmpty && _link is not null && Environment.TickCount64 < deadline)
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System).ConfigureAwait(false);
        Calls.Dispose();
        await StopMonitorsAsync().ConfigureAwait(false);
        await RetireAsync(Interlocked.Exchange(ref _link, null)).ConfigureAwait(false);
    }

    /// <summary>Sends a script to whichever server has its keys.</summary>
    internal Task<RedisResult> Send(RedisScript script, RedisKey[] keys, RedisValue[] arguments, bool asText)
    {
        MultiplexerLink? link = _link;

        // The application's multiplexer may have a backlog, and would run later what is said here to have failed.
        if (link is null || (link.IsShared && !link.Database.IsConnected(keys.Length > 0 ? keys[0] : default)))
        {
            throw new RedisConnectionException(
                ConnectionFailureType.UnableToResolvePhysicalConnection, CommandFlags.None, "There is no connection.", null, CommandStatus.WaitingToBeSent);
        }

        return asText
            ? link.Database.ScriptEvaluateAsync(script.Source, keys, arguments, CommandFlags.NoScriptCache)
            : link.Database.ScriptEvaluateAsync(script.Hash, keys, arguments);
    }

    /// <summary>A server has replied.</summary>
    internal void OnReply() => Volatile.Write(ref _lastReplyAt, LeaseTime.Instance.GetTimestamp());

    /// <summary>A call that was sent has had no reply in time. A server that has sent nothing at all since then is not waited for any more; others are.</summary>
    internal void OnNoReply(RedisKey[] keys)
    {
        if (_link is not { IsShared: false } link) return;
        EndPoint? server = !IsKnownCluster ? Primaries is [{ } primary, ..] ? primary : null : keys.Length > 0 ? MultiplexerLink.OwnerOf(link.Main, keys[0])?.EndPoint : null;
        if (server is null) return;
        long heard = link.Renewals is null ? Volatile.Read(ref _lastReplyAt) : link.HeardFrom(server);
        if (LeaseTime.Instance.GetElapsedTime(heard) >= CommandTimeout) link.Abort(server);
    }

    /// <summary>The channel with a name: in a cluster a sharded one, if the servers know such.</summary>
    internal RedisChannel ChannelOf(string name) => IsCluster && !_options.UsesPlainChannels && HasShardedChannels()
        ? RedisChannel.Sharded(name)
        : IsCluster ? RedisChannel.Literal(name).WithKeyRouting() : RedisChannel.Literal(name); // scripts count those who listen at the owner of the slot

    /// <summary>A command whose reply comes behind those of all that was sent before to the server that has a subscription.</summary>
    internal async Task PingAsync(MultiplexerLink link, RedisChannel channel)
    {
        EndPoint? server = link.Subscriber.SubscribedEndpoint(channel);
        if (server is not null && OrdersSubscriptions)
            await link.Main.GetServer(server).PingAsync().ConfigureAwait(false);
        else await link.Subscriber.PingAsync().ConfigureAwait(false);
    }

    private async ValueTask<RedisReply> SendAtAsync(EndPoint server, string command, object[] arguments, string name, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closing, typeof(RedisStore));
        try
        {
            if (_link is not { } link) throw NotSent(name);
            IServer? target = Array.Find(link.Main.GetServers(), one => one.EndPoint.Equals(server));
            if (target is null) throw RedisFailures.NotSent(name, CommandTimeout, $"{RedisConfiguration.Text(server)} is none of the servers now");
            if (link.IsShared && !target.IsConnected) throw NotSent(name);
            Task<RedisResult> sent = target.ExecuteAsync(link.Database.Database, command, arguments, CommandFlags.NoRedirect);
            return new RedisReply(await sent.WaitAsync(CommandTimeout, TimeProvider.System, cancellationToken).ConfigureAwait(false));
        }
        catch (TimeoutException e) when (e is not RedisTimeoutException)
        {
            throw RedisFailures.NoReply(name, CommandTimeout, e);
        }
        catch (Exception e) when (e is RedisException or RedisTimeoutException or RedisCommandException || (e is ObjectDisposedException && !_closing))
        {
            CallFailure failure = RedisFailures.Judge(e, name);
            if (failure.IsConnection) RequestTopologyRefresh();
            if (failure.Kind == FailureKind.NoScript) throw;
            throw failure.Exception ?? RedisFailures.NotSent(name, CommandTimeout, failure.Reason);
        }
    }

    /// <summary>What is thrown if there is no connection.</summary>
    internal LatchworkStoreException NotSent(string name) => RedisFailures.NotSent(name, CommandTimeout, LastError ?? "there is no connection");

    private RedisScript ForServers(RedisScript script) => IsCluster && !_options.UsesPlainChannels ? script.InCluster : script;

    private bool FindCluster()
    {
        // Keys and scripts for a cluster are others, so nothing can be sent before that is known.
        if (AnyServer(_link) is not { } server)
        {
            string reason = LastError is { } error ? $", because {error}" : "";
            throw RedisFailures.Transient($"No server at {Description} has been reached yet{reason}. Nothing was changed.", StoreOutcome.NotApplied);
        }

        bool isCluster = server.ServerType == ServerType.Cluster;
        if (isCluster && _link is { Database.Database: > 0 and var database })
        {
            throw new LatchworkStoreException(
                string.Create(CultureInfo.InvariantCulture, $"The database '{database}' must be 0: {Description} is a cluster, which has no other."), StoreOutcome.NotApplied);
        }

        _isCluster = isCluster;
        return isCluster;
    }

    private bool HasShardedChannels() => AnyServer(_link) is not { Version.Major: < 7 };

    // One that is connected.
    private static IServer? AnyServer(MultiplexerLink? link) => link is null ? null : Array.Find(link.Main.GetServers(), static server => server.IsConnected);
}
