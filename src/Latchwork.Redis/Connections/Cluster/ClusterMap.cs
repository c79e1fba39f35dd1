namespace Latchwork.Redis.Connections.Cluster;

/// <summary>Which primary owns which slots, as one member sees it (<c>CLUSTER SLOTS</c>).</summary>
internal sealed class ClusterMap
{
    private readonly RedisEndpoint?[] _owners = new RedisEndpoint?[HashSlot.Count];

    private ClusterMap()
    {
    }

    /// <summary>The primaries that own slots, in the order of their first slots.</summary>
    public IReadOnlyList<RedisEndpoint> Primaries { get; private set; } = [];

    /// <summary>All members that are named, primaries first: who can be asked.</summary>
    public IReadOnlyList<RedisEndpoint> Members { get; private set; } = [];

    /// <summary>Who owns a slot; null if nobody does, or nobody that can be reached.</summary>
    public RedisEndpoint? OwnerOf(int slot) => _owners[slot];

    /// <summary>Reads the reply to <c>CLUSTER SLOTS</c>: {first slot, last slot, primary, replica…}…, each server {host, port, id, …}.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="asked">Who gave it: where no host is named, it is the same.</param>
    /// <exception cref="InvalidOperationException">It is not understood.</exception>
    public static ClusterMap Read(in RedisReply reply, RedisEndpoint asked)
    {
        var map = new ClusterMap();
        var primaries = new List<(long First, RedisEndpoint Primary)>();
        var replicas = new List<RedisEndpoint>();
        foreach (RedisReply item in reply.Items)
        {
            ReadOnlySpan<RedisReply> range = item.Items;
            if (range.Length < 3)
                throw new InvalidOperationException("A range of slots without a server");
            (long first, long last) = (range[0].Number, range[1].Number);
            if (first < 0 || last >= HashSlot.Count || first > last)
                throw new InvalidOperationException($"A range of slots from {first} to {last}");
            for (int i = 2; i < range.Length; i++)
            {
                RedisEndpoint? server = ReadServer(range[i].Items, asked);
                if (server is null)
                    continue;
                if (i > 2)
                {
                    replicas.Add(server);
                    continue;
                }

                primaries.Add((first, server));
                Array.Fill(map._owners, server, (int)first, (int)(last - first + 1));
            }
        }

        map.Primaries = [.. primaries.OrderBy(pair => pair.First).Select(pair => pair.Primary).Distinct()];
        map.Members = [.. map.Primaries.Concat(replicas).Distinct()];
        return map;
    }

    // A server that knows no name for another one gives '?', or nothing, and perhaps an address behind it.
    private static RedisEndpoint? ReadServer(ReadOnlySpan<RedisReply> server, RedisEndpoint asked)
    {
        if (server.Length < 2)
            throw new InvalidOperationException("A server without a port");
        string host = server[0].IsNull ? "" : server[0].Text;
        int port = checked((int)server[1].Number);
        if (host == "?")
            host = server.Length > 3 && server[3].Kind == RedisReplyKind.Array ? RedisHandshake.Field(server[3], "ip") ?? "?" : "?";
        return host == "?" || port is < 1 or > 65535 ? null : new RedisEndpoint(host.Length > 0 ? host : asked.Host, port);
    }
}
