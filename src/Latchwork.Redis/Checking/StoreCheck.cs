using System.Collections.Concurrent;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Connections.Cluster;

namespace Latchwork.Redis.Checking;

/// <summary>Looks at the server of a store or, of a cluster, at each primary.</summary>
internal sealed class StoreCheck(IRedisConnection connection, RedisOptions options)
{
    private readonly ConcurrentDictionary<IRedisConnection, ServerCheck> _checks = [];

    /// <summary>Asks the servers.</summary>
    /// <exception cref="LatchworkStoreException">One does not answer, or scripts cannot be used.</exception>
    public async Task<IReadOnlyList<StoreWarning>> RunAsync(CancellationToken cancellationToken)
    {
        if (connection is not ClusterConnection cluster)
            return await Of(connection).RunAsync(cancellationToken).ConfigureAwait(false);

        IReadOnlyList<RedisConnection> primaries = cluster.Primaries;
        ForgetAllBut(primaries);
        var warnings = new List<StoreWarning>();
        foreach (RedisConnection primary in primaries)
        {
            IReadOnlyList<StoreWarning> found = await Of(primary).RunAsync(cancellationToken).ConfigureAwait(false);
            warnings.AddRange(found.Select(warning => warning with { Message = $"{primary.Description}: {warning.Message}" }));
        }

        return warnings;
    }

    /// <summary>The same of one server, for the log only: what cannot be found out now is found out later.</summary>
    public Task RunForLogAsync(IRedisConnection server)
    {
        // Each change of a primary brings a new connection here.
        if (connection is ClusterConnection cluster)
            ForgetAllBut(cluster.Primaries);
        return Of(server).RunForLogAsync();
    }

    public void OnFailed(Exception error) => Of(connection).OnFailed(error);

    private void ForgetAllBut(IReadOnlyList<RedisConnection> primaries)
    {
        foreach (IRedisConnection former in _checks.Keys.Except(primaries))
            _checks.TryRemove(former, out _);
    }

    private ServerCheck Of(IRedisConnection server) => _checks.GetOrAdd(server, static (one, settings) => new ServerCheck(one, settings), options);
}
