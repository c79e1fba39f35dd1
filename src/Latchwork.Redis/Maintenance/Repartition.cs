namespace Latchwork.Redis.Maintenance;

/// <summary>Changes the number of partitions of a namespace, say from 5 to 12.</summary>
/// <remarks>
/// <para>
/// No step touches two partitions, which may be on two servers. (1) One partition after the other is locked: instead of <c>5</c> it records
/// <c>5&gt;12</c>, so every script of any client, of any version, is refused. Only if no node listens. (2) When all are locked, partition by
/// partition and page by page, each event that belongs elsewhere under the new number is read, stored there as it is, and then deleted. (3) From
/// the last to the first the partitions are opened: they record <c>12</c>. Those that are none of the namespace any more keep nothing but that
/// number, so that a client that still knows of them is refused.
/// </para>
/// <para>
/// What happens if a step is the last that this process makes: in (1) nothing has moved, and clients find the namespace closed. In (2) a batch may
/// be in two partitions, both of which are closed, and the next run stores it again, in the place of itself, and deletes it. If a partition of
/// the former ones records <c>12</c>, then (2) is over forever, and the next run only opens the others. The first partition, which every client
/// asks first, is locked first and opened last. Every script names <c>5&gt;12</c> and is refused where something else is recorded, so what was sent by
/// a process that is gone does nothing once it is over. Turning back is the same with <c>12&gt;5</c>, which replaces <c>5&gt;12</c>.
/// </para>
/// </remarks>
/// <param name="store">The store.</param>
/// <param name="ns">The namespace.</param>
/// <param name="mark">From which number to which.</param>
/// <param name="progress">Is told how many events were moved.</param>
internal sealed class Repartition(RedisTimerStore store, string ns, PartitionNumber mark, Action<long>? progress)
{
    /// <summary>The most ids that are named.</summary>
    private const int MaxNamed = 20;

    private readonly int _to = mark.To!.Value, _count = Math.Max(mark.From, mark.To.Value);

    public long Moved { get; private set; }
    public List<string> Doubled { get; } = [];

    /// <returns>What stands in the way; null if it was done.</returns>
    public async Task<string?> MakeAsync(CancellationToken cancellationToken)
    {
        bool[] done = new bool[_count];
        foreach (bool checkOnly in (bool[])[true, false])
        {
            for (int i = 0; i < _count; i++)
            {
                RedisReply reply = await SendAsync(TimerScript.LockPartition, i, cancellationToken, mark.From, _to, i, checkOnly ? 1 : 0).ConfigureAwait(false);
                string[] answer = reply.Texts;
                if (ObstacleOf(answer[0], answer[1..]) is { } obstacle) return obstacle;
                done[i] = answer[0] == "done";
            }
        }

        // Of the first partition, which is locked first and opened last: nobody can change it any more. Each that is opened gets it before anybody can claim.
        string pause = (await PartitionState.ReadAsync(store, new TimerPartition(ns, 0), cancellationToken).ConfigureAwait(false)).Pause;

        if (!Array.Exists(done, static one => one))
            for (int i = 0; i < _count; i++) await EmptyAsync(i, cancellationToken).ConfigureAwait(false);

        for (int i = _count - 1; i >= 0; i--)
        {
            if (done[i]) continue;
            long left = (await SendAsync(TimerScript.UnlockPartition, i, cancellationToken, _to, i < _to ? 1 : 0, pause).ConfigureAwait(false)).Number;
            if (left > 0) throw new LatchworkStoreException($"Partition {i} of '{ns}' still has {left} events that belong elsewhere. Run it again; if that does not help, please report it.", StoreOutcome.NotApplied);
        }

        return null;
    }

    private ValueTask<RedisReply> SendAsync(
        TimerScript script, int index, CancellationToken cancellationToken, params ReadOnlySpan<RedisValue> arguments) =>
        store.SendAsync(script, new TimerPartition(ns, index), mark, cancellationToken, arguments);

    private string? ObstacleOf(string answer, string[] names) => answer switch
    {
        "listened" => $"Nodes listen to the timer namespace '{ns}': {string.Join(", ", names)}. Stop them first (one that died counts as listening for some seconds), and run it again.",
        "sealed" => $"The timer namespace '{ns}' is closed, as it is or was moved to {TransferMark.Parse(names[0])!.Place}.",
        "importing" => $"The timer namespace '{ns}' is the target of a move from {TransferMark.Parse(names[0])!.Place} that is not over. End that first.",
        _ => null,
    };

