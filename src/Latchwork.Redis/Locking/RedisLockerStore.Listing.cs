namespace Latchwork.Redis.Locking;

/// <content>Looking at keys.</content>
internal sealed partial class RedisLockerStore
{
    /// <inheritdoc/>
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

    /// <inheritdoc/>
    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        CountAsync(ns, [counts.Runs, counts.Takeovers, counts.Failures], cancellationToken);

    /// <inheritdoc/>
    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        CountAsync(ns, [], cancellationToken);

    /// <inheritdoc/>
    public async Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken)
    {
        (RedisReply reply, string? next) = await ScanAsync(ns, _keys.LockPattern(ns), cursor, limit, cancellationToken).ConfigureAwait(false);
        if (reply.IsNull) return new LockerPage([], next);
        IEnumerable<Task<KeySnapshot?>> looks = reply[1].Texts
            .Select(name => _keys.KeyOfLock(ns, name))
            .OfType<string>()
            .Select(key => PeekAsync(new LockerKey(ns, key), cancellationToken));

        // The looks are sent one after the other, without waiting for the replies in between.
        KeySnapshot?[] keys = await Task.WhenAll(looks).ConfigureAwait(false);
        return new LockerPage([.. keys.OfType<KeySnapshot>().Where(key => key.IsLocked)], next);
    }

    private async Task<LockerStats> CountAsync(string ns, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        RedisKey[] keys = _keys.IsInCluster ? [_keys.CountsOf(ns)] : [_keys.CountsOf(ns), _keys.SealOf(ns)];
        RedisReply reply = await TranslateAsync(_connection.EvaluateAsync(LockerScripts.Count, keys, arguments, cancellationToken), LockerScripts.Count, ns).ConfigureAwait(false);
        return new LockerStats(reply[0].Number, reply[1].Number, reply[2].Number);
    }

    /// <summary>One page of names, and the cursor of the next page; the reply is nothing if a server of a cluster is gone in the middle of its pages.</summary>
    private async Task<(RedisReply Reply, string? Next)> ScanAsync(string ns, string pattern, string? cursor, int limit, CancellationToken cancellationToken)
    {
        if (cursor is not null && !ulong.TryParse(cursor.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            throw new ArgumentException("'cursor' must be the cursor of the page before.", nameof(cursor));
        }

        RedisReply reply;
        if (!_connection.IsCluster)
        {
            reply = await EvaluateAsync(LockerScripts.Scan, [], [cursor ?? "0", pattern, limit], cancellationToken).ConfigureAwait(false);
            return (reply, reply[0].Text is var at && at == "0" ? null : at);
        }

        ClusterScan.Place? place = cursor is null ? await ClusterScan.NextAsync(_connection, ClusterScan.Start, cancellationToken).ConfigureAwait(false) : ClusterScan.Place.Parse(cursor);
        EndPoint? server = _connection.Primaries.FirstOrDefault(primary => RedisConfiguration.Text(primary) == place?.Server);
        reply = default;
        if (place is not null && server is not null)
        {
            ValueTask<RedisReply> pending = _connection.EvaluateAtAsync(server, LockerScripts.Scan, [place.At, pattern, limit], cancellationToken);
            reply = await TranslateAsync(pending, LockerScripts.Scan, ns).ConfigureAwait(false);
            place = place with { At = reply[0].Text };
        }

        // The slots of a server that is gone are elsewhere: at one that was not scanned yet, or at one whose slots have changed.
        if (place is not null && (server is null || place.At == "0"))
            place = await ClusterScan.NextAsync(_connection, place, cancellationToken).ConfigureAwait(false);
        return (reply, place?.ToString());
    }
}
