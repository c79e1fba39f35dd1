namespace Latchwork.Redis.Locking;

/// <content>Looking at keys.</content>
internal sealed partial class RedisLockerStore
{
    public async Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken)
    {
        RedisReply reply = await EvaluateAsync(LockerScripts.Show, key, [Now, Format], cancellationToken).ConfigureAwait(false);
        if (reply.IsNull) return null;
        bool isLocked = reply[0].Number != 0, isFresh = reply[5].Number != 0;
        return new KeySnapshot
        {
            Key = key.Key,
            IsLocked = isLocked,
            FencingToken = reply[1].Number,
            NodeId = isLocked ? reply[2].Text : null,
            Age = isLocked ? Span(reply[3]) : null,
            LeaseLeft = isLocked ? Span(reply[4]) : null,
            FreshFor = isFresh ? Span(reply[6]) : null,
            IsFailure = isFresh && Kind(reply[7]) == LockerOutcomeKind.Failure,
        };
    }

    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        CountAsync(ns, [counts.Runs, counts.Takeovers, counts.Failures], cancellationToken);

    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        CountAsync(ns, [], cancellationToken);

    public async Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken)
    {
        (string[] names, string? next) = await ScanAsync(ns, cursor, limit, cancellationToken).ConfigureAwait(false);

        // The looks are sent one after the other, without waiting for the replies in between.
        KeySnapshot?[] found = await Task.WhenAll(names.Select(name => PeekAsync(new LockerKey(ns, name), cancellationToken))).ConfigureAwait(false);
        return new LockerPage([.. found.OfType<KeySnapshot>().Where(key => key.IsLocked)], next);
    }

    public async Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken)
    {
        var namespaces = new SortedSet<string>(StringComparer.Ordinal);
        string cursor = "0";
        do
        {
            RedisReply reply = await EvaluateAsync(LockerScripts.Namespaces, [keys.LockerNamespaces], [cursor], cancellationToken).ConfigureAwait(false);
            cursor = reply[0].Text;
            namespaces.UnionWith(reply[1].Texts.Where((_, i) => i % 2 == 0)); // the others are their formats
        }
        while (cursor != "0");
        return [.. namespaces];
    }

    internal async Task<LockerStats> CountAsync(string ns, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        RedisKey[] declared = keys.IsInCluster ? [keys.CountsOf(ns)] : [keys.CountsOf(ns), keys.SealOf(ns)];
        RedisReply reply = await TranslateAsync(connection.EvaluateAsync(LockerScripts.Count, declared, arguments, cancellationToken), LockerScripts.Count, ns).ConfigureAwait(false);
        return new LockerStats(reply[0].Number, reply[1].Number, reply[2].Number);
    }

    /// <summary>One page of keys, and the cursor of the next page; no keys if a server of a cluster is gone in the middle of its pages.</summary>
    internal async Task<(string[] Keys, string? Next)> ScanAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken)
    {
        if (cursor is not null && !ulong.TryParse(cursor.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            throw new ArgumentException("'cursor' must be the cursor of the page before.", nameof(cursor));
        }

        string pattern = keys.LockPattern(ns);
        if (!connection.IsCluster)
        {
            RedisReply reply = await EvaluateAsync(LockerScripts.Scan, [], [cursor ?? "0", pattern, limit], cancellationToken).ConfigureAwait(false);
            return (KeysOf(reply), reply[0].Text is var at && at == "0" ? null : at);
        }

        ClusterScan.Place? place = cursor is null ? await ClusterScan.NextAsync(connection, ClusterScan.Start, cancellationToken).ConfigureAwait(false) : ClusterScan.Place.Parse(cursor);
        EndPoint? server = connection.Primaries.FirstOrDefault(primary => RedisConfiguration.Text(primary) == place?.Server);
        string[] page = [];
        if (place is not null && server is not null)
        {
            ValueTask<RedisReply> pending = connection.EvaluateAtAsync(server, LockerScripts.Scan, [place.At, pattern, limit], cancellationToken);
            RedisReply reply = await TranslateAsync(pending, LockerScripts.Scan, ns).ConfigureAwait(false);
            (page, place) = (KeysOf(reply), place with { At = reply[0].Text });
        }

        // The slots of a server that is gone are elsewhere: at one that was not scanned yet, or at one whose slots have changed.
        if (place is not null && (server is null || place.At == "0"))
            place = await ClusterScan.NextAsync(connection, place, cancellationToken).ConfigureAwait(false);
        return (page, place?.ToString());

        string[] KeysOf(RedisReply reply) => [.. reply[1].Texts.Select(name => keys.KeyOfLock(ns, name)).OfType<string>().Distinct(StringComparer.Ordinal)];
    }
}
