namespace Latchwork.Redis.Checking;

/// <summary>
/// Looks at the server: when the store is opened, after each reconnect (which may lead to another server), and when asked. What was found
/// is logged once.
/// </summary>
internal sealed class ServerCheck(IRedisConnection connection, EndPoint server, ILogger logger)
{
    private static readonly RedisScript _script = RedisScripts.Load("Check");
    private static readonly TimeSpan _clockTolerance = TimeSpan.FromSeconds(1);

    /// <summary>What scripts call; a test compares it with them.</summary>
    internal static readonly string[] Commands =
    [
        "DEL", "EXISTS", "GET", "HDEL", "HEXISTS", "HGET", "HINCRBY", "HMGET", "HSCAN", "HSET", "HSTRLEN", "MGET", "PTTL", "PUBLISH", "SADD", "SCAN",
        "SET", "SISMEMBER", "SMISMEMBER", "SSCAN", "TIME", "UNLINK", "ZADD", "ZCARD", "ZCOUNT", "ZMSCORE", "ZRANGE", "ZRANGEBYSCORE", "ZRANK", "ZREM", "ZREVRANGE",
        "ZREVRANGEBYSCORE", "ZSCORE",
    ];

    private readonly string _server = RedisConfiguration.Text(server);
    private readonly HashSet<string> _logged = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private long _latestUs;
    private long _latestAt;

    /// <summary>Asks the server.</summary>
    /// <exception cref="LatchworkStoreException">It does not answer, or scripts cannot be used.</exception>
    public async Task<IReadOnlyList<StoreWarning>> RunAsync(CancellationToken cancellationToken)
    {
        RedisReply reply;
        try
        {
            RedisValue[] names = Array.ConvertAll(Commands, static name => (RedisValue)name);
            reply = await connection.EvaluateAtAsync(server, _script, names, cancellationToken).ConfigureAwait(false);
        }
        catch (RedisServerException e)
        {
            throw new LatchworkStoreException($"The server cannot run scripts, and Latchwork needs them. It said: {e.Message}", StoreOutcome.NotApplied, e);
        }

        ServerReport report = Read(reply, await SavePointsAsync(cancellationToken).ConfigureAwait(false));
        List<StoreWarning> warnings = ServerWarnings.Of(report, WentBack(report.TimeUs));
        lock (_gate)
        {
            foreach (StoreWarning warning in warnings)
            {
                if (_logged.Add(warning.Code))
                    RedisLog.Warning(logger, _server, warning.Message);
            }
        }

        return warnings;
    }

    private static ServerReport Read(in RedisReply reply, RedisReply? save)
    {
        try
        {
            return ServerReport.Read(reply, save);
        }
        catch (RedisReplyException e)
        {
            throw new LatchworkStoreException($"What the server says of itself could not be read: {e.Message}", StoreOutcome.NotApplied, e) { IsTransient = true };
        }
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

    // The latest time that was seen, carried on by this machine's monotonic clock.
    private TimeSpan WentBack(long nowUs)
    {
        lock (_gate)
        {
            long at = TimeProvider.System.GetTimestamp();
            long expected = _latestUs == 0 ? nowUs : _latestUs + (TimeProvider.System.GetElapsedTime(_latestAt, at).Ticks / TimeSpan.TicksPerMicrosecond);
            if (nowUs >= expected || _latestUs == 0)
                (_latestUs, _latestAt) = (nowUs, at);
            var behind = TimeSpan.FromMicroseconds(expected - nowUs);
            return behind > _clockTolerance ? behind : TimeSpan.Zero;
        }
    }
}
