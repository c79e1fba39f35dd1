namespace Latchwork.Redis.Multiplexing;

/// <summary>What one Sentinel says.</summary>
/// <param name="Primary">The primary; null if it does not know.</param>
/// <param name="Epoch">The number of the failover that made it the primary: of several answers, the one with the highest is right.</param>
/// <param name="Error">Why it does not know, or can no longer be asked.</param>
internal readonly record struct SentinelReport(EndPoint? Primary, long Epoch, string? Error);

/// <summary>
/// Learns from Sentinels which server is the primary. All of them are asked, each over a multiplexer of its own, because one alone may be cut off
/// together with a primary that is none any more: when one announces a switch, when a connection is lost, and every five seconds, as messages can
/// be lost. What one said last is remembered after it is lost, and used only if no other can be asked.
/// </summary>
internal sealed class SentinelMonitor : IAsyncDisposable
{
    private static readonly TimeSpan _askEvery = TimeSpan.FromSeconds(5), _retryAfter = TimeSpan.FromMilliseconds(250), _replyWithin = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();
    private readonly string _service;
    private readonly EndPoint[] _sentinels;
    private readonly ConfigurationOptions _settings;
    private readonly ILogger _logger;
    private readonly SentinelReport?[] _reports;
    private readonly SemaphoreSlim[] _ask;
    private readonly CancellationTokenSource _closing = new();
    private readonly Task[] _loops;
    private readonly Action<EndPoint> _onPrimary;
    private TaskCompletionSource _reported = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EndPoint? _best;

    /// <param name="settings">The settings of the application: its endpoints are the Sentinels, and the service is named.</param>
    /// <param name="onPrimary">Called for each new primary, one at a time, under a lock: it must return immediately.</param>
    /// <param name="logger">The log.</param>
    public SentinelMonitor(ConfigurationOptions settings, Action<EndPoint> onPrimary, ILogger logger)
    {
        _service = settings.ServiceName!;
        _onPrimary = onPrimary;
        _logger = logger;
        _settings = settings.Clone();
        _settings.ServiceName = null;
        _settings.DefaultDatabase = null;
        _settings.CommandMap = CommandMap.Sentinel;
        _settings.User = settings.SentinelUser;
        _settings.Password = settings.SentinelPassword;
        _settings.AbortOnConnectFail = true;
        _sentinels = [.. settings.EndPoints.Select(endpoint => RedisConfiguration.WithPort(endpoint, RedisConfiguration.DefaultSentinelPort))];
        _reports = new SentinelReport?[_sentinels.Length];
        _ask = Array.ConvertAll(_sentinels, static _ => new SemaphoreSlim(0));
        _loops = [.. Enumerable.Range(0, _sentinels.Length).Select(i => Task.Run(() => WatchAsync(i)))];
    }

    /// <summary>Has all asked soon.</summary>
    public void AskAgain()
    {
        foreach (SemaphoreSlim ask in _ask)
        {
            if (ask.CurrentCount == 0)
                ask.Release();
        }
    }

    /// <summary>The primary, as soon as one Sentinel knows it.</summary>
    /// <exception cref="LatchworkStoreException">All have been asked, and none knows.</exception>
    public async Task<EndPoint> PrimaryAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task reported;
            lock (_gate)
            {
                if (_best is not null)
                    return _best;
                if (Array.TrueForAll(_reports, report => report is not null))
                    throw NobodyKnows();
                reported = _reported.Task;
            }

            await reported.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Says what each Sentinel has said.</summary>
    public LatchworkStoreException NobodyKnows()
    {
        lock (_gate)
        {
            return new LatchworkStoreException(
                $"No Sentinel knows the primary of '{_service}'. " +
                string.Join(' ', _sentinels.Select((sentinel, i) => _reports[i]?.Error ?? $"The Sentinel {RedisConfiguration.Text(sentinel)} has not answered yet.")),
                StoreOutcome.NotApplied)
            { IsTransient = true };
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_loops).ConfigureAwait(false);
        _closing.Dispose();
        foreach (SemaphoreSlim ask in _ask)
            ask.Dispose();
    }

