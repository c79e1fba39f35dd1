namespace Latchwork.Redis.Timers;

/// <content>The steps of changing the number of partitions; see <see cref="Repartition"/>. Each is one script on one partition.</content>
internal sealed partial class RedisTimerStore
{
    /// <summary>Says what a partition is, whatever its layout.</summary>
    internal async Task<PartitionState> InspectAsync(TimerPartition partition, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Inspect, partition, Arguments(0), cancellationToken).ConfigureAwait(false);
        return ReadState(reply.Items);
    }

    /// <summary>Closes a partition to everybody else, or says what stands in the way.</summary>
    internal async Task<(string Answer, IReadOnlyList<string> Names)> FreezeAsync(TimerPartition partition, PartitionNumber mark, bool checkOnly, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Freeze, partition, FreezeArguments(partition, mark, checkOnly), cancellationToken).ConfigureAwait(false);
        string[] texts = Texts(reply.Items);
        return (texts[0], texts[1..]);
    }

    /// <summary>A page of the ids in one state.</summary>
    internal async Task<IReadOnlyList<(string Id, string Score)>> RollAsync(
        TimerPartition partition, PartitionNumber mark, TimerState state, (string Id, string Score)? after, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Roll, partition, RollArguments(mark, state, after), cancellationToken).ConfigureAwait(false);
        string[] texts = Texts(reply.Items);
        return [.. Enumerable.Range(0, texts.Length / 2).Select(i => (texts[i * 2], texts[(i * 2) + 1]))];
    }

    /// <summary>Reads events as they are stored: as many of them as fit.</summary>
    internal async Task<LiftedEvents> LiftAsync(TimerPartition partition, PartitionNumber mark, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Lift, partition, WithIds(mark, ids), cancellationToken).ConfigureAwait(false);
        return ReadLifted(reply.Items, ids);
    }

    /// <summary>Stores events in another partition.</summary>
    /// <returns>Of each whether it was stored; if not, its id is there already, and is not to be replaced.</returns>
    internal async Task<bool[]> PlaceAsync(TimerPartition partition, PartitionNumber mark, LiftedEvents events, CancellationToken cancellationToken)
    {
        (RedisReply reply, LatchworkStoreException? shortfall) = await WriteAsync(TimerScript.Place, partition, PlaceArguments(mark, events), cancellationToken).ConfigureAwait(false);
        if (shortfall is not null) throw shortfall; // they stay where they were as well; the next run goes on
        return TimerCodec.Outcomes(reply, static digit => digit == 0);
    }

    internal async Task DropAsync(TimerPartition partition, PartitionNumber mark, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        await SendAsync(TimerScript.Drop, partition, WithIds(mark, ids), cancellationToken).ConfigureAwait(false);

    /// <summary>Opens a partition under the new number, or ends it if it is none of the namespace any more.</summary>
    /// <returns>How many events stand in the way.</returns>
    internal async Task<long> ThawAsync(TimerPartition partition, PartitionNumber mark, CancellationToken cancellationToken) =>
        (await SendAsync(TimerScript.Thaw, partition, ThawArguments(partition, mark), cancellationToken).ConfigureAwait(false)).Number;

    private static PartitionState ReadState(RedisReplies items) => new(
        items[0].Text, items[1].Text, TransferMark.Parse(items[2].Text), TransferMark.Parse(items[3].Text), items[4].Number, items[5].Number == 1);

    private static LiftedEvents ReadLifted(RedisReplies items, IReadOnlyList<string> ids)
    {
        var events = new LiftedEvent[items.Length - 1];
        for (int i = 0; i < events.Length; i++)
        {
            RedisReplies fields = items[i + 1].Items;
            var raw = new ReadOnlyMemory<byte>[fields.Length];
            for (int f = 0; f < raw.Length; f++) raw[f] = fields[f].Bytes;
            events[i] = new LiftedEvent(ids[i], raw, Replace: true);
        }

        return new LiftedEvents(items[0].Number, events);
    }

    private static string[] Texts(RedisReplies replies)
    {
        var texts = new string[replies.Length];
        for (int i = 0; i < texts.Length; i++) texts[i] = replies[i].Text;
        return texts;
    }

    private ScriptArguments FreezeArguments(TimerPartition partition, PartitionNumber mark, bool checkOnly)
    {
        ScriptArguments arguments = Arguments(4, mark.ToString());
        arguments.Add(mark.From);
        arguments.Add(mark.To!.Value);
        arguments.Add(partition.Index);
        arguments.Add(checkOnly ? 1 : 0);
        return arguments;
    }

    private ScriptArguments RollArguments(PartitionNumber mark, TimerState state, (string Id, string Score)? after)
    {
        ScriptArguments arguments = Arguments(4, mark.ToString());
        arguments.Add((int)state);
        arguments.Add(after?.Score ?? "");
        arguments.Add(after?.Id ?? "");
        arguments.Add(Limits.MaxBatch);
        return arguments;
    }

    private ScriptArguments WithIds(PartitionNumber mark, IReadOnlyList<string> ids)
    {
        CheckBatch(ids.Count);
        ScriptArguments arguments = Arguments(ids.Count, mark.ToString());
        foreach (string id in ids) arguments.Add(id);
        return arguments;
    }

    private ScriptArguments PlaceArguments(PartitionNumber mark, LiftedEvents lifted)
    {
        CheckBatch(lifted.Events.Count);
        ScriptArguments arguments = Arguments(2 + lifted.Events.Sum(static e => 3 + e.Fields.Count), mark.ToString());
        arguments.Add(lifted.ClockOffset);
        arguments.Add(Math.Max(0, lifted.Events.Max(static e => e.Fields[LiftedEvent.Body].Length) - TimerCodec.BodyPrefix));
        foreach (LiftedEvent e in lifted.Events)
        {
            arguments.Add(e.Id);
            arguments.Add(e.Replace ? 1 : 0);
            for (int i = 0; i < LiftedEvent.FirstFailure; i++) arguments.Add(e.Fields[i]);
            arguments.Add((e.Fields.Count - LiftedEvent.FirstFailure) / 2);
            for (int i = LiftedEvent.FirstFailure; i < e.Fields.Count; i++) arguments.Add(e.Fields[i]);
        }

        return arguments;
    }

    private ScriptArguments ThawArguments(TimerPartition partition, PartitionNumber mark)
    {
        ScriptArguments arguments = Arguments(2, mark.ToString());
        arguments.Add(mark.To!.Value);
        arguments.Add(partition.Index < mark.To ? 1 : 0);
        return arguments;
    }
}

