namespace Latchwork.Redis.Timers;

/// <content>Looking without changing, and what is done with the dead.</content>
internal sealed partial class RedisTimerStore
{
    private static readonly TimeSpan _forgottenAfter = TimeSpan.FromHours(1);

    public async Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Peek, partition, cancellationToken, id).ConfigureAwait(false);
        if (reply.IsNull) return null;
        if ((TimerState)reply[1].Number == TimerState.Completed) return CompletedCodec.Show(id, reply[3].Number, reply[4].Bytes.Span);
        const int Offset = 11;
        TimerSnapshot snapshot = ReadSnapshot(id, reply, Offset);
        return snapshot.State == TimerState.InFlight ? Held(snapshot, reply[9], reply[10], TimerCodec.Now(reply[0], reply[Offset])) : snapshot;
    }

    public async Task<TimerPage> UpcomingAsync(
        TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken)
    {
        RedisValue most = Math.Clamp(limit, 1, Limits.MaxBatch);
        ValueTask<RedisReply> pending = cursor is null
            ? SendAsync(TimerScript.Upcoming, partition, cancellationToken, most, Microseconds(offset), Microseconds(duration), "", 1)
            : NextAsync(PageCursor.Parse(cursor));
        return ReadPage(TimerState.Scheduled, await pending.ConfigureAwait(false));

        ValueTask<RedisReply> NextAsync(PageCursor from) => SendAsync(
            TimerScript.Upcoming, partition, cancellationToken, most, from.After.At, from.After.Id, from.End == long.MaxValue ? "" : from.End, 0);

        static RedisValue Microseconds(TimeSpan? span) => span is { } given ? TimerCodec.Microseconds(given) : "";
    }

    public async Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken)
    {
        const int First = 3, Width = 10;
        InFlightCursor from = cursor is null ? default : InFlightCursor.Parse(cursor, default);
        RedisReply reply = await SendAsync(
            TimerScript.InFlight, partition, cancellationToken,
            Math.Clamp(limit, 1, Limits.MaxBatch), cursor is null ? "" : from.After.At, cursor is null ? "" : from.After.Id).ConfigureAwait(false);
        StoreTime now = TimerCodec.Now(reply[0], reply[2]);
        if (cursor is null) from = InFlightCursor.Parse(null, now);
        var items = new TimerSnapshot[(reply.Length - First) / Width];
        for (int i = 0; i < items.Length; i++)
        {
            int at = First + (i * Width);
            TimerSnapshot snapshot = Snapshot(
                reply[at].Text, TimerState.InFlight, now, reply[at + 5].Number, reply[at + 1].Number, reply[at + 2], reply[at + 3], reply[at + 4]);
            items[i] = Held(snapshot with { Token = reply[at + 6].Text, NodeId = reply[at + 7].Text }, reply[at + 8], reply[at + 9], now);
        }

        return from.Cut(items, reply[1].Number == 1 ? new TimedId(reply[^9].Number, reply[^10].Text) : null, now);
    }

    public async Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken)
    {
        TimedId? after = cursor is null ? null : PageCursor.Parse(cursor).After;
        RedisReply reply = await SendAsync(
            TimerScript.DeadLetters, partition, cancellationToken, Math.Clamp(limit, 1, Limits.MaxBatch), after is { At: var at } ? at : "", after?.Id ?? "").ConfigureAwait(false);
        return ReadPage(TimerState.DeadLettered, reply);
    }

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
        SettleAsync(TimerScript.Requeue, partition, keys, DeathOf, cancellationToken, ChannelOf(partition), TimerCodec.Encode(due));

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
        SettleAsync(TimerScript.Purge, partition, keys, DeathOf, cancellationToken);

    public async Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken)
    {
        var nodes = new Dictionary<string, TimerNode>(StringComparer.Ordinal);
        string cursor = "0";
        do
        {
            RedisReply reply = await SendAsync(TimerScript.Nodes, partition, cancellationToken, cursor).ConfigureAwait(false);
            ReadNodes(reply[2], reply[0].Number, nodes);
            cursor = reply[1].Text;
        }
        while (cursor != "0");
        return [.. nodes.Values.OrderBy(node => node.NodeId, StringComparer.Ordinal)];
    }

    public async Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Stats, partition, cancellationToken).ConfigureAwait(false);
        StoreTime now = TimerCodec.Now(reply[0], reply[8]);
        TimeSpan? overdue = null;
        if (!reply[5].Bytes.IsEmpty && reply[5].Number <= now.Milliseconds) overdue = now.Since(reply[5].Number);
        return new TimerStats(reply[1].Number, reply[2].Number, reply[3].Number, reply[4].Number, overdue)
        {
            Pause = PauseText.Parse(reply[6].Text),
            Counters = CounterFields.Read(reply[7], 0, now),
        };
    }

    public async Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken)
    {
        await RegisterAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        RedisValue since = request.Since is { } given ? given.ToUnixTimeMilliseconds() : "";
        RedisReply reply = await SendAsync(
            TimerScript.Pause, partition, cancellationToken, ChannelOf(partition), since, PauseText.WriteRest(request.By, request.Reason)).ConfigureAwait(false);
        if (reply[1].Number == 1) await RegisterAgainAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        return PauseText.Parse(reply[0].Text)!;
    }

    public async Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        PauseText.Parse((await SendAsync(TimerScript.Resume, partition, cancellationToken, ChannelOf(partition)).ConfigureAwait(false)).Text);

    // See deadOf in events.lua.
    private static (RedisValue Id, RedisValue Mark) DeathOf(DeadLetterKey key) => (
        key.Id,
        key.Stamp is { } stamp ? string.Create(CultureInfo.InvariantCulture, $"={stamp}")
        : key.DeadLetteredAt is { } shown ? shown.ToUnixTimeMilliseconds()
        : "");

    /// <summary>Reads records of nodes (see Claim.lua). Those silent for an hour are about to be forgotten, and not listed any more.</summary>
    private static void ReadNodes(RedisReply reply, long nowUs, Dictionary<string, TimerNode> nodes)
    {
        const long SilentAfterMs = 3000;
        for (int i = 0; i < reply.Length; i += 2)
        {
            ReadOnlySpan<byte> record = reply[i + 1].Bytes.Span;
            TimeSpan lastSeen = TimerCodec.Span(Math.Max(0, nowUs - TimerCodec.ReadNumber(ref record)));
            long pollSlot = TimerCodec.ReadNumber(ref record);
            bool full = TimerCodec.ReadNumber(ref record) == 1;
            int held = (int)TimerCodec.ReadNumber(ref record);
            if (lastSeen > _forgottenAfter) continue;

            TimerNodeState state = pollSlot < nowUs / 1000 - SilentAfterMs ? TimerNodeState.Silent : full ? TimerNodeState.Full : TimerNodeState.Listening;
            string id = reply[i].Text;
            nodes[id] = new TimerNode(id, state, held, lastSeen);
        }
    }

    /// <summary>Reads what the scripts Peek and Next say of an event; from <paramref name="offset"/> on the offset of the clock, and whether its time is absolute.</summary>
    internal static TimerSnapshot ReadSnapshot(string id, RedisReply reply, int offset)
    {
        var state = (TimerState)reply[1].Number;
        TimerSnapshot snapshot = Snapshot(id, state, TimerCodec.Now(reply[0], reply[offset]), reply[2].Number, reply[3].Number, reply[4], reply[5], reply[6]) with { IsAbsolute = reply[offset + 1].Number == 1 };
        return state == TimerState.InFlight ? snapshot with { Token = reply[7].Text, NodeId = reply[8].Text } : snapshot;
    }

    private static TimerSnapshot Held(TimerSnapshot snapshot, RedisReply claimed, RedisReply notBegun, StoreTime now) => snapshot with
    {
        ClaimedAt = claimed.Number > 0 ? now.Show(claimed.Number) : null,
        HasBegun = notBegun.Number != 1,
    };

    /// <summary>Reads what the scripts Upcoming and Dead return.</summary>
    private static TimerPage ReadPage(TimerState state, RedisReply reply)
    {
        const int First = 5, Width = 5;
        StoreTime now = TimerCodec.Now(reply[0], reply[3]);
        RedisReply aheads = reply[4];
        var snapshots = new TimerSnapshot[(reply.Length - First) / Width];
        for (int i = 0; i < snapshots.Length; i++)
        {
            int at = First + (i * Width);
            long score = reply[at + 1].Number;
            long? raw = aheads.Length > 0 && !aheads[i].IsNull ? score - aheads[i].Number : null;
            snapshots[i] = Snapshot(reply[at].Text, state, now, now.DueOf(new DueTime(score, raw)), score, reply[at + 2], reply[at + 3], reply[at + 4]);
        }

        if (reply[2].Number == 0) return new TimerPage(snapshots, null);
        var last = new TimedId(reply[^4].Number, reply[^5].Text);
        return new TimerPage(snapshots, new PageCursor(last, reply[1].Bytes.IsEmpty ? long.MaxValue : reply[1].Number).ToString());
    }

    // All times but the present one are in ms. Of a dead letter its record says when it was due, and `end` is the time of its death.
    private static TimerSnapshot Snapshot(string id, TimerState state, StoreTime now, long due, long end, RedisReply tries, RedisReply failures, RedisReply stored)
    {
        bool isDamaged = !TimerCodec.TryDecodePast(tries.Bytes.Span, failures.Bytes.Span, out EventPast past);
        isDamaged |= !TimerCodec.TryDecodeBody(stored.Bytes, out EventBody body);
        bool dead = state == TimerState.DeadLettered;
        if (dead) due = past.Due;
        return new TimerSnapshot
        {
            Id = id,
            State = state,
            Due = now.Show(due),
            TimeLeft = state == TimerState.Scheduled ? now.WholeUntil(due) : TimeSpan.Zero,
            LeaseLeft = state == TimerState.InFlight ? now.WholeUntil(end) : null,
            Retries = past.Retries,
            Interruptions = past.Interruptions,
            MaxRetries = body.MaxRetries,
            Payload = body.Payload,
            Headers = body.Headers,
            DeadLetterReason = dead ? past.Reason : null,
            DeadLetteredAt = dead ? now.Show(end) : null,
            DeadLetterStamp = dead ? end : null,
            DeadLetteredFor = dead ? now.Since(end) : null,
            Failures = past.Failures.ShownBy(now),
            IsDamaged = isDamaged,
        };
    }
}