    private async Task WatchAsync(int index)
    {
        var sockets = new SocketRegistry();
        ConfigurationOptions settings = _settings.Clone();
        settings.EndPoints.Clear();
        settings.EndPoints.Add(_sentinels[index]);
        settings.BeforeSocketConnect = (endpoint, _, socket) => sockets.Add(endpoint, socket);
        while (!_closing.IsCancellationRequested)
        {
            ConnectionMultiplexer? multiplexer = null;
            try
            {
                multiplexer = await ConnectLog.ConnectAsync(settings.Clone()).WaitAsync(TimeSpan.FromMilliseconds(settings.ConnectTimeout) + TimeSpan.FromSeconds(1), TimeProvider.System, _closing.Token).ConfigureAwait(false);
                await multiplexer.GetSubscriber().SubscribeAsync(RedisChannel.Literal("+switch-master"), (_, _) => Ask(index)).ConfigureAwait(false);
                await AskAsync(index, multiplexer).ConfigureAwait(false);
            }
            catch (Exception e) when (e is RedisException or RedisTimeoutException or TimeoutException or RedisCommandException or ObjectDisposedException or OperationCanceledException)
            {
                if (!_closing.IsCancellationRequested)
                    Report(index, new SentinelReport(null, 0, $"Cannot ask the Sentinel {RedisConfiguration.Text(_sentinels[index])}: {RedisConfiguration.Explain(e)}."));
            }
            finally
            {
                if (multiplexer is not null)
                {
                    sockets.Abort(endpoint: null);
                    await multiplexer.DisposeAsync().ConfigureAwait(false);
                }
            }

            await Task.Delay(_retryAfter, TimeProvider.System, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Ends with an exception when the Sentinel does not answer any more.
    private async Task AskAsync(int index, ConnectionMultiplexer multiplexer)
    {
        IServer server = multiplexer.GetServer(_sentinels[index]);
        while (!_closing.IsCancellationRequested)
        {
            RedisResult reply;
            try
            {
                reply = await server.ExecuteAsync("SENTINEL", "MASTER", _service).WaitAsync(_replyWithin, TimeProvider.System, _closing.Token).ConfigureAwait(false);
                Report(index, Read(index, reply));
            }
            catch (RedisServerException e)
            {
                string reason = RedisFailures.IsUnknownCommand(e) ? "it is no Sentinel" : e.Message.TrimEnd('.');
                Report(index, new SentinelReport(null, 0, $"The Sentinel {RedisConfiguration.Text(_sentinels[index])} does not tell the primary of '{_service}': {reason}."));
            }

            await _ask[index].WaitAsync(_askEvery, _closing.Token).ConfigureAwait(false);
        }
    }

    private void Ask(int index)
    {
        // A message that comes while a question is under way must lead to another question.
        if (!_closing.IsCancellationRequested && _ask[index].CurrentCount < 2)
            _ask[index].Release();
    }

    private SentinelReport Read(int index, RedisResult reply)
    {
        Dictionary<string, RedisResult> fields = reply.ToDictionary();
        string? host = fields.TryGetValue("ip", out RedisResult? ip) ? (string?)ip : null;
        if (host is null || !fields.TryGetValue("port", out RedisResult? port) || !int.TryParse((string?)port, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return new SentinelReport(null, 0, $"Unexpected reply of the Sentinel {RedisConfiguration.Text(_sentinels[index])}.");
        long epoch = fields.TryGetValue("config-epoch", out RedisResult? text) && long.TryParse((string?)text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : 0;
        return new SentinelReport(IPAddress.TryParse(host, out IPAddress? address) ? new IPEndPoint(address, number) : new DnsEndPoint(host, number), epoch, null);
    }

    private void Report(int index, SentinelReport report)
    {
        string? error = null;
        TaskCompletionSource reported;
        lock (_gate)
        {
            SentinelReport? before = _reports[index];
            if (report.Error is not null && report.Error != before?.Error)
                error = report.Error;
            _reports[index] = report.Primary is null && before is not null ? before.Value with { Error = report.Error } : report;
            EndPoint? best = Best();
            if (best is not null && !best.Equals(_best))
            {
                _best = best;
                RedisLog.Primary(_logger, _service, RedisConfiguration.Text(best));
                _onPrimary(best); // Under the lock, so that of two changes the later one is heard last.
            }

            (reported, _reported) = (_reported, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        reported.TrySetResult();
        if (error is not null)
            RedisLog.SentinelFailed(_logger, error);
    }

    private EndPoint? Best()
    {
        SentinelReport[] known = [.. _reports.OfType<SentinelReport>().Where(report => report.Primary is not null)];
        SentinelReport[] current = Array.FindAll(known, report => report.Error is null);
        return (current.Length > 0 ? current : known).OrderByDescending(report => report.Epoch).FirstOrDefault().Primary;
    }
}
