namespace Latchwork.Redis.Multiplexing;

/// <content>Connecting, and leaving a primary that was replaced.</content>
internal sealed partial class RedisConnection
{
    private static readonly TimeSpan _retryAfter = TimeSpan.FromMilliseconds(100), _explainAfter = TimeSpan.FromMilliseconds(400);

    private readonly Lock _gate = new();
    private readonly HashSet<(EndPoint Server, ConnectionType Type)> _lost = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SentinelMonitor? _sentinels;
    private ClusterMonitor? _cluster;
    private PoolMonitor? _pool;
    private EndPoint? _primary;
    private Task _switching = Task.CompletedTask;
    private long _nextQuestion;
    private int _followingLate;

    /// <summary>The warning of a starved thread pool, if it was starved within the last minute; null otherwise, and for connections of its own.</summary>
    public string? PoolWarning => _pool?.Warning;

    /// <summary>A call has failed for want of a usable connection, or because a server is not what it was: those who know are asked.</summary>
    internal void OnFailed()
    {
        long now = Environment.TickCount64;
        long next = Volatile.Read(ref _nextQuestion);
        if (IsShared || now < next || Interlocked.CompareExchange(ref _nextQuestion, now + (long)_retryAfter.TotalMilliseconds, next) != next) return;
        if (_sentinels is { } sentinels) sentinels.AskAgain();
        else if (_cluster is { } cluster) cluster.Ask();
        else if (_link?.Main is { } main && main.GetEndPoints().Length > 1) _ = FindRolesAsync(main);
    }

