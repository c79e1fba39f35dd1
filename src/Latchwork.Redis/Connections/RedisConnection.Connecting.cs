namespace Latchwork.Redis.Connections;

/// <content>Connecting, and leaving a primary that was replaced.</content>
internal sealed partial class RedisConnection
{
    private static readonly TimeSpan _retryAfter = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EndPoint? _primary;
    private Task _switching = Task.CompletedTask, _findingCluster = Task.CompletedTask;
    private CancellationTokenSource _switchStop = new();

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        ConfigurationOptions settings = _settings!;
        TimeSpan timeout = TimeSpan.FromMilliseconds(settings.ConnectTimeout);
        try
        {
            if (settings.ServiceName is null)
            {
                // Who does not want to wait for the servers gets a client that has none yet, which the client gives after its connect timeout.
                MultiplexerLink link = await ConnectAsync(settings, settings.AbortOnConnectFail ? timeout : 3 * timeout, cancellationToken).ConfigureAwait(false);
                await RequirePrimaryAsync(link, settings, cancellationToken).ConfigureAwait(false);
                Use(link);
                if (AnyServer(link) is null) _findingCluster = FindClusterLateAsync();
                else if (IsCluster) await WatchClusterAsync(timeout + _lastReplies, cancellationToken).ConfigureAwait(false);
                return;
            }

            _sentinels = new SentinelMonitor(settings, OnPrimary, _logger);
            await _sentinels.Found.WaitAsync(timeout, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            await _opened.Task.WaitAsync(timeout, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            if (_sentinels is null) throw await CannotConnectAsync($" within {Durations.Text(timeout)} (the connect timeout)", settings, e, null, cancellationToken).ConfigureAwait(false);
            if (_primary is null) throw _sentinels.NobodyKnows();
            string reason = LastError is { } error ? $", because {error}" : "";
            throw RedisFailures.Transient($"Cannot connect to {Description} within {Durations.Text(timeout)} (the connect timeout){reason}.", StoreOutcome.NotApplied, e);
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

    // `how` is added after the address; `inner` is shown as the cause; `error` is what the client has thrown, or null if that does not say why.
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

    // The client tries several times, each for its connect timeout; what comes after the time is of no use to anybody.
    private async Task<MultiplexerLink> ConnectAsync(ConfigurationOptions settings, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (settings.EndPoints.Count > 1)
        {
            // It may wait for a server that is away to the end of its timeout, and only then be content with the others. That is to be in time.
            settings = settings.Clone();
            settings.ConnectTimeout = settings.ConnectTimeout * 4 / 5;
        }

        var sockets = new SocketRegistry();
        Task<MultiplexerLink> connecting = MultiplexerLink.ConnectAsync(settings, _options, sockets, RequestTopologyRefresh);
        try
        {
            return await connecting.WaitAsync(timeout, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            sockets.AbortForGood();
            SocketRegistry.Discard(connecting);
            if (e is RedisConnectionException or RedisTimeoutException or RedisServerException or RedisCommandException)
                throw await CannotConnectAsync("", settings, e, e, cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    // On a thread of the monitor, under its lock.
    private void OnPrimary(EndPoint primary)
    {
        lock (_gate)
        {
            _primary = primary;
            if (_closing) return;
            LastError = $"the primary is {RedisConfiguration.Text(primary)} now, and there is no connection to it yet";

            // Whatever was sent to the former primary must not be answered any more, by none of the multiplexers; and it is not tried any longer.
            MultiplexerLink? former = Interlocked.Exchange(ref _link, null);
            former?.Abort();
            _ = _switchStop.CancelAsync();
            _switchStop = new CancellationTokenSource();
            _switching = SwitchAsync(_switching, former, primary, _switchStop.Token);
        }
    }

    private async Task SwitchAsync(Task before, MultiplexerLink? former, EndPoint primary, CancellationToken stop)
    {
        await Task.Yield();
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await RetireAsync(former).ConfigureAwait(false);
        while (!stop.IsCancellationRequested)
        {
            MultiplexerLink? link = null;
            try
            {
                link = await ConnectAsync(RedisConfiguration.At(_settings!, primary), Timeout.InfiniteTimeSpan, stop).ConfigureAwait(false);
                if (link.Main.GetServer(primary).IsReplica) throw new LatchworkStoreException($"{RedisConfiguration.Text(primary)} is still a replica.", StoreOutcome.NotApplied);
                if (TryUse(link, stop, out _))
                {
                    link = null;
                    if (!_opened.TrySetResult()) OnRestored(isNew: true);
                }

                return;
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) // whatever fails, a function of the application included: without another attempt there would never be a connection again
            {
                LastError = e.Message.TrimEnd('.');
                RedisLog.ConnectFailed(_logger, RedisConfiguration.Text(primary), e.Message);
                _sentinels?.Ask();
                await Task.Delay(_retryAfter, TimeProvider.System, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            finally
            {
                await RetireAsync(link).ConfigureAwait(false);
            }
        }
    }

    // The servers were not there when the store was opened.
    private async Task FindClusterLateAsync()
    {
        while (!_closing)
        {
            try
            {
                await Task.Delay(_retryAfter, TimeProvider.System, _stop.Token).ConfigureAwait(false);
                if (AnyServer(_link) is null) continue;
                if (!IsCluster) return;
                await WatchClusterAsync(Timeout.InfiniteTimeSpan, _stop.Token).ConfigureAwait(false);
                OnRestored(isNew: true); // its subscriptions have another connection now
                return;
            }
            catch (Exception e) when (!_closing) // whatever fails: nobody else would watch it
            {
                LastError = e.Message.TrimEnd('.');
            }
        }
    }

    // When a slot leaves a server, that ends the sharded subscriptions by itself. The client takes this for the reply to a SUNSUBSCRIBE that it has
    // just sent there, and from then on every reply for that of the command before. So subscriptions have a connection of their own here, on which
    // a script never waits for its reply; what has lost its order ends soon, and is made anew.
    private async Task WatchClusterAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        // Without the right to ask for the slots the client continues by the refusals of members, and would never learn of a primary that is silent.
        if (AnyServer(_link) is { } member && PrimariesOf(_link!.Main).Count == 0)
            await ExecuteAtAsync(member.EndPoint, "CLUSTER", ["NODES"], cancellationToken).ConfigureAwait(false);

        if (_settings!.SharedSubscriptionConnection)
        {
            ConfigurationOptions settings = _settings.Clone();
            settings.SharedSubscriptionConnection = false;
            MultiplexerLink link = await ConnectAsync(settings, timeout, cancellationToken).ConfigureAwait(false);
            bool isUsed = TryUse(link, cancellationToken, out MultiplexerLink? former);
            if (isUsed) _settings.SharedSubscriptionConnection = false;
            await RetireAsync(isUsed ? former : link).ConfigureAwait(false);
        }

        lock (_gate)
        {
            if (!_closing && _link is { } link) _cluster = new ClusterMonitor(this, link, _logger);
        }
    }

    // Uses new multiplexers, unless nobody waits for them any more.
    private bool TryUse(MultiplexerLink link, CancellationToken cancellationToken, out MultiplexerLink? former)
    {
        lock (_gate)
        {
            former = _link;
            if (_closing || cancellationToken.IsCancellationRequested) return false;
            Use(link);
            return true;
        }
    }

    private async ValueTask RetireAsync(MultiplexerLink? link)
    {
        if (link is null) return;
        Ignore(link);
        await link.DisposeAsync().ConfigureAwait(false);
    }

    private void Use(MultiplexerLink link)
    {
        Observe(link);
        if (link.Renewals is null) MonitorPool(); // the client's own sockets: renewals need the pool
        lock (_lostConnections) _lostConnections.Clear(); // what was lost of the former ones is over, and another loss of the same server is a new one
        _link = link;
        LastError = null;
        RedisLog.Connected(_logger, Description);
    }
}
