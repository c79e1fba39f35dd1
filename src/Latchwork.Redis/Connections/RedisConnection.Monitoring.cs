namespace Latchwork.Redis.Connections;

/// <content>What becomes of connections that there are: losses, roles and slots that change, a starved thread pool.</content>
internal sealed partial class RedisConnection
{
    private static readonly TimeSpan _explainAfter = TimeSpan.FromMilliseconds(400);

    private readonly HashSet<(EndPoint Server, ConnectionType Type)> _lostConnections = [];
    private readonly CancellationTokenSource _stop = new();
    private SentinelMonitor? _sentinels;
    private ClusterMonitor? _cluster;
    private PoolMonitor? _pool;
    private long _nextQuestion;

    /// <summary>The warning of a starved thread pool, if it was starved within the last minute; null otherwise, and for connections of its own.</summary>
    public string? PoolWarning => _pool?.Warning;

    /// <summary>A call has failed for want of a usable connection, or because a server is not what it was: those who know are asked.</summary>
    internal void RequestTopologyRefresh()
    {
        if (_closing) return;
        long now = Environment.TickCount64;
        long next = Volatile.Read(ref _nextQuestion);
        if (IsShared || now < next || Interlocked.CompareExchange(ref _nextQuestion, now + (long)_retryAfter.TotalMilliseconds, next) != next) return;
        if (_sentinels is { } sentinels) sentinels.Ask();
        else if (_cluster is { } cluster) cluster.Ask();
        else if (_link?.Main is { } main && main.GetEndPoints().Length > 1) _ = FindRolesAsync(main);
    }

    /// <summary>The primaries of a cluster that have slots, as one of its members says.</summary>
    internal static IReadOnlyList<EndPoint> PrimariesOf(IConnectionMultiplexer multiplexer) =>
        multiplexer.GetServers().Where(static server => server.IsConnected).Select(static server => server.ClusterConfiguration).FirstOrDefault(static map => map is not null) is { } map
            ? PrimariesOf(map)
            : [];

    /// <summary>The primaries that have slots, by the first of them.</summary>
    internal static IReadOnlyList<EndPoint> PrimariesOf(ClusterConfiguration map) =>
        [.. map.Nodes.Where(static node => node is { IsReplica: false, EndPoint: not null } && node.Slots.Count > 0).OrderBy(static node => node.Slots.Min(static range => range.From)).Select(static node => node.EndPoint!)];

    // Until a connection that was lost is there again: why it is not. The client raises its events on the pool, in any order, so that the one of the
    // loss may come after the one of its end; therefore its state is checked as well.
    private async Task WatchLossAsync(MultiplexerLink link, EndPoint server)
    {
        while (true)
        {
            try
            {
                await Task.Delay(_explainAfter, TimeProvider.System, _stop.Token).ConfigureAwait(false);
                foreach (ConnectionType type in LostTypes())
                {
                    if (link.IsConnected(server, type) is not { } isConnected) TryRemoveLoss(server, type, out _);
                    else if (isConnected) EndLoss(server, type);
                }

                if (LostTypes().Length == 0) return;
                if (IsShared || IsKnownCluster) continue; // of many servers others continue
                if (await ServerProbe.WhyNotAsync(_settings!, server, null, _stop.Token).ConfigureAwait(false) is not { } reason) continue;
                lock (_lostConnections)
                {
                    if (LostTypes().Length > 0) LastError = reason.Text;
                }
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return; // the store is closed
            }
        }

        ConnectionType[] LostTypes()
        {
            lock (_lostConnections)
                return _closing || !ReferenceEquals(link, _link) ? [] : [.. _lostConnections.Where(one => one.Server.Equals(server)).Select(static one => one.Type)];
        }
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
        lock (_lostConnections)
        {
            isFirst = !_lostConnections.Any(one => one.Server.Equals(e.EndPoint));
            if (!_lostConnections.Add((e.EndPoint, e.ConnectionType))) return;
            if (!IsKnownCluster) LastError = $"the connection was lost ({e.FailureType})";
        }

        if (isFirst && _link is { } link) _ = WatchLossAsync(link, e.EndPoint);
        if (isFirst) RedisLog.Lost(_logger, RedisConfiguration.Text(e.EndPoint), $"{e.FailureType}");
        RequestTopologyRefresh();
    }

    private void OnConnectionRestored(object? sender, ConnectionFailedEventArgs e)
    {
        if (_closing || !ReferenceEquals(sender, _link?.Main) || e.EndPoint is null) return;
        if (EndLoss(e.EndPoint, e.ConnectionType)) return;

        // The first of its kind, which has missed nothing; or its loss is noticed later, and then it is checked (see WatchLossAsync).
        _channels.Retry();
        if (e.ConnectionType == ConnectionType.Interactive) OnReconnected?.Invoke();
    }

    // Whether it was lost.
    private bool EndLoss(EndPoint server, ConnectionType type)
    {
        if (!TryRemoveLoss(server, type, out bool isLast)) return false;
        if (isLast) RedisLog.Connected(_logger, RedisConfiguration.Text(server));
        OnRestored(isNew: type == ConnectionType.Interactive);
        return true;
    }

    private bool TryRemoveLoss(EndPoint server, ConnectionType type, out bool isLast)
    {
        lock (_lostConnections)
        {
            bool wasLost = _lostConnections.Remove((server, type));
            isLast = !_lostConnections.Any(one => one.Server.Equals(server));
            if (wasLost && isLast && !IsKnownCluster) LastError = null;
            return wasLost;
        }
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

    private bool IsKnownCluster => _cluster is not null || (_isCluster ?? false);

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

    private void MonitorPool() => _pool ??= new PoolMonitor(
        warning => RedisLog.PoolStarved(_logger, warning),
        "let the store make a connection of its own, whose renewals do not need the pool (RedisStore.ConnectAsync)");

    private async Task StopMonitorsAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _findingCluster.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_cluster is not null) await _cluster.DisposeAsync().ConfigureAwait(false);
        if (_sentinels is not null) await _sentinels.DisposeAsync().ConfigureAwait(false);
        Task switching;
        lock (_gate)
        {
            _ = _switchStop.CancelAsync();
            switching = _switching;
        }

        await switching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _pool?.Dispose();
        _stop.Dispose();
    }
}
