namespace Latchwork.Redis.Renewing;

/// <summary>
/// Renews leases without the thread pool: one thread a primary sends one renewal after the other by a synchronous call, over sockets that have
/// threads of their own (<see cref="ThreadTransport"/>). A frozen primary costs the renewals at the others nothing.
/// </summary>
internal sealed class RenewalThreads(IConnectionMultiplexer multiplexer, ConfigurationOptions settings, TimeSpan commandTimeout, Action onFailed) : IDisposable
{
    private static readonly TimeSpan _shortest = TimeSpan.FromMilliseconds(250);
    private readonly ConcurrentDictionary<string, RenewalThread> _threads = new(StringComparer.Ordinal);
    private readonly IDatabase _database = multiplexer.GetDatabase();
    private volatile bool _closed;

    private Action OnFailed { get; } = onFailed;

    /// <summary>Renews.</summary>
    /// <returns>The reply; continuations run on the thread for renewals.</returns>
    public Task<RedisReply> RenewAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, TimeSpan lease)
    {
        // A quarter of the lease, so that one that is not answered can be repeated in time; a very short lease gets what a reply may take.
        TimeSpan bound = lease / 4 > _shortest ? lease / 4 : _shortest;
        var renewal = new Renewal(script, keys, arguments, bound < commandTimeout ? bound : commandTimeout);
        _threads.GetOrAdd(PrimaryOf(keys[0]), static (primary, self) => new RenewalThread(self.Send, self.OnFailed, primary), this).Add(renewal);
        if (_closed)
            Dispose();
        return renewal.Task;
    }

    public void Dispose()
    {
        _closed = true;
        foreach (RenewalThread thread in _threads.Values)
            thread.Dispose();
    }

    // Without a cluster there is one primary, whichever it is. Of a cluster, a member that is gone may still be remembered with what it said last.
    private string PrimaryOf(RedisKey key)
    {
        EndPoint? remembered = null;
        foreach (IServer server in multiplexer.GetServers())
        {
            if (server.ClusterConfiguration?.GetBySlot(key)?.EndPoint is not { } primary) continue;
            if (server.IsConnected) return primary.ToString() ?? "";
            remembered ??= primary;
        }

        return remembered?.ToString() ?? "";
    }

    private RedisReply Send(Renewal renewal)
    {
        // The bound of a synchronous call is one of the multiplexer; the store makes no other such calls.
        settings.SyncTimeout = (int)renewal.Bound.TotalMilliseconds;
        try
        {
            return new RedisReply(_database.ScriptEvaluate(renewal.Script.Hash, renewal.Keys, renewal.Arguments));
        }
        catch (RedisServerException e) when (RedisFailures.CodeOf(e) == "NOSCRIPT")
        {
            return new RedisReply(_database.ScriptEvaluate(renewal.Script.Source, renewal.Keys, renewal.Arguments, CommandFlags.NoScriptCache));
        }
    }
}
