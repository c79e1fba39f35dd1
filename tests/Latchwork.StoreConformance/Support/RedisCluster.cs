using System.Globalization;

namespace Latchwork.StoreConformance.Support;

/// <summary>
/// A real Redis Cluster on 127.0.0.1: three primaries, each with a replica, all real processes (<see cref="RedisServer"/>). Members are killed,
/// frozen and started again through <see cref="Servers"/>; slots are moved here, in one go or step by step. Disposing it ends all of them.
/// </summary>
public sealed class RedisCluster : IAsyncDisposable
{
    /// <summary>How many hash slots every cluster has.</summary>
    public const int SlotCount = 16384;

    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(2);
    private readonly RedisClusterOptions _options;
    private readonly List<RedisServer> _servers = [];
    private readonly Dictionary<RedisServer, string> _ids = [];

    private RedisCluster(RedisClusterOptions options) => _options = options;

    /// <summary>All members: first those that were primaries at the start, in the order of their slots, then the replicas, in the same order.</summary>
    public IReadOnlyList<RedisServer> Servers => _servers;

    /// <summary>The URI to connect to: the members that were primaries at the start.</summary>
    public string Uri => $"redis+cluster://{string.Join(',', _servers.Take(_options.Primaries).Select(server => $"127.0.0.1:{server.Port}"))}";

    /// <summary>The same with such long times that no machine that stalls makes a command or a connection fail.</summary>
    public string LenientUri => Uri + "?commandTimeout=2m&connectTimeout=2m";

