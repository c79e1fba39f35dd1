namespace Latchwork.Redis.Maintenance;

/// <summary>Checks the server of a store or, of a cluster, each primary: when the store is opened, after each reconnect, and when asked.</summary>
internal sealed class StoreCheck(IRedisConnection connection, RedisOptions options, LossMonitor losses, ILogger logger)
{
    private readonly ConcurrentDictionary<EndPoint, ServerCheck> _checks = [];

    /// <exception cref="LatchworkStoreException">A server does not answer, or scripts cannot be used.</exception>
    public async Task<IReadOnlyList<StoreWarning>> RunAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<EndPoint> primaries = connection.Primaries;
        if (primaries.Count == 0) throw RedisFailures.NotSent("check", options.CommandTimeout, "no server has been reached yet");
        foreach (EndPoint former in _checks.Keys.Except(primaries)) _checks.TryRemove(former, out _);
        var warnings = new List<StoreWarning>();
        foreach (EndPoint primary in primaries)
        {
            ServerCheck check = _checks.GetOrAdd(primary, one => new ServerCheck(connection, one, logger, options.TimeProvider));
            IReadOnlyList<StoreWarning> found = await check.RunAsync(cancellationToken).ConfigureAwait(false);
            warnings.AddRange(primaries.Count == 1 ? found : found.Select(warning => warning with { Message = $"{RedisConfiguration.Text(primary)}: {warning.Message}" }));
        }

        if (connection is RedisConnection { PoolWarning: { } starved }) warnings.Add(new StoreWarning("pool-starved", starved));
        warnings.AddRange(losses.Warnings());
        return warnings;
    }

    /// <summary>The same for the log only: what cannot be found out now is found out later.</summary>
    public async Task RunForLogAsync()
    {
        try
        {
            await RunAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            LogFailure(e);
        }
    }

    /// <summary>Says what the application's connection does not guarantee.</summary>
    public void LogShared() => RedisLog.Shared(logger, connection.Description, "failover behind Sentinels, a blocked thread pool, and the order of subscriptions.");

    public void LogFailure(Exception error) => RedisLog.CheckFailed(logger, connection.Description, error.Message);
}

/// <summary>Checks one server, of which a reconnect may make another. What was found is logged once.</summary>
internal sealed class ServerCheck(IRedisConnection connection, EndPoint server, ILogger logger, TimeProvider? timeProvider = null)
{
    private static readonly RedisScript _script = RedisScripts.Load("Check");

    /// <summary>What scripts call; a test compares it with them.</summary>
    internal static readonly string[] Commands =
    [
        "DEL", "EXISTS", "GET", "HDEL", "HEXISTS", "HGET", "HINCRBY", "HMGET", "HSCAN", "HSET", "HSTRLEN", "MGET", "PTTL", "PUBLISH", "SADD", "SCAN",
        "SET", "SISMEMBER", "SMISMEMBER", "SREM", "SSCAN", "TIME", "UNLINK", "ZADD", "ZCARD", "ZCOUNT", "ZMSCORE", "ZRANGE", "ZRANGEBYLEX", "ZRANGEBYSCORE", "ZRANK", "ZREM", "ZREVRANGE",
        "ZREVRANGEBYSCORE", "ZSCORE",
    ];

    private readonly string _server = RedisConfiguration.Text(server);
    private readonly HashSet<string> _logged = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly ServerClock _clock = new(timeProvider);

    public async Task<IReadOnlyList<StoreWarning>> RunAsync(CancellationToken cancellationToken)
    {
        ServerReport report;
        try
        {
            RedisValue[] names = Array.ConvertAll(Commands, static name => (RedisValue)name);
            RedisReply reply = await connection.EvaluateAtAsync(server, _script, names, cancellationToken).ConfigureAwait(false);
            report = ServerReport.Read(reply, await SavePointsAsync(cancellationToken).ConfigureAwait(false));
        }
        catch (RedisServerException e)
        {
            throw new LatchworkStoreException($"The server cannot run scripts, and Latchwork needs them. It said: {e.Message}", StoreOutcome.NotApplied, e);
        }
        catch (RedisReplyException e)
        {
            throw new LatchworkStoreException($"What the server says of itself could not be read: {e.Message}", StoreOutcome.NotApplied, e) { IsTransient = true };
        }

        List<StoreWarning> warnings = report.Warnings(_clock.Check(timeProvider?.GetMicroseconds() ?? report.TimeUs));
        lock (_gate)
        {
            foreach (StoreWarning warning in warnings.Where(warning => _logged.Add(warning.Code))) RedisLog.Warning(logger, _server, warning.Message);
        }

        return warnings;
    }

    // Scripts may not ask for the configuration. Many servers forbid it; then there is a warning less.
    private async ValueTask<RedisReply?> SavePointsAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await connection.ExecuteAtAsync(server, "CONFIG", ["GET", "save"], cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisServerException || (e is LatchworkStoreException && e.InnerException is RedisServerException or RedisCommandException))
        {
            return null;
        }
    }
}
