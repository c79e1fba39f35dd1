namespace Latchwork.Redis.Timers;

/// <content>Looking without changing.</content>
internal sealed partial class RedisTimerStore
{
    private static readonly TimeSpan _forgottenAfter = TimeSpan.FromHours(1);

    /// <inheritdoc/>
    public async Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken)
    {
        ScriptArguments arguments = Arguments(1);
        arguments.Add(id);
        RedisReply reply = await SendAsync(TimerScript.Peek, partition, arguments, cancellationToken).ConfigureAwait(false);
        return reply.IsNull ? null : SnapshotReader.Read(id, reply.Items);
    }

    /// <inheritdoc/>
    public async Task<TimerPage> UpcomingAsync(
        TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Upcoming, partition, UpcomingArguments(offset, duration, cursor, limit), cancellationToken)
            .ConfigureAwait(false);
        return SnapshotReader.ReadPage(TimerState.Scheduled, reply.Items);
    }

    /// <inheritdoc/>
    public async Task<TimerPage> DeadAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Dead, partition, DeadArguments(cursor, limit), cancellationToken).ConfigureAwait(false);
        return SnapshotReader.ReadPage(TimerState.Dead, reply.Items);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(
        TimerPartition partition, IReadOnlyList<DeadKey> keys, Due due, CancellationToken cancellationToken)
    {
        if (keys.Count == 0) return Nothing();
        ScriptArguments arguments = Arguments(2 + 2 * CheckedCount(keys));
        arguments.Add(_keys.Of(partition).Bell);
        arguments.Add(TimerCodec.Encode(due));
        AddDeaths(ref arguments, keys);
        return SettleAsync(TimerScript.Requeue, partition, arguments, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadKey> keys, CancellationToken cancellationToken)
    {
        if (keys.Count == 0) return Nothing();
        ScriptArguments arguments = Arguments(2 * CheckedCount(keys));
        AddDeaths(ref arguments, keys);
        return SettleAsync(TimerScript.Purge, partition, arguments, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<TimerNode>> NodesAsync(TimerPartition partition, CancellationToken cancellationToken)
    {
        var nodes = new Dictionary<string, TimerNode>(StringComparer.Ordinal);
        string cursor = "0";
        do
        {
            RedisReply reply = await SendAsync(TimerScript.Nodes, partition, NodesArguments(cursor), cancellationToken).ConfigureAwait(false);
            ReadNodes(reply.Items[2].Items, reply.Items[0].Number, nodes);
            cursor = reply.Items[1].Text;
        }
        while (cursor != "0");
        return [.. nodes.Values.OrderBy(node => node.NodeId, StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public async Task<TimerStats> StatsAsync(TimerPartition partition, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Stats, partition, Arguments(0), cancellationToken).ConfigureAwait(false);
        return ReadStats(reply.Items);
    }

    private ScriptArguments UpcomingArguments(TimeSpan? offset, TimeSpan? duration, string? cursor, int limit)
    {
        PageCursor? from = PageCursor.Parse(cursor);
        ScriptArguments arguments = Arguments(5);
        arguments.Add(Math.Clamp(limit, 1, Limits.MaxBatch));
        if (from is null)
        {
            arguments.Add(offset is TimeSpan o ? TimerCodec.Microseconds(o) : "");
            arguments.Add(duration is TimeSpan d ? TimerCodec.Microseconds(d) : "");
            arguments.Add("");
            arguments.Add(1);
        }
        else
        {
            arguments.Add(from.Score);
            arguments.Add(from.Id);
            arguments.Add(from.End is long end ? end : "");
            arguments.Add(0);
        }

        return arguments;
    }

    private ScriptArguments DeadArguments(string? cursor, int limit)
    {
        PageCursor? from = PageCursor.Parse(cursor);
        ScriptArguments arguments = Arguments(3);
        arguments.Add(Math.Clamp(limit, 1, Limits.MaxBatch));
        arguments.Add(from is null ? "" : from.Score);
        arguments.Add(from is null ? "" : from.Id);
        return arguments;
    }

    private ScriptArguments NodesArguments(string cursor)
    {
        ScriptArguments arguments = Arguments(1);
        arguments.Add(cursor);
        return arguments;
    }

    private static void AddDeaths(ref ScriptArguments arguments, IReadOnlyList<DeadKey> keys)
    {
        for (int i = 0; i < keys.Count; i++)
        {
            arguments.Add(keys[i].Id);
            arguments.Add(keys[i].DiedAt is DateTimeOffset diedAt ? diedAt.ToUnixTimeMilliseconds() : "");
        }
    }

    /// <summary>Reads records of nodes (see listeners.lua). Those silent for an hour are about to be forgotten, and not listed any more.</summary>
    private static void ReadNodes(RedisReplies items, long nowUs, Dictionary<string, TimerNode> nodes)
    {
        const long SilentAfterMs = 3000;
        for (int i = 0; i < items.Length; i += 2)
        {
            ReadOnlySpan<byte> record = items[i + 1].Bytes.Span;
            TimeSpan lastSeen = TimerCodec.Span(Math.Max(0, nowUs - TimerCodec.ReadNumber(ref record)));
            long turn = TimerCodec.ReadNumber(ref record);
            bool full = TimerCodec.ReadNumber(ref record) == 1;
            int held = (int)TimerCodec.ReadNumber(ref record);
            if (lastSeen > _forgottenAfter) continue;

            TimerNodeState state = turn < nowUs / 1000 - SilentAfterMs ? TimerNodeState.Silent : full ? TimerNodeState.Full : TimerNodeState.Listening;
            string id = items[i].Text;
            nodes[id] = new TimerNode(id, state, held, lastSeen);
        }
    }

    private static TimerStats ReadStats(RedisReplies items)
    {
        long nowUs = items[0].Number;
        TimeSpan? overdue = null;
        if (!items[5].Bytes.IsEmpty && items[5].Number <= nowUs / 1000) overdue = TimerCodec.Span(nowUs - items[5].Number * 1000);
        return new TimerStats(items[1].Number, items[2].Number, items[3].Number, items[4].Number, overdue);
    }
}
