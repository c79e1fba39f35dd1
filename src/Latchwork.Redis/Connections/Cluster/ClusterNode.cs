namespace Latchwork.Redis.Connections.Cluster;

/// <summary>One member of the cluster, and the connection to it.</summary>
internal sealed class ClusterNode : IClusterLink
{
    private readonly ClusterConnection _cluster;
    private long _namedAt = long.MinValue / 2; // Long ago; the time since then is a number, too.

    public ClusterNode(ClusterConnection cluster, RedisEndpoint endpoint, RedisOptions options)
    {
        _cluster = cluster;
        Endpoint = endpoint;
        Connection = RedisConnection.ToMember(options.ForNode(endpoint), this);
        Connection.Start();
    }

    public RedisEndpoint Endpoint { get; }

    public RedisConnection Connection { get; }

    /// <summary>When another member last sent a command to this one, on the clock of <see cref="Environment.TickCount64"/>.</summary>
    public long NamedAt => Volatile.Read(ref _namedAt);

    public void OnNamed() => Volatile.Write(ref _namedAt, Environment.TickCount64);

    public bool TakeRefused(PendingCommand command, string error) => _cluster.TakeRefused(this, command, error);

    public void TakeUnsent(IReadOnlyList<PendingCommand> commands, string trouble) => _cluster.TakeUnsent(commands, trouble);

    public void OnConnected() => _cluster.OnConnected(this);

    public void OnChannelLost(string channel) => _cluster.OnChannelLost(this, channel);

    public void OnTrouble() => _cluster.OnTrouble();
}
