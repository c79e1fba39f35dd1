namespace Latchwork.Redis.Timers;

/// <content>
/// What examining a partition (see <see cref="PartitionChecker"/>) and changing the number of partitions (see <see cref="Repartition"/>) have in
/// common. Each step of both is one script on one partition, which decides.
/// </content>
internal sealed partial class RedisTimerStore
{
    /// <summary>Says what a partition is, whatever its layout.</summary>
    internal async Task<PartitionState> PeekPartitionAsync(TimerPartition partition, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.PeekPartition, partition, cancellationToken).ConfigureAwait(false);
        return new PartitionState(
            reply[0].Text, reply[1].Text, TransferMark.Parse(reply[2].Text), TransferMark.Parse(reply[3].Text), reply[4].Number, reply[5].Number == 1, reply[6].Text);
    }

    /// <inheritdoc cref="IStoreMaintenance.DropTimersAsync"/>
    internal async Task<NamespaceDrop?> DropAsync(string ns, bool force, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> known = await NamespacesAsync(cancellationToken).ConfigureAwait(false);
        if (!known.Contains(ns) && await FindAsync(ns, cancellationToken).ConfigureAwait(false) is null) return null;
        TransferMarks marks = (await MarksAsync(ns, null, cancellationToken).ConfigureAwait(false)).Marks;
        if (marks.Import is { Phase: TransferPhase.Importing or TransferPhase.Closed } import) throw MaintenanceRules.RefuseDrop(ns, import);

        // First a check of all of them, so that none is deleted as long as anything stands in the way of another.
        NamespaceDrop look = await PassAsync(lookOnly: true).ConfigureAwait(false);
        if (look.Listeners.Count > 0 || (look.Events > 0 && !force)) return look;
        NamespaceDrop drop = await PassAsync(lookOnly: false).ConfigureAwait(false);
        if (!drop.IsDropped) return drop;

        // A post that begins the namespace anew notes it in the list, perhaps before it is taken off it here.
        _registered.TryRemove(ns, out _);
        _opened.TryRemove(ns, out _);
        await EvaluateAsync(TimerScript.Unregister, ns, cancellationToken).ConfigureAwait(false);
        bool[] again = await EachAsync(PartitionsOf(ns), partition => ExistsAsync(partition, cancellationToken)).ConfigureAwait(false);
        if (again.Contains(true)) await RegisterAgainAsync(ns, cancellationToken).ConfigureAwait(false);
        return drop;

        async Task<NamespaceDrop> PassAsync(bool lookOnly)
        {
            NamespaceDrop[] parts = await EachAsync(PartitionsOf(ns), async partition =>
            {
                RedisReply reply = await SendAsync(TimerScript.DropNamespace, partition, cancellationToken, force ? 1 : 0, lookOnly ? 1 : 0).ConfigureAwait(false);
                return new NamespaceDrop(reply[1].Number == 1, reply[0].Number, reply.Texts[2..]);
            }).ConfigureAwait(false);
            return new NamespaceDrop(
                Array.TrueForAll(parts, static part => part.IsDropped),
                parts.Sum(static part => part.Events),
                [.. parts.SelectMany(static part => part.Listeners).Distinct(StringComparer.Ordinal).Take(MaintenanceRules.MaxNamed)]);
        }
    }

    /// <summary>
    /// Reads events as they are stored, as many of them as fit, and stores those that are there in the partitions where they belong under the
    /// number <paramref name="count"/>; each is changed on its way.
    /// </summary>
    /// <returns>How many ids were looked at; which of them were stored; and which not, as their ids are there already, and not to be replaced.</returns>
    internal async Task<(int Read, List<string> Placed, List<string> Taken)> MoveAsync(
        TimerPartition partition, PartitionNumber mark, int count, IReadOnlyList<string> ids, Func<RawEvent, RawEvent> change, CancellationToken cancellationToken)
    {
        (long clockOffset, RawEvent[] read) = await ReadRawAsync(partition, mark, ids, cancellationToken).ConfigureAwait(false);
        List<string> written = [], taken = [];
        foreach (IGrouping<TimerPartition, RawEvent> group in read.Where(static e => e.IsThere).GroupBy(e => TimerPartition.Of(partition.Namespace, e.Id, count)))
        {
            RawEvent[] events = [.. group.Select(change)];
            bool[] answers = await WriteRawAsync(group.Key, mark, clockOffset, events, cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < events.Length; i++) (answers[i] ? written : taken).Add(events[i].Id);
        }

        return (read.Length, written, taken);
    }

    private async Task<(long ClockOffset, RawEvent[] Events)> ReadRawAsync(
        TimerPartition partition, PartitionNumber mark, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        CheckBatch(ids.Count);
        RedisReply reply = await SendAsync(TimerScript.ReadEvents, partition, mark, cancellationToken, [.. ids.Select(static id => (RedisValue)id)]).ConfigureAwait(false);
        var events = new RawEvent[reply.Length - 1];
        for (int i = 0; i < events.Length; i++)
        {
            RedisReply item = reply[i + 1];
            events[i] = new RawEvent(ids[i], [.. Enumerable.Range(0, item.Length).Select(f => item[f].Bytes)], Replace: true);
        }

        return (reply[0].Number, events);
    }

    private async Task<bool[]> WriteRawAsync(
        TimerPartition partition, PartitionNumber mark, long clockOffset, RawEvent[] events, CancellationToken cancellationToken)
    {
        int largest = Math.Max(0, events.Max(static e => e.Body.Length) - TimerCodec.BodyPrefix);
        ArgumentList arguments = Begin(mark.ToString(), events.Sum(static e => 3 + e.Fields.Count), clockOffset, largest);
        foreach (RawEvent e in events)
        {
            RedisValue[] fields = [.. e.Fields];
            arguments.Add(e.Id, e.Replace ? 1 : 0);
            arguments.Add(fields.AsSpan(0, RawEvent.FirstFailure));
            arguments.Add((fields.Length - RawEvent.FirstFailure) / 2);
            arguments.Add(fields.AsSpan(RawEvent.FirstFailure));
        }

        (RedisReply reply, LatchworkStoreException? shortfall) = await WriteAsync(TimerScript.WriteEvents, partition, arguments.All, cancellationToken).ConfigureAwait(false);
        if (shortfall is not null) throw shortfall; // they stay where they were as well; the next run continues
        return TimerCodec.Outcomes(reply, static digit => digit == 0);
    }
}
