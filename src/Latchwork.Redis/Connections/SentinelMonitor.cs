namespace Latchwork.Redis.Connections;

/// <summary>
/// What one Sentinel says: the primary (null if it does not know), the number of the failover that made it the primary (of several answers, the one
/// with the highest is right), and why it does not know, or cannot be asked now.
/// </summary>
internal readonly record struct SentinelReport(EndPoint? Primary, long Epoch, string? Error);

/// <summary>
/// Learns from Sentinels which server is the primary. All of them are asked, each over a multiplexer of its own, because one alone may be cut off
/// together with a primary that is none any more: when one announces a switch, when a connection is lost, and every five seconds, as messages can
/// be lost. The way back to an older configuration is closed, unless most of the Sentinels agree on it: those that were set up anew count from 0.
/// </summary>
internal sealed class SentinelMonitor : IAsyncDisposable
{
    /// <summary>How long one attempt to connect to a Sentinel may take at most, in ms.</summary>
    private const int LongestConnect = 5000;

    private static readonly TimeSpan _askEvery = TimeSpan.FromSeconds(5), _retryAfter = TimeSpan.FromMilliseconds(250), _replyWithin = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();
    private readonly string _service;
    private readonly EndPoint[] _sentinels;
    private readonly ConfigurationOptions _settings;
    private readonly ILogger _logger;
    private readonly SentinelReport?[] _reports;
    private readonly SemaphoreSlim[] _ask; // never disposed: what is under way when the store is closed may still ask
    private readonly CancellationTokenSource _closing = new();
    private readonly Task[] _loops;
    private readonly Action<EndPoint> _onPrimary;
    private readonly TaskCompletionSource _found = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SentinelReport? _accepted;

    // The endpoints of the settings are the Sentinels. `onPrimary` is called for each new primary, one at a time, under a lock: it must return immediately.
    public SentinelMonitor(ConfigurationOptions settings, Action<EndPoint> onPrimary, ILogger logger)
    {
        _service = settings.ServiceName!;
        _onPrimary = onPrimary;
        _logger = logger;
        _settings = settings.Clone();
        _settings.DefaultDatabase = null;
        _settings.ConnectRetry = 1; // it is tried again here, and what is wrong is to be known before the store gives up
        _settings.ConnectTimeout = Math.Min(settings.ConnectTimeout, LongestConnect);
        _settings.CommandMap = CommandMap.Sentinel;
        _settings.User = settings.SentinelUser;
        _settings.Password = settings.SentinelPassword;
        _sentinels = [.. settings.EndPoints.Select(endpoint => RedisConfiguration.WithPort(endpoint, RedisConfiguration.DefaultSentinelPort))];
        _reports = new SentinelReport?[_sentinels.Length];
        _ask = Array.ConvertAll(_sentinels, static _ => new SemaphoreSlim(0));
        _loops = [.. Enumerable.Range(0, _sentinels.Length).Select(i => Task.Run(() => MonitorAsync(i)))];
    }

    /// <summary>Completes as soon as one Sentinel knows the primary, and fails when all have been asked and none does.</summary>
    public Task Found => _found.Task;

    /// <summary>Has all asked soon. What is asked for while a question is under way leads to another one.</summary>
    public void Ask()
    {
        foreach (SemaphoreSlim ask in _ask)
        {
            if (ask.CurrentCount == 0) ask.Release();
        }
    }

    /// <summary>Says what each Sentinel has said.</summary>
    public LatchworkStoreException NobodyKnows()
    {
        lock (_gate)
        {
            IEnumerable<string> errors = _sentinels.Select((sentinel, i) => _reports[i]?.Error ?? $"The Sentinel {RedisConfiguration.Text(sentinel)} has not answered yet.");
            return RedisFailures.Transient($"No Sentinel knows the primary of '{_service}'. {string.Join(' ', errors)}", StoreOutcome.NotApplied);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_loops).ConfigureAwait(false);
        _closing.Dispose();
    }