    /// <summary>The primaries of a cluster that have slots, as one of its members says.</summary>
    internal static IReadOnlyList<EndPoint> PrimariesOf(IConnectionMultiplexer multiplexer)
    {
        foreach (IServer server in multiplexer.GetServers())
        {
            if (server is { IsConnected: true, ClusterConfiguration: { } configuration })
                return [.. configuration.Nodes.Where(node => node is { IsReplica: false, EndPoint: not null } && node.Slots.Count > 0).OrderBy(node => node.Slots.Min(range => range.From)).Select(node => node.EndPoint!)];
        }

        return [];
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        ConfigurationOptions settings = _settings!;
        TimeSpan timeout = TimeSpan.FromMilliseconds(settings.ConnectTimeout);
        try
        {
            if (settings.ServiceName is null)
            {
                MultiplexerLink link = await ConnectInTimeAsync(settings, timeout, cancellationToken).ConfigureAwait(false);
                await RequirePrimaryAsync(link, settings, cancellationToken).ConfigureAwait(false);
                Use(link);
                if (FindsCluster()) await FollowClusterAsync(timeout + _lastReplies, cancellationToken).ConfigureAwait(false);
                return;
            }

            _sentinels = new SentinelMonitor(settings, OnPrimary, _logger);
            await _sentinels.PrimaryAsync(cancellationToken).WaitAsync(timeout, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            await _opened.Task.WaitAsync(timeout, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            if (_sentinels is null) throw await CannotConnectAsync($" within {RedisFailures.Text(timeout)} (the connect timeout)", settings, e, null, cancellationToken).ConfigureAwait(false);
            if (_primary is null) throw _sentinels.NobodyKnows();
            string reason = Trouble is { } trouble ? $", because {trouble}" : "";
            throw new LatchworkStoreException(
                $"Cannot connect to {Description} within {RedisFailures.Text(timeout)} (the connect timeout){reason}.", StoreOutcome.NotApplied, e)
            { IsTransient = true };
        }
    }

    // The client tries several times, each for its connect timeout; what comes after all of that is of no use to anybody.
    private async Task<MultiplexerLink> ConnectInTimeAsync(ConfigurationOptions settings, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<MultiplexerLink> connecting = ConnectAsync(settings, stop.Token);
        try
        {
            return await connecting.WaitAsync(timeout, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            await stop.CancelAsync().ConfigureAwait(false);
            _ = connecting.ContinueWith(static one => one.IsCompletedSuccessfully ? one.Result.DisposeAsync().AsTask() : Task.FromResult(one.Exception), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            throw;
        }
    }

    // The client is content with any server that answers. A cluster, and an application that does not want to wait for its server, are another matter.
    private async Task RequirePrimaryAsync(MultiplexerLink link, ConfigurationOptions settings, CancellationToken cancellationToken)
    {
        IServer[] servers = [.. link.Main.GetServers().Where(static server => server.IsConnected)];
        if (!settings.AbortOnConnectFail || Array.Exists(servers, static server => server is { IsReplica: false } or { ServerType: ServerType.Cluster })) return;
        await link.DisposeAsync().ConfigureAwait(false);
        throw await CannotConnectAsync("", settings, null, null, cancellationToken).ConfigureAwait(false);
    }

    /// <param name="how">What is added after the address.</param>
    /// <param name="settings">How it was tried.</param>
    /// <param name="inner">What the caller gets to see as the cause.</param>
    /// <param name="error">What the client has thrown; null if that does not say why.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private async Task<LatchworkStoreException> CannotConnectAsync(string how, ConfigurationOptions settings, Exception? inner, Exception? error, CancellationToken cancellationToken)
    {
        EndPoint[] servers = [.. settings.EndPoints.Select(endpoint => RedisConfiguration.WithPort(endpoint, RedisConfiguration.DefaultPort))];
        ServerReason[] reasons = await Task.WhenAll(Array.ConvertAll(servers, WhyNotAsync)).ConfigureAwait(false);
        string text = servers.Length == 1 ? reasons[0].Text : "none of the servers can be used: " +
            string.Join("; ", servers.Zip(reasons, static (server, reason) => $"{RedisConfiguration.Text(server)}: {reason.Text}"));
        return new LatchworkStoreException($"Cannot connect to {Description}{how}: {text}.", StoreOutcome.NotApplied, inner) { IsTransient = Array.Exists(reasons, static reason => reason.IsTransient) };

        async Task<ServerReason> WhyNotAsync(EndPoint server) =>
            await ServerProbe.WhyNotAsync(settings, server, servers.Length == 1 ? error : null, cancellationToken).ConfigureAwait(false) ??
            new ServerReason("it did not answer at first, but does now", true);
    }

    // Why a connection that was lost is not made again. Of many servers others go on.
    private async Task ExplainLossAsync(MultiplexerLink link, EndPoint server)
    {
        while (true)
        {
            try
            {
                await Task.Delay(_explainAfter, TimeProvider.System, _stop.Token).ConfigureAwait(false);
                if (!IsLost()) return;
                if (await ServerProbe.WhyNotAsync(_settings!, server, null, _stop.Token).ConfigureAwait(false) is not { } reason) continue;
                lock (_lost)
                {
                    if (IsLost()) Trouble = reason.Text;
                }
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return; // the store is closed
            }
        }

        bool IsLost()
        {
            lock (_lost) return !_closing && ReferenceEquals(link, _link) && _lost.Any(one => one.Server.Equals(server));
        }
    }

    private async Task<MultiplexerLink> ConnectAsync(ConfigurationOptions settings, CancellationToken cancellationToken)
    {
        var sockets = new SocketRegistry();
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static one => ((SocketRegistry)one!).AbortForGood(), sockets);
        try
        {
            return await MultiplexerLink.ConnectAsync(settings, _options, sockets, OnFailed).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisConnectionException or RedisTimeoutException or RedisServerException or RedisCommandException or TimeoutException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw await CannotConnectAsync("", settings, e, e, cancellationToken).ConfigureAwait(false);
        }
    }

    // On a thread of the monitor, under its lock.
    private void OnPrimary(EndPoint primary)
    {
        lock (_gate)
        {
            _primary = primary;
            if (_closing) return;
            Trouble = $"the primary is {RedisConfiguration.Text(primary)} now, and there is no connection to it yet";

            // Whatever was sent to the former primary must not be answered any more, by none of the multiplexers.
            MultiplexerLink? former = Interlocked.Exchange(ref _link, null);
            former?.Abort();
            _switching = SwitchAsync(_switching, former, primary);
        }
    }

    private async Task SwitchAsync(Task before, MultiplexerLink? former, EndPoint primary)
    {
        await Task.Yield();
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (former is not null)
        {
            Ignore(former);
            await former.DisposeAsync().ConfigureAwait(false);
        }

        ConfigurationOptions settings = _settings!.Clone();
        settings.ServiceName = null;
        settings.AbortOnConnectFail = true;
        settings.EndPoints.Clear();
        settings.EndPoints.Add(primary);
        while (!_closing && primary.Equals(_primary))
        {
            MultiplexerLink? link = null;
            try
            {
                link = await ConnectAsync(settings, _stop.Token).ConfigureAwait(false);
                if (link.Main.GetServer(primary).IsReplica) throw new LatchworkStoreException($"{RedisConfiguration.Text(primary)} is still a replica.", StoreOutcome.NotApplied);
                lock (_gate)
                {
                    if (!_closing && primary.Equals(_primary))
                    {
                        Use(link);
                        link = null;
                    }
                }

                if (link is not null) continue;
                if (!_opened.TrySetResult()) OnRestored(isNew: true);
                return;
            }
            catch (OperationCanceledException) when (_closing)
            {
                return;
            }
#pragma warning disable CA1031 // whatever fails, a function of the application included: without another attempt there would never be a connection again
            catch (Exception e)
#pragma warning restore CA1031
            {
                Trouble = e.Message.TrimEnd('.');
                RedisLog.ConnectFailed(_logger, RedisConfiguration.Text(primary), e.Message);
                _sentinels?.AskAgain();
                await Task.Delay(_retryAfter, TimeProvider.System).ConfigureAwait(false);
            }
            finally
            {
                if (link is not null) await link.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    // Whether it is known by now that the servers are a cluster that nobody watches yet.
    private bool FindsCluster() =>
        _settings is { ServiceName: null } && _cluster is null && (_link?.Main.GetServers().Any(server => server.IsConnected) ?? false) && IsCluster;

    // The servers were not there when the store was opened.
    private async Task FollowLateAsync()
    {
        if (Interlocked.Exchange(ref _followingLate, 1) != 0) return;
        try
        {
            if (FindsCluster() && !_closing) await FollowClusterAsync(Timeout.InfiniteTimeSpan, _stop.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException or ObjectDisposedException)
        {
            Trouble = e.Message.TrimEnd('.');
        }
        finally
        {
            Volatile.Write(ref _followingLate, 0);
        }
    }

    // When a slot leaves a server, that ends the sharded subscriptions by itself. The client takes this for the reply to a SUNSUBSCRIBE that it has
    // just sent there, and from then on every reply for that of the command before. So subscriptions have a connection of their own here, on which
    // a script never waits for its reply; what has lost its order ends soon, and is made anew.
    private async Task FollowClusterAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        // Without the right to ask for the slots the client goes on by the refusals of members, and would never hear of a primary that is silent.
        if (PrimariesOf(_link!.Main).Count == 0 && _link.Main.GetServers().FirstOrDefault(server => server.IsConnected) is { } member)
            await ExecuteAtAsync(member.EndPoint, "CLUSTER", ["NODES"], cancellationToken).ConfigureAwait(false);

        if (_settings!.SharedSubscriptionConnection)
        {
            ConfigurationOptions settings = _settings.Clone();
            settings.SharedSubscriptionConnection = false;
            MultiplexerLink link = await ConnectInTimeAsync(settings, timeout, cancellationToken).ConfigureAwait(false);
            _settings.SharedSubscriptionConnection = false;
            if (Interlocked.Exchange(ref _link, null) is { } former)
            {
                Ignore(former);
                await former.DisposeAsync().ConfigureAwait(false);
            }

            Use(link);
        }

        _cluster = new ClusterMonitor(this, _link!, _logger);
    }

    private void Use(MultiplexerLink link)
    {
        Observe(link);
        if (link.Renewals is null) WatchPool(); // the client's own sockets: renewals need the pool
        lock (_lost) _lost.Clear(); // what was lost of the former ones is over, and another loss of the same server is a new one
        _link = link;
        Trouble = null;
        RedisLog.Connected(_logger, Description);
    }

    private void Observe(MultiplexerLink link)
    {
        link.Main.ConnectionFailed += OnConnectionFailed;
        link.Main.ConnectionRestored += OnConnectionRestored;
        link.Main.HashSlotMoved += OnSlotMoved;
    }

    private void Ignore(MultiplexerLink link)
    {
        link.Main.ConnectionFailed -= OnConnectionFailed;
        link.Main.ConnectionRestored -= OnConnectionRestored;
        link.Main.HashSlotMoved -= OnSlotMoved;
    }

    private void OnConnectionFailed(object? sender, ConnectionFailedEventArgs e)
    {
        if (_closing || !ReferenceEquals(sender, _link?.Main) || e.EndPoint is null) return;
        bool isFirst;
        lock (_lost)
        {
            isFirst = !_lost.Any(one => one.Server.Equals(e.EndPoint));
            if (!_lost.Add((e.EndPoint, e.ConnectionType))) return;
            if (!IsMany()) Trouble = $"the connection was lost ({e.FailureType})";
        }

        if (isFirst && !IsShared && !IsMany() && _link is { } link) _ = ExplainLossAsync(link, e.EndPoint);
        if (isFirst) RedisLog.Lost(_logger, RedisConfiguration.Text(e.EndPoint), $"{e.FailureType}");
        OnFailed();
    }

    private void OnConnectionRestored(object? sender, ConnectionFailedEventArgs e)
    {
        if (_closing || !ReferenceEquals(sender, _link?.Main) || e.EndPoint is null) return;
        bool wasLost, isLast;
        lock (_lost)
        {
            wasLost = _lost.Remove((e.EndPoint, e.ConnectionType));
            isLast = !_lost.Any(one => one.Server.Equals(e.EndPoint));
            if (isLast && !IsMany()) Trouble = null;
        }

        if (wasLost && isLast) RedisLog.Connected(_logger, RedisConfiguration.Text(e.EndPoint));
        OnRestored(isNew: wasLost && e.ConnectionType == ConnectionType.Interactive);
        if (!IsMany()) _ = Task.Run(FollowLateAsync);
    }

    private void OnSlotMoved(object? sender, HashSlotMovedEventArgs e) => _channels.Restore();

    /// <summary>The primaries of the cluster have changed.</summary>
    internal void OnTopologyChanged()
    {
        _channels.Restore();
        OnReconnected?.Invoke();
    }

    // It may be another server, or the same one with another content; and what was sent meanwhile was not heard.
    private void OnRestored(bool isNew)
    {
        if (isNew) Interlocked.Increment(ref _reconnects);
        _channels.Restore();
        if (isNew) OnReconnected?.Invoke();
    }

    private bool IsMany() => _cluster is not null || (_isCluster ?? false);

    // Of several servers the roles may have changed.
    private static async Task FindRolesAsync(IConnectionMultiplexer multiplexer)
    {
        try
        {
            await multiplexer.ConfigureAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisException or RedisTimeoutException or ObjectDisposedException or TimeoutException)
        {
            // The next failure asks again.
        }
    }

    private void WatchPool() => _pool ??= new PoolMonitor(warning => RedisLog.PoolStarved(_logger, warning));

    private async Task StopMonitorsAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _pool?.Dispose();
        if (_cluster is not null) await _cluster.DisposeAsync().ConfigureAwait(false);
        if (_sentinels is not null) await _sentinels.DisposeAsync().ConfigureAwait(false);
        Task switching;
        lock (_gate) switching = _switching;
        await switching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }
}
