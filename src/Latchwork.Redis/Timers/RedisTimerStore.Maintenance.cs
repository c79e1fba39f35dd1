namespace Latchwork.Redis.Timers;

/// <content>
/// The steps of examining a partition (see <see cref="IStoreChecker"/>) and of changing the number of partitions (see <see cref="Repartition"/>).
/// Each is one script on one partition, which decides.
/// </content>
internal sealed partial class RedisTimerStore
{
    /// <summary>Examines a page of the events in one state.</summary>
    internal async Task<(IReadOnlyList<(string Id, string Score)> Page, IReadOnlyList<(string What, string Name)> Found)> CheckStatesAsync(
        TimerPartition partition, PartitionNumber number, TimerState state, (string Id, string Score)? after, bool fix, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(
            TimerScript.CheckStates, partition, number, cancellationToken, (int)state, after?.Score ?? "", after?.Id ?? "", fix ? 1 : 0).ConfigureAwait(false);
        return (Pairs(reply[0]), Pairs(reply[1]));
    }

    /// <summary>
    /// Examines a piece of one of the things that the script can scan (<see cref="TimerScript.CheckBodies"/> and the two after it). The cursor
    /// is <c>0</c> at first, then the one returned, which is null at the end.
    /// </summary>
    internal async Task<(string? Cursor, IReadOnlyList<(string What, string Name)> Found)> CheckPieceAsync(
        TimerScript script, TimerPartition partition, PartitionNumber number, int which, string cursor, bool fix, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(script, partition, number, cancellationToken, cursor, fix ? 1 : 0, which).ConfigureAwait(false);
        return (reply[0].Text is var next && next == "0" ? null : next, Pairs(reply[1]));
    }

    /// <summary>Holds scheduled events that are in the wrong partition.</summary>
    /// <returns>Of each whether it is held now.</returns>
    internal async Task<bool[]> TakeEventsAsync(
        TimerPartition partition, PartitionNumber number, string token, string node, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        long lease = TimerCodec.Microseconds(TimeSpan.FromMinutes(1));
        RedisReply reply = await SendAsync(
            TimerScript.TakeEvents, partition, number, cancellationToken, [token, node, lease, .. ids.Select(static id => (RedisValue)id)]).ConfigureAwait(false);
        return TimerCodec.Outcomes(reply, static digit => digit == 0);
    }

    /// <summary>Ends, or hands back, what <see cref="TakeEventsAsync"/> held.</summary>
    internal async Task EndTakeAsync(
        TimerPartition partition, PartitionNumber number, string token, IReadOnlyList<string> ids, bool confirm, CancellationToken cancellationToken)
    {
        if (ids.Count == 0) return;
        if (confirm) await SendAsync(TimerScript.Confirm, partition, Pairs(number.ToString(), ids, Held), cancellationToken).ConfigureAwait(false);
        else await SendAsync(TimerScript.Release, partition, Pairs(number.ToString(), ids, Held, BellOf(partition)), cancellationToken).ConfigureAwait(false);

        (RedisValue Id, RedisValue Mark) Held(string id) => (id, token);
    }

    /// <summary>Deletes dead letters, if they died at the time at which they were seen.</summary>
    internal async Task PurgeAsync(TimerPartition partition, PartitionNumber number, IReadOnlyList<(string Id, string Score)> deadLetters, CancellationToken cancellationToken)
    {
        if (deadLetters.Count == 0) return;
        RedisValue[] arguments = Pairs(number.ToString(), deadLetters, static deadLetter => (deadLetter.Id, deadLetter.Score));
        await SendAsync(TimerScript.Purge, partition, arguments, cancellationToken).ConfigureAwait(false);
    }

    internal async Task DropJournalAsync(TimerPartition partition, PartitionNumber number, CancellationToken cancellationToken) =>
        await SendAsync(TimerScript.DropJournal, partition, number, cancellationToken).ConfigureAwait(false);

