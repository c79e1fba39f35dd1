namespace Latchwork.Redis.Checking;

/// <summary>Checks the server of a store or, of a cluster, each primary: when the store is opened, after each reconnect, and when asked.</summary>
internal sealed class StoreCheck(IRedisConnection connection, RedisOptions options)
{
    private readonly ConcurrentDictionary<EndPoint, ServerCheck> _checks = [];
    private readonly ILogger _logger = options.LoggerFactory?.CreateLogger("Latchwork.Redis") ?? NullLogger.Instance;

    /// <summary>Asks the servers.</summary>
    /// <exception cref="LatchworkStoreException">One does not answer, or scripts cannot be used.</exception>
    public async Task<IReadOnlyList<StoreWarning>> RunAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<EndPoint> primaries = connection.Primaries;
        if (primaries.Count == 0) throw RedisFailures.NotSent("check", options.CommandTimeout, "no server has been reached yet");
        foreach (EndPoint former in _checks.Keys.Except(primaries)) _checks.TryRemove(former, out _);
        var warnings = new List<StoreWarning>();
        foreach (EndPoint primary in primaries)
        {
            ServerCheck check = _checks.GetOrAdd(primary, static (one, self) => new ServerCheck(self.Connection, one, self.Logger), (Connection: connection, Logger: _logger));
            IReadOnlyList<StoreWarning> found = await check.RunAsync(cancellationToken).ConfigureAwait(false);
            warnings.AddRange(primaries.Count == 1 ? found : found.Select(warning => warning with { Message = $"{RedisConfiguration.Text(primary)}: {warning.Message}" }));
        }

        if (connection is RedisConnection { PoolWarning: { } starved }) warnings.Add(new StoreWarning("pool-starved", starved));
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
            OnFailed(e);
        }
    }

    public void OnFailed(Exception error) => RedisLog.CheckFailed(_logger, connection.Description, error.Message);
}