    private async Task MonitorAsync(int index)
    {
        EndPoint sentinel = _sentinels[index];
        while (!_closing.IsCancellationRequested)
        {
            var sockets = new SocketRegistry();
            Task<ConnectionMultiplexer> connecting = sockets.ConnectAsync(RedisConfiguration.At(_settings, sentinel));
            try
            {
                TimeSpan longest = TimeSpan.FromMilliseconds(_settings.ConnectTimeout) + TimeSpan.FromSeconds(1);
                ConnectionMultiplexer multiplexer = await connecting.WaitAsync(longest, TimeProvider.System, _closing.Token).ConfigureAwait(false);
                await InTimeAsync(multiplexer.GetSubscriber().SubscribeAsync(RedisChannel.Literal("+switch-master"), (_, _) => Ask())).ConfigureAwait(false);
                await AskAsync(index, multiplexer.GetServer(sentinel)).ConfigureAwait(false);
            }
            catch (Exception e) // whatever fails, a function of the application included: it is tried again
            {
                string reason = await ReasonOfAsync(e, sentinel).ConfigureAwait(false);
                if (!_closing.IsCancellationRequested) Report(index, new SentinelReport(null, 0, $"Cannot ask the Sentinel {RedisConfiguration.Text(sentinel)}: {reason}."));
            }
            finally
            {
                sockets.AbortForGood();
                SocketRegistry.Discard(connecting);
            }

            await Task.Delay(_retryAfter, TimeProvider.System, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // The client has no words for a server that it cannot reach at all: it is tried once more.
    private async Task<string> ReasonOfAsync(Exception error, EndPoint sentinel)
    {
        if (error is not RedisConnectionException) return RedisConfiguration.Explain(error);
        try
        {
            if (await ServerProbe.WhyNotAsync(RedisConfiguration.At(_settings, sentinel), sentinel, error, _closing.Token).ConfigureAwait(false) is { } why) return why.Text;
        }
        catch (OperationCanceledException)
        {
            // It is being closed.
        }

        return RedisConfiguration.Explain(error);
    }

    // Ends with an exception when the Sentinel does not answer any more.
    private async Task AskAsync(int index, IServer sentinel)
    {
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                // The one that leads a failover raises the epoch as soon as the new primary is promoted, but shows the address of the old one in
                // MASTER until all replicas follow. The other command has the address that goes with the epoch.
                long before = EpochOf(await SendAsync("MASTER").ConfigureAwait(false));
                RedisResult address = await SendAsync("GET-MASTER-ADDR-BY-NAME").ConfigureAwait(false);
                long epoch = EpochOf(await SendAsync("MASTER").ConfigureAwait(false));
                if (epoch != before) continue;
                Report(index, Read(index, address, epoch));
            }
            catch (RedisServerException e)
            {
                string reason = RedisFailures.IsUnknownCommand(e) ? "it is no Sentinel" : e.Message.TrimEnd('.');
                Report(index, new SentinelReport(null, 0, $"The Sentinel {RedisConfiguration.Text(_sentinels[index])} does not tell the primary of '{_service}': {reason}."));
            }

            await _ask[index].WaitAsync(_askEvery, _closing.Token).ConfigureAwait(false);
        }

        async Task<RedisResult> SendAsync(string command)
        {
            Task<RedisResult> reply = sentinel.ExecuteAsync("SENTINEL", command, _service);
            await InTimeAsync(reply).ConfigureAwait(false);
            return await reply.ConfigureAwait(false);
        }
    }

    private Task InTimeAsync(Task task) => task.WaitAsync(_replyWithin, TimeProvider.System, _closing.Token);

    private static long EpochOf(RedisResult reply) =>
        reply.ToDictionary().TryGetValue("config-epoch", out RedisResult? text) && long.TryParse((string?)text, NumberStyles.None, CultureInfo.InvariantCulture, out long epoch) ? epoch : 0;

    private SentinelReport Read(int index, RedisResult address, long epoch) =>
        (string?[]?)address is [{ } host, { } port] && int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? new(IPAddress.TryParse(host, out IPAddress? ip) ? new IPEndPoint(ip, number) : new DnsEndPoint(host, number), epoch, null)
            : new(null, 0, $"Unexpected reply of the Sentinel {RedisConfiguration.Text(_sentinels[index])}.");

    private void Report(int index, SentinelReport report)
    {
        bool isNewError, isNewPrimary = false;
        lock (_gate)
        {
            isNewError = report.Error is not null && report.Error != _reports[index]?.Error;
            _reports[index] = report;
            if (Choose() is { Primary: { } primary } chosen)
            {
                isNewPrimary = !primary.Equals(_accepted?.Primary);
                _accepted = chosen;
                if (isNewPrimary) _onPrimary(primary); // Under the lock, so that of two changes the later one is heard last.
                report = isNewPrimary ? chosen : report;
                _found.TrySetResult();
            }
            else if (_accepted is null && Array.TrueForAll(_reports, static one => one is not null) && _found.TrySetException(NobodyKnows()))
            {
                _ = _found.Task.Exception; // the store may not wait for it any more
            }
        }

        if (isNewPrimary) RedisLog.Primary(_logger, _service, RedisConfiguration.Text(report.Primary!));
        else if (isNewError) RedisLog.SentinelFailed(_logger, report.Error!);
    }

    // Of those who answer now. Needs the gate.
    private SentinelReport? Choose()
    {
        SentinelReport[] current = [.. _reports.OfType<SentinelReport>().Where(static report => report.Primary is not null)];
        if (current.Length == 0) return null;
        SentinelReport newest = current.MaxBy(static report => report.Epoch);
        if (_accepted is not { } accepted || newest.Epoch > accepted.Epoch) return newest;
        if (Array.Exists(current, report => report == accepted)) return accepted;
        return current.GroupBy(static report => report).FirstOrDefault(group => group.Count() > _sentinels.Length / 2)?.Key;
    }
}