    /// <summary>Says what a partition is, whatever its layout.</summary>
    internal async Task<PartitionState> PeekPartitionAsync(TimerPartition partition, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.PeekPartition, partition, cancellationToken).ConfigureAwait(false);
        return new PartitionState(
            reply[0].Text, reply[1].Text, TransferMark.Parse(reply[2].Text), TransferMark.Parse(reply[3].Text), reply[4].Number, reply[5].Number == 1);
    }

    /// <summary>Closes a partition to everybody else, or says what stands in the way.</summary>
    internal async Task<(string Answer, IReadOnlyList<string> Names)> LockPartitionAsync(
        TimerPartition partition, PartitionNumber mark, bool checkOnly, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(
            TimerScript.LockPartition, partition, mark, cancellationToken, mark.From, mark.To!.Value, partition.Index, checkOnly ? 1 : 0).ConfigureAwait(false);
        string[] texts = reply.Texts;
        return (texts[0], texts[1..]);
    }

    /// <summary>A page of the ids in one state.</summary>
    internal async Task<IReadOnlyList<(string Id, string Score)>> ScanPartitionAsync(
        TimerPartition partition, PartitionNumber mark, TimerState state, (string Id, string Score)? after, CancellationToken cancellationToken) =>
        Pairs(await SendAsync(
            TimerScript.ScanPartition, partition, mark, cancellationToken, (int)state, after?.Score ?? "", after?.Id ?? "", Limits.MaxBatch).ConfigureAwait(false));

    /// <summary>
    /// Reads events as they are stored, as many of them as fit, and stores those that are there in the partitions where they belong under the
    /// number <paramref name="count"/>; each is changed on its way.
    /// </summary>
    /// <returns>How many ids were looked at; which of them were stored; and which not, as their ids are there already, and not to be replaced.</returns>
    internal async Task<(int Read, List<string> Placed, List<string> Taken)> MoveAsync(
        TimerPartition partition, PartitionNumber mark, int count, IReadOnlyList<string> ids, Func<RawEvent, RawEvent> change, CancellationToken cancellationToken)
    {
        (long clockOffset, RawEvent[] read) = await ReadEventsAsync(partition, mark, ids, cancellationToken).ConfigureAwait(false);
        List<string> written = [], taken = [];
        foreach (IGrouping<TimerPartition, RawEvent> group in read.Where(static e => e.IsThere).GroupBy(e => TimerPartition.Of(partition.Namespace, e.Id, count)))
        {
            RawEvent[] events = [.. group.Select(change)];
            bool[] answers = await WriteEventsAsync(group.Key, mark, clockOffset, events, cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < events.Length; i++) (answers[i] ? written : taken).Add(events[i].Id);
        }

        return (read.Length, written, taken);
    }

    /// <summary>Deletes events that are stored elsewhere.</summary>
    internal async Task DropAsync(TimerPartition partition, PartitionNumber mark, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        await SendAsync(TimerScript.Drop, partition, mark, cancellationToken, [.. ids.Select(static id => (RedisValue)id)]).ConfigureAwait(false);

    /// <summary>Opens a partition under the new number, or ends it if it is none of the namespace any more.</summary>
    /// <returns>How many events stand in the way.</returns>
    internal async Task<long> UnlockPartitionAsync(TimerPartition partition, PartitionNumber mark, CancellationToken cancellationToken) =>
        (await SendAsync(TimerScript.UnlockPartition, partition, mark, cancellationToken, mark.To!.Value, partition.Index < mark.To ? 1 : 0).ConfigureAwait(false)).Number;

    private async Task<(long ClockOffset, RawEvent[] Events)> ReadEventsAsync(
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

    private async Task<bool[]> WriteEventsAsync(
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
        if (shortfall is not null) throw shortfall; // they stay where they were as well; the next run goes on
        return TimerCodec.Outcomes(reply, static digit => digit == 0);
    }

    private static (string First, string Second)[] Pairs(RedisReply reply) =>
        [.. reply.Texts.Chunk(2).Select(static pair => (pair[0], pair[1]))];
}
