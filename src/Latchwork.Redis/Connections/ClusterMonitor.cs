namespace Latchwork.Redis.Connections;

/// <summary>
/// Watches who owns the slots of a cluster. The client learns it when it connects and from the refusals of servers; a primary that freezes sends
/// none. So one member after another is asked while calls wait for replies, and the sockets to a primary that was replaced are ended, so that it
/// answers nothing any more when it thaws.
/// </summary>
internal sealed class ClusterMonitor : IAsyncDisposable
{
    private static readonly TimeSpan _lookEvery = TimeSpan.FromMilliseconds(250), _askEvery = TimeSpan.FromSeconds(5), _replyWithin = TimeSpan.FromSeconds(1), _hurry = TimeSpan.FromMilliseconds(100);
    private readonly RedisConnection _connection;
    private readonly MultiplexerLink _link;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing = new();
    private readonly SemaphoreSlim _ask = new(0); // never disposed: what is under way when the store is closed may still ask
    private readonly Task _loop;
    private HashSet<EndPoint> _primaries;
    private long _epoch;
    private int _next;

    public ClusterMonitor(RedisConnection connection, MultiplexerLink link, ILogger logger)
    {
        _connection = connection;
        _link = link;
        _logger = logger;
        _primaries = [.. RedisConnection.PrimariesOf(link.Main)];
        _loop = Task.Run(MonitorAsync);
    }

    /// <summary>Has a member asked soon.</summary>
    public void Ask()
    {
        if (_ask.CurrentCount == 0 && !_closing.IsCancellationRequested) _ask.Release();
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _closing.Dispose();
    }

    private async Task MonitorAsync()
    {
        long nextQuestion = 0;
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                bool asked = await _ask.WaitAsync(_lookEvery, _closing.Token).ConfigureAwait(false);
                long now = Environment.TickCount64;
                if (!asked && now < nextQuestion && _connection.Calls.OldestAge < _lookEvery) continue;
                nextQuestion = now + (long)_askEvery.TotalMilliseconds;
                await AskAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // It is being closed.
            }
        }
    }

    // A member that is frozen does not keep the others from being asked.
    private async Task AskAsync()
    {
        IServer[] members = [.. _link.Main.GetServers().Where(server => server.IsConnected)];
        var questions = new List<Task<ClusterConfiguration?>>();
        for (int i = 0; i < members.Length; i++)
        {
            EndPoint member = members[_next++ % members.Length].EndPoint;
            if (_link.Replicated is { } other) _ = AskAsync(other, member); // it has a map of its own, and takes it from the reply
            questions.Add(AskAsync(_link.Main, member));
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
            await Task.WhenAny([.. questions, Task.Delay(_hurry, TimeProvider.System, pause.Token)]).ConfigureAwait(false);
            await pause.CancelAsync().ConfigureAwait(false);
            if (questions.Find(static question => question is { IsCompletedSuccessfully: true, Result: not null })?.Result is { } map)
            {
                Read(map);
                return;
            }

            questions.RemoveAll(static question => question.IsCompleted);
        }
    }

    private async Task<ClusterConfiguration?> AskAsync(IConnectionMultiplexer multiplexer, EndPoint member)
    {
        try
        {
            return await multiplexer.GetServer(member).ClusterNodesAsync().WaitAsync(_replyWithin, TimeProvider.System, _closing.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisException or RedisTimeoutException or TimeoutException or RedisCommandException or ObjectDisposedException or OperationCanceledException or ArgumentException)
        {
            return null;
        }
    }

    private void Read(ClusterConfiguration map)
    {
        // A member that has not heard of a failover yet has a lower epoch than one that has.
        long epoch = map.Nodes.Max(EpochOf);
        if (epoch < _epoch) return;
        _epoch = epoch;
        HashSet<EndPoint> primaries = [.. RedisConnection.PrimariesOf(map)];
        if (primaries.Count == 0 || primaries.SetEquals(_primaries)) return;
        foreach (EndPoint former in _primaries.Except(primaries)) _link.Abort(former);
        _primaries = primaries;
        RedisLog.Primaries(_logger, _connection.Description, string.Join(", ", primaries.Select(RedisConfiguration.Text)));
        _connection.OnTopologyChanged();
    }

    // ID ADDRESS FLAGS PRIMARY PING PONG EPOCH …
    private static long EpochOf(ClusterNode node) =>
        node.Raw.Split(' ') is { Length: > 6 } fields && long.TryParse(fields[6], NumberStyles.None, CultureInfo.InvariantCulture, out long epoch) ? epoch : 0;
}