/// <summary>What a partition says of itself.</summary>
/// <param name="Format">The format of its records; empty if it was never written.</param>
/// <param name="Partitions">The number of partitions of its namespace (see <see cref="PartitionNumber"/>).</param>
/// <param name="Seal">The mark of a move from here.</param>
/// <param name="Import">The mark of a move to here.</param>
/// <param name="Events">Its events, in any state.</param>
/// <param name="HasJournal">Whether there is a journal of a move to here.</param>
internal sealed record PartitionState(string Format, string Partitions, TransferMark? Seal, TransferMark? Import, long Events, bool HasJournal);

/// <summary>Events on their way from one partition to another.</summary>
/// <param name="ClockOffset">By how much the clock of their partition is ahead of the server's, in µs.</param>
/// <param name="Events">The events.</param>
internal sealed record LiftedEvents(long ClockOffset, IReadOnlyList<LiftedEvent> Events);

/// <summary>All that is stored of an event.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Fields">Due time, end of the lease, time of death, body, record of its tries, lease (empty for none); then slot and failure in turn.</param>
/// <param name="Replace">Whether what has its id in the other partition is replaced.</param>
internal sealed record LiftedEvent(string Id, IReadOnlyList<ReadOnlyMemory<byte>> Fields, bool Replace)
{
    public const int Body = 3, FirstFailure = 6;

    /// <summary>Whether it is in any state.</summary>
    public bool IsThere => Fields[0].Length + Fields[1].Length + Fields[2].Length > 0;
}