    /// <summary>Starts it, and waits until all members agree on the slots and the replicas follow.</summary>
    public static async Task<RedisCluster> StartAsync(RedisClusterOptions? options = null)
    {
        var cluster = new RedisCluster(options ?? new RedisClusterOptions());
        try
        {
            await cluster.LaunchAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The slot of a key, as the server sees it (<c>CLUSTER KEYSLOT</c>).</summary>
    public async Task<int> SlotOfAsync(string key) => Number(await Answering().First().CommandAsync("CLUSTER", "KEYSLOT", key));

    /// <summary>The members that own slots now, in the order of their first slots.</summary>
    public async Task<IReadOnlyList<RedisServer>> PrimariesAsync() =>
        [.. (await RangesAsync(Answering().First())).OrderBy(range => range.First).Select(range => range.Owner).Distinct()];

    /// <summary>The member that owns a slot, as one that answers sees it.</summary>
    /// <param name="slot">The slot.</param>
    public async Task<RedisServer> OwnerOfAsync(int slot) => Owner(await RangesAsync(Answering().First()), slot)
        ?? throw new InvalidOperationException($"Nobody owns the slot {slot}.");

    /// <summary>A replica of a member that answers.</summary>
    /// <param name="primary">The primary.</param>
    public async Task<RedisServer> ReplicaOfAsync(RedisServer primary)
    {
        string nodes = await Answering().First().CommandAsync("CLUSTER", "NODES");
        string[] line = nodes.Split('\n').Select(text => text.Split(' ')).First(fields => fields.Length > 3 && fields[3] == _ids[primary]);
        return _ids.First(pair => pair.Value == line[0]).Key;
    }

    /// <summary>Waits until another member than the given one owns a slot, all that answer know it, and serve.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="old">Who owned it.</param>
    public async Task<RedisServer> NewOwnerAsync(int slot, RedisServer old)
    {
        RedisServer owner = await Eventually.ReadsAsync(
            () => OwnerOfAsync(slot), owner => owner != old, $"another member owns the slot {slot}", _timeout);
        await AgreementAsync(slot, owner);
        return owner;
    }

    /// <summary>Waits until all members that answer say that the cluster is well, and that a slot belongs to the given one.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="owner">Its owner.</param>
    public async Task AgreementAsync(int slot, RedisServer owner)
    {
        foreach (RedisServer server in Answering())
        {
            await Eventually.ReadsAsync(
                async () => Owner(await RangesAsync(server), slot), seen => seen == owner, $"{server.Port} knows the owner of the slot {slot}", _timeout);
        }

        await HealthyAsync();
    }

    /// <summary>Waits until all members that answer say that the cluster is well.</summary>
    public async Task HealthyAsync()
    {
        foreach (RedisServer server in Answering())
        {
            await Eventually.ReadsAsync(
                () => server.CommandAsync("CLUSTER", "INFO"),
                info => info.Contains("cluster_state:ok", StringComparison.Ordinal),
                $"{server.Port} finds the cluster well",
                _timeout);
        }
    }

    /// <summary>Waits until every replica that answers has a primary that sends it what is written.</summary>
    public async Task ReplicatedAsync()
    {
        foreach (RedisServer server in Answering())
        {
            await Eventually.ReadsAsync(
                () => server.CommandAsync("INFO", "replication"),
                info => info.Contains("role:master", StringComparison.Ordinal) || info.Contains("master_link_status:up", StringComparison.Ordinal),
                $"{server.Port} follows its primary",
                _timeout);
        }
    }

    /// <summary>
    /// How often the members that answer have refused a command with an error, as they count it themselves. What needs keys of which only some have
    /// moved is refused with <c>TRYAGAIN</c>: by the former owner from Redis 7 on, and before that by the new one, to which the former one sends it.
    /// </summary>
    /// <param name="code">The first word of the error: <c>TRYAGAIN</c>.</param>
    public async Task<int> RefusalsAsync(string code)
    {
        int count = 0;
        foreach (RedisServer server in Answering())
        {
            string prefix = $"errorstat_{code}:count=";
            string? line = (await server.CommandAsync("INFO", "errorstats")).Split('\n').FirstOrDefault(text => text.StartsWith(prefix, StringComparison.Ordinal));
            if (line is not null) count += Number(line[prefix.Length..].Trim());
        }

        return count;
    }

    /// <summary>Moves a slot with its keys, as <c>redis-cli --cluster reshard</c> does.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="target">Who is to own it.</param>
    public async Task MoveSlotAsync(int slot, RedisServer target)
    {
        RedisServer source = await BeginMoveAsync(slot, target);
        if (source == target) return;
        await MoveKeysAsync(slot, source, target, int.MaxValue);
        await EndMoveAsync(slot, source, target);
    }

    /// <summary>The first step of moving a slot: from now on the source answers <c>ASK</c> for keys that it does not have.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="target">Who is to own it.</param>
    /// <returns>Who owns it: the source of the other steps.</returns>
    public async Task<RedisServer> BeginMoveAsync(int slot, RedisServer target)
    {
        RedisServer source = await OwnerOfAsync(slot);
        if (source == target) return source;
        await target.CommandAsync("CLUSTER", "SETSLOT", Text(slot), "IMPORTING", _ids[source]);
        await source.CommandAsync("CLUSTER", "SETSLOT", Text(slot), "MIGRATING", _ids[target]);
        return source;
    }

    /// <summary>The second step of moving a slot, which can be taken in parts. Names of keys must have no line end.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="source">Who owns it.</param>
    /// <param name="target">Who is to own it.</param>
    /// <param name="most">How many keys to move at most: with some moved and some not, a script on all of them is answered <c>TRYAGAIN</c>.</param>
    /// <returns>How many were moved.</returns>
    public static async Task<int> MoveKeysAsync(int slot, RedisServer source, RedisServer target, int most)
    {
        int moved = 0;
        while (moved < most)
        {
            string list = await source.CommandAsync("CLUSTER", "GETKEYSINSLOT", Text(slot), Text(Math.Min(100, most - moved)));
            string[] keys = list.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            if (keys.Length == 0) break;
            await MoveKeysAsync(source, target, keys);
            moved += keys.Length;
        }

        return moved;
    }

    /// <summary>The second step of moving a slot, for the given keys only.</summary>
    /// <param name="source">Who owns it.</param>
    /// <param name="target">Who is to own it.</param>
    /// <param name="keys">The keys.</param>
    public static async Task MoveKeysAsync(RedisServer source, RedisServer target, params string[] keys)
    {
        string answer = await source.CommandAsync(["MIGRATE", "127.0.0.1", Text(target.Port), "", "0", "60000", "KEYS", .. keys]);
        if (answer is not ("OK" or "NOKEY")) throw new InvalidOperationException($"MIGRATE of {string.Join(", ", keys)}: {answer}");
    }

    /// <summary>The last step of moving a slot.</summary>
    /// <param name="slot">The slot; the source has no key of it any more.</param>
    /// <param name="source">Who owns it.</param>
    /// <param name="target">Who is to own it.</param>
    public async Task EndMoveAsync(int slot, RedisServer source, RedisServer target)
    {
        // The target first, or there is a moment at which both send clients to each other. Replicas learn of it from their primaries.
        IReadOnlyList<RedisServer> primaries = await PrimariesAsync();
        foreach (RedisServer server in primaries.Prepend(source).Prepend(target).Distinct())
            await server.CommandAsync("CLUSTER", "SETSLOT", Text(slot), "NODE", _ids[target]);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (RedisServer server in _servers) await server.DisposeAsync();
    }

    private static RedisServer? Owner(IEnumerable<SlotRange> ranges, int slot) =>
        ranges.FirstOrDefault(range => range.First <= slot && slot <= range.Last)?.Owner;

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private IEnumerable<RedisServer> Answering() => _servers.Where(server => server.IsAnswering);

    // Equal epochs would be sorted out later, at any time. A reply that was lost is asked for again, and then it is set already.
    private static async Task SetEpochAsync(RedisServer server, int epoch)
    {
        try
        {
            await server.CommandAsync("CLUSTER", "SET-CONFIG-EPOCH", Text(epoch));
        }
        catch (InvalidOperationException e) when (e.Message.Contains("already non-zero", StringComparison.Ordinal))
        {
            string info = await server.CommandAsync("CLUSTER", "INFO");
            if (!info.Contains($"cluster_my_epoch:{Text(epoch)}", StringComparison.Ordinal)) throw new InvalidOperationException($"{e.Message} {info}", e);
        }
    }

    private async Task LaunchAsync()
    {
        int primaries = _options.Primaries;
        int count = primaries * (1 + _options.Replicas);
        _servers.AddRange(await Task.WhenAll(Enumerable.Range(0, count).Select(StartMemberAsync)));
        for (int i = 0; i < count; i++)
        {
            _ids[_servers[i]] = await _servers[i].CommandAsync("CLUSTER", "MYID");
            await SetEpochAsync(_servers[i], i + 1);
            if (i >= primaries) continue;
            int first = SlotCount * i / primaries;
            int last = (SlotCount * (i + 1) / primaries) - 1;
            await _servers[i].CommandAsync(["CLUSTER", "ADDSLOTS", .. Enumerable.Range(first, last - first + 1).Select(Text)]); // By ranges: from Redis 7 on.
        }

        foreach (RedisServer server in _servers.Skip(1))
            await _servers[0].CommandAsync("CLUSTER", "MEET", "127.0.0.1", Text(await PortAsync(server)));
        foreach (RedisServer server in _servers)
        {
            await Eventually.ReadsAsync(
                () => server.CommandAsync("CLUSTER", "NODES"),
                nodes => _ids.Values.All(id => nodes.Contains(id, StringComparison.Ordinal)) && !nodes.Contains("handshake", StringComparison.Ordinal),
                $"{server.Port} knows the others",
                _timeout);
        }

        for (int i = primaries; i < count; i++) await _servers[i].CommandAsync("CLUSTER", "REPLICATE", _ids[_servers[i % primaries]]);
        for (int i = 0; i < primaries; i++) await AgreementAsync(SlotCount * i / primaries, _servers[i]);
        await ReplicatedAsync();
        await Eventually.ReadsAsync(
            () => _servers[0].CommandAsync("CLUSTER", "NODES"),
            nodes => nodes.Split(" slave ").Length == count - primaries + 1,
            "the replicas are known",
            _timeout);
    }

    private async Task<RedisServer> StartMemberAsync(int index)
    {
        for (int attempt = 1; ; attempt++)
        {
            string[] arguments =
            [
                "--cluster-enabled", "yes", "--cluster-node-timeout", Text((int)_options.NodeTimeout.TotalMilliseconds),
                "--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no", "--repl-diskless-sync-delay", "0",
                "--repl-ping-replica-period", "1", .. _options.Arguments(index),
            ];
            try
            {
                return await RedisServer.StartAsync(new() { AppendOnly = _options.AppendOnly, HasBus = true, Arguments = arguments });
            }
            catch (InvalidOperationException) when (attempt < 5)
            {
                // Somebody else took a port that the arguments name in the meantime.
            }
        }
    }

    // The port that the others are to know, with TLS another than its plain one: CONFIG GET tls-cluster, yes or no.
    private static async Task<int> PortAsync(RedisServer server)
    {
        string isTls = await server.CommandAsync("CONFIG", "GET", "tls-cluster");
        if (!isTls.EndsWith("yes", StringComparison.Ordinal)) return server.Port;
        return Number((await server.CommandAsync("CONFIG", "GET", "tls-port")).Split('\n')[^1]);
    }

    // Lines of CLUSTER NODES: id, address, flags, primary, ping, pong, epoch, link, slots: "5461", "0-5460", "[93-<-id]" while one moves.
    private async Task<IReadOnlyList<SlotRange>> RangesAsync(RedisServer asked)
    {
        string nodes = await asked.CommandAsync("CLUSTER", "NODES");
        var ranges = new List<SlotRange>();
        foreach (string[] fields in nodes.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')))
        {
            RedisServer? owner = _ids.FirstOrDefault(pair => pair.Value == fields[0]).Key;
            if (owner is null) continue;
            foreach (string range in fields.Skip(8).Where(field => !field.StartsWith('[')))
            {
                string[] ends = range.Split('-');
                ranges.Add(new SlotRange(Number(ends[0]), Number(ends[^1]), owner));
            }
        }

        return ranges;
    }

    private sealed record SlotRange(int First, int Last, RedisServer Owner);
}
