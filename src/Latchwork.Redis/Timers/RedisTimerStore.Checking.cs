namespace Latchwork.Redis.Timers;

/// <content>Examining a partition; see <see cref="IStoreDoctor"/>. Each step is one script, which decides and mends.</content>
internal sealed partial class RedisTimerStore
{
    /// <summary>Examines a page of the events in one state.</summary>
    internal async Task<(IReadOnlyList<(string Id, string Score)> Page, IReadOnlyList<(string What, string Name)> Found)> CheckStatesAsync(
        TimerPartition partition, PartitionNumber number, TimerState state, (string Id, string Score)? after, bool fix, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.CheckStates, partition, CheckArguments(number, (int)state, after?.Score ?? "", after?.Id ?? "", fix ? 1 : 0), cancellationToken).ConfigureAwait(false);
        return (Pairs(reply.Items[0]), Pairs(reply.Items[1]));
    }

    /// <summary>Examines a piece of what is stored of events.</summary>
    internal async Task<(string? Cursor, IReadOnlyList<(string What, string Name)> Found)> CheckBodiesAsync(
        TimerPartition partition, PartitionNumber number, string cursor, bool fix, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.CheckBodies, partition, CheckArguments(number, cursor, fix ? 1 : 0), cancellationToken).ConfigureAwait(false);
        return (NextCursor(reply), Pairs(reply.Items[1]));
    }

    /// <summary>Examines a piece of other records (<see cref="TimerScript.CheckRecords"/>) or of the lists of nodes (<see cref="TimerScript.CheckNodes"/>).</summary>
    internal async Task<(string? Cursor, IReadOnlyList<string> Found)> CheckListAsync(
        TimerScript script, TimerPartition partition, PartitionNumber number, int which, string cursor, bool fix, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(script, partition, CheckArguments(number, which, cursor, fix ? 1 : 0), cancellationToken).ConfigureAwait(false);
        return (NextCursor(reply), Texts(reply.Items[1].Items));
    }

    /// <summary>Holds scheduled events that are in the wrong partition.</summary>
    /// <returns>Of each whether it is held now.</returns>
    internal async Task<bool[]> GrabAsync(TimerPartition partition, PartitionNumber number, string token, string node, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var lease = TimeSpan.FromMinutes(1);
        RedisReply reply = await SendAsync(
            TimerScript.Grab, partition, CheckArguments(number, [token, node, TimerCodec.Microseconds(lease), .. ids.Select(static id => (RedisValue)id)]), cancellationToken).ConfigureAwait(false);
        return TimerCodec.Outcomes(reply, static digit => digit == 0);
    }

    /// <summary>Ends, or hands back, what <see cref="GrabAsync"/> held.</summary>
    internal async Task<bool[]> EndGrabAsync(
        TimerPartition partition, PartitionNumber number, string token, IReadOnlyList<string> ids, bool confirm, CancellationToken cancellationToken)
    {
        if (ids.Count == 0) return [];
        RedisValue[] keys = [.. ids.SelectMany(id => (RedisValue[])[id, token])];
        ScriptArguments arguments = CheckArguments(number, confirm ? keys : [_keys.Of(partition).Bell, .. keys]);
        RedisReply reply = await SendAsync(confirm ? TimerScript.Confirm : TimerScript.Release, partition, arguments, cancellationToken).ConfigureAwait(false);
        return TimerCodec.Outcomes(reply, static digit => digit == 0);
    }

    /// <summary>Deletes dead events, if they died at the time at which they were seen.</summary>
    internal async Task PurgeAsync(TimerPartition partition, PartitionNumber number, IReadOnlyList<(string Id, string Score)> deaths, CancellationToken cancellationToken)
    {
        if (deaths.Count == 0) return;
        await SendAsync(TimerScript.Purge, partition, CheckArguments(number, [.. deaths.SelectMany(static death => (RedisValue[])[death.Id, death.Score])]), cancellationToken).ConfigureAwait(false);
    }

    internal async Task DropJournalAsync(TimerPartition partition, PartitionNumber number, CancellationToken cancellationToken) =>
        await SendAsync(TimerScript.DropJournal, partition, Arguments(0, number.ToString()), cancellationToken).ConfigureAwait(false);

    private ScriptArguments CheckArguments(PartitionNumber number, params ReadOnlySpan<RedisValue> more)
    {
        ScriptArguments arguments = Arguments(more.Length, number.ToString());
        foreach (RedisValue one in more) arguments.Add(one);
        return arguments;
    }

    private static string? NextCursor(in RedisReply reply) => reply.Items[0].Text is var next && next == "0" ? null : next;

    private static (string First, string Second)[] Pairs(in RedisReply reply)
    {
        string[] texts = Texts(reply.Items);
        return [.. Enumerable.Range(0, texts.Length / 2).Select(i => (texts[i * 2], texts[(i * 2) + 1]))];
    }
}