    /// <summary>Moves to their partitions the events that one partition has, and that belong to others.</summary>
    private async Task EmptyAsync(int index, CancellationToken cancellationToken)
    {
        await MoveSchedulesAsync(index, cancellationToken).ConfigureAwait(false);
        if (index >= Math.Min(mark.From, _to)) await MoveCountersAsync(index, cancellationToken).ConfigureAwait(false);
        await MoveCompletedAsync(new TimerPartition(ns, index), cancellationToken).ConfigureAwait(false);
        foreach (TimerState state in (TimerState[])[TimerState.Scheduled, TimerState.InFlight, TimerState.DeadLettered])
        {
            (string Id, string Score) last = ("", "");
            while (true)
            {
                RedisReply reply = await SendAsync(
                    TimerScript.ScanEvents, index, cancellationToken, (int)state, last.Score, last.Id, Limits.MaxBatch).ConfigureAwait(false);
                (string Id, string Score)[] page = reply.Pairs;
                string[] leaving = [.. page.Select(static e => e.Id).Where(id => HomeOf(id, _to) != index)];
                while (leaving.Length > 0) leaving = leaving[(await MoveAsync(index, leaving, cancellationToken).ConfigureAwait(false))..];
                if (page.Length == 0) break;
                last = page[^1];
            }
        }
    }

    /// <summary>Moves the records of schedules as events are moved: placed as they are, then deleted. The same record again takes its own place.</summary>
    private async Task MoveSchedulesAsync(int index, CancellationToken cancellationToken)
    {
        const int AtOnce = 20;
        string last = "";
        while (true)
        {
            string[] page = (await SendAsync(TimerScript.ScanSchedules, index, cancellationToken, last, AtOnce).ConfigureAwait(false)).Texts;
            if (page.Length == 0) return;
            last = page[^1];
            foreach (IGrouping<int, string> group in page.GroupBy(id => HomeOf(id, _to)).Where(group => group.Key != index))
            {
                RedisValue[] ids = [.. group.Select(static id => (RedisValue)id)];
                RedisReply read = await SendAsync(TimerScript.MoveSchedules, index, cancellationToken, ["read", .. ids]).ConfigureAwait(false);
                RedisValue[] placed = [.. Enumerable.Range(0, ids.Length).Where(i => read[2 * i].Bytes.Length > 0).SelectMany(i => (RedisValue[])[ids[i], read[2 * i].Bytes, read[2 * i + 1].Bytes])];
                if (placed.Length > 0) await SendAsync(TimerScript.MoveSchedules, group.Key, cancellationToken, ["place", .. placed]).ConfigureAwait(false);
                await SendAsync(TimerScript.MoveSchedules, index, cancellationToken, ["drop", .. ids]).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Moves to their partitions the lines that one partition has, and that belong to others.</summary>
    private async Task MoveCompletedAsync(TimerPartition partition, CancellationToken cancellationToken)
    {
        string? cursor = null;
        do
        {
            CompletedRows rows = await store.ReadCompletedAsync(TimerScript.ScanCompleted, partition, mark.ToString(), cursor, Limits.MaxBatch, cancellationToken).ConfigureAwait(false);
            foreach (IGrouping<TimerPartition, CompletedRow> group in rows.Lines.GroupBy(row => TimerPartition.Of(ns, row.Id, _to)).Where(group => group.Key != partition))
            {
                RedisValue[] placed = [.. group.SelectMany(static row => (RedisValue[])[row.Id, row.At, row.Record])];
                RedisValue[] ids = [.. group.Select(static row => (RedisValue)row.Id)];
                await SendAsync(TimerScript.MoveCompleted, group.Key.Index, cancellationToken, ["place", .. placed]).ConfigureAwait(false);
                await SendAsync(TimerScript.MoveCompleted, partition.Index, cancellationToken, ["drop", .. ids]).ConfigureAwait(false);
            }

            cursor = rows.Cursor;
        }
        while (cursor is not null);
    }

    /// <summary>
    /// Adds the counters of a partition that comes or goes to those of the first, once, and deletes them there: also of one that stays, as the change was turned back
    /// after they were added.
    /// </summary>
    private async Task MoveCountersAsync(int index, CancellationToken cancellationToken)
    {
        TimerCounters counters = CounterFields.Read(await SendAsync(TimerScript.MoveCounters, index, cancellationToken).ConfigureAwait(false));
        if (counters == TimerCounters.Zero) return;
        await SendAsync(TimerScript.MoveCounters, 0, cancellationToken, [index, .. CounterFields.ToArguments(counters)]).ConfigureAwait(false);
        await SendAsync(TimerScript.MoveCounters, index, cancellationToken, "").ConfigureAwait(false);
    }

    /// <returns>How many of the ids it moved: as many as fit into a batch.</returns>
    private async Task<int> MoveAsync(int index, string[] ids, CancellationToken cancellationToken)
    {
        // What was in its partition is right; what was in another one (a damage) replaces nothing. One that is gone was moved by another process.
        (int count, _, List<string> taken) = await RawEvent.MoveAsync(
            store, new TimerPartition(ns, index), mark, _to, ids, e => e with { Replace = HomeOf(e.Id, mark.From) == index }, cancellationToken).ConfigureAwait(false);
        Doubled.AddRange(taken.Take(MaxNamed - Doubled.Count));
        await SendAsync(TimerScript.DropEvents, index, cancellationToken, [.. ids[..count].Select(static id => (RedisValue)id)]).ConfigureAwait(false);
        Moved += count;
        progress?.Invoke(Moved);
        return count;
    }

    private int HomeOf(string id, int partitions) => TimerPartition.Of(ns, id, partitions).Index;
}
