namespace Latchwork.Redis.Connections;

/// <summary>Knows which servers to try, best first.</summary>
internal interface IServerFinder : IDisposable
{
    /// <summary>Set once, before the first question: called when the primary turns out to be another one than before.</summary>
    Action<RedisEndpoint>? OnMoved { get; set; }

    /// <summary>Which servers to try now.</summary>
    /// <param name="deadline">How long the answer may take, on the clock of <see cref="Environment.TickCount64"/>.</param>
    /// <param name="isGivenUp">Asked from time to time: whether nobody needs the answer any more.</param>
    /// <exception cref="LatchworkStoreException">Nobody knows.</exception>
    IReadOnlyList<RedisEndpoint> Candidates(long deadline, Func<bool> isGivenUp);

    /// <summary>Tells that a server is a primary and works.</summary>
    void OnFound(RedisEndpoint endpoint);

    /// <summary>Tells that the connection was lost, or could not be made: what is known may be out of date.</summary>
    void OnLost();
}

/// <summary>The servers of the settings, in their order; first the one that was used last.</summary>
internal sealed class FixedServers(RedisOptions options) : IServerFinder
{
    private RedisEndpoint[] _servers = options.Servers();

    public Action<RedisEndpoint>? OnMoved { get; set; }

    public IReadOnlyList<RedisEndpoint> Candidates(long deadline, Func<bool> isGivenUp) => _servers;

    public void OnFound(RedisEndpoint endpoint) => _servers = [endpoint, .. _servers.Where(server => server != endpoint)];

    public void OnLost()
    {
        // The handshake asks each server for its role.
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}
