namespace Latchwork.Redis.Maintenance;

/// <summary>All that is stored of an event on its way from one partition to another.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Fields">Due time (as in a lease), end of the lease, time of death, body, record of its tries, lease (empty for none); then slot and failure in turn.</param>
/// <param name="Replace">Whether what has its id in the other partition is replaced.</param>
internal sealed record RawEvent(string Id, IReadOnlyList<ReadOnlyMemory<byte>> Fields, bool Replace)
{
    public const int FirstFailure = 6;
    private const int DueTime = 0, LeaseEnd = 1, DeathTime = 2, Payload = 3, Lease = 5;

    public ReadOnlyMemory<byte> Body => Fields[Payload];

    /// <summary>Whether it is in any state.</summary>
    public bool IsThere => Fields[DueTime].Length + Fields[LeaseEnd].Length + Fields[DeathTime].Length > 0;

    /// <summary>The same, one that was held by TakeEvents, scheduled again for the due time in its lease (see events.lua); neither its token nor its node has a space.</summary>
    public RawEvent Scheduled()
    {
        const int DueInLease = 3;
        ReadOnlyMemory<byte>[] fields = [.. Fields];
        string due = Encoding.ASCII.GetString(fields[Lease].Span).Split(' ')[DueInLease];
        (fields[DueTime], fields[LeaseEnd], fields[Lease]) = (Encoding.ASCII.GetBytes(due), default, default);
        return this with { Fields = fields };
    }

    /// <summary>
    /// Reads events as they are stored, as many of them as fit, and stores those that are there in the partitions where they belong under the
    /// number <paramref name="count"/>; each is changed on its way.
    /// </summary>
    /// <returns>How many ids were looked at; which of them were stored; and which not, as their ids are there already, and not to be replaced.</returns>
    public static async Task<(int Read, List<string> Placed, List<string> Taken)> MoveAsync(
        RedisTimerStore store, TimerPartition partition, PartitionNumber mark, int count, IReadOnlyList<string> ids, Func<RawEvent, RawEvent> change, CancellationToken cancellationToken)
    {
        (long clockOffset, RawEvent[] read) = await ReadAsync(store, partition, mark, ids, cancellationToken).ConfigureAwait(false);
        List<string> written = [], taken = [];
        foreach (IGrouping<TimerPartition, RawEvent> group in read.Where(static e => e.IsThere).GroupBy(e => TimerPartition.Of(partition.Namespace, e.Id, count)))
        {
            RawEvent[] events = [.. group.Select(change)];
            bool[] answers = await WriteAsync(store, group.Key, mark, clockOffset, events, cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < events.Length; i++) (answers[i] ? written : taken).Add(events[i].Id);
        }

        return (read.Length, written, taken);
    }

    private static async Task<(long ClockOffset, RawEvent[] Events)> ReadAsync(
        RedisTimerStore store, TimerPartition partition, PartitionNumber mark, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        RedisTimerStore.CheckBatch(ids.Count);
        RedisReply reply = await store.SendAsync(TimerScript.ReadEvents, partition, mark, cancellationToken, [.. ids.Select(static id => (RedisValue)id)]).ConfigureAwait(false);
        var events = new RawEvent[reply.Length - 1];
        for (int i = 0; i < events.Length; i++)
        {
            RedisReply item = reply[i + 1];
            events[i] = new RawEvent(ids[i], [.. Enumerable.Range(0, item.Length).Select(f => item[f].Bytes)], Replace: true);
        }

        return (reply[0].Number, events);
    }

    private static async Task<bool[]> WriteAsync(
        RedisTimerStore store, TimerPartition partition, PartitionNumber mark, long clockOffset, RawEvent[] events, CancellationToken cancellationToken)
    {
        int largest = Math.Max(0, events.Max(static e => e.Body.Length) - TimerCodec.BodyPrefix);
        ArgumentList arguments = store.Begin(mark.ToString(), events.Sum(static e => 3 + e.Fields.Count), clockOffset, largest);
        foreach (RawEvent e in events)
        {
            RedisValue[] fields = [.. e.Fields];
            arguments.Add(e.Id, e.Replace ? 1 : 0);
            arguments.Add(fields.AsSpan(0, FirstFailure));
            arguments.Add((fields.Length - FirstFailure) / 2);
            arguments.Add(fields.AsSpan(FirstFailure));
        }

        (RedisReply reply, LatchworkStoreException? shortfall) = await store.WriteAsync(TimerScript.WriteEvents, partition, arguments.All, cancellationToken).ConfigureAwait(false);
        if (shortfall is not null) throw shortfall; // they stay where they were as well; the next run continues
        return TimerCodec.Outcomes(reply, static digit => digit == 0);
    }
}
