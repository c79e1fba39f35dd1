namespace Latchwork.Redis.Timers;

/// <content>Claiming and leaving.</content>
internal sealed partial class RedisTimerStore
{
    /// <summary>How long a guard waits for the claimer, in ms: random, so that the guards of many partitions do not come at once.</summary>
    private const int MinGrace = 50, MaxGrace = 200;

    /// <inheritdoc/>
    public async Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
    {
        await RegisterAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        RedisReply reply = await SendAsync(TimerScript.Claim, partition, ClaimArguments(partition, request), cancellationToken).ConfigureAwait(false);
        TimerClaim claim = ReadClaim(reply.Items, out bool fresh);
        if (fresh) await RegisterAgainAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        return claim;
    }

    /// <inheritdoc/>
    public async Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken)
    {
        ScriptArguments arguments = Arguments(2);
        arguments.Add(_keys.Of(partition).Bell);
        arguments.Add(nodeId);
        await SendAsync(TimerScript.Leave, partition, arguments, cancellationToken).ConfigureAwait(false);
    }

    private ScriptArguments ClaimArguments(TimerPartition partition, ClaimRequest request)
    {
        ScriptArguments arguments = Arguments(11);
        arguments.Add(_keys.Of(partition).Bell);
        arguments.Add(request.NodeId);
        arguments.Add(request.ClaimToken);
        arguments.Add(Math.Clamp(request.Max, 0, Limits.MaxBatch));
        arguments.Add(Math.Max(request.Room, 0));
        arguments.Add(Math.Max(request.Held, 0));
        arguments.Add(TimerCodec.Microseconds(request.Lease));
        arguments.Add((long)request.DeadLetters.Retention.TotalMilliseconds);
        arguments.Add(request.DeadLetters.MaxCount);
        arguments.Add(Random.Shared.Next(MinGrace, MaxGrace));
        arguments.Add(request.BeginsWithOldest ? 1 : 0);
        return arguments;
    }

    private static TimerClaim ReadClaim(RedisReplies items, out bool fresh)
    {
        const int First = 4, Width = 4;
        var askAgainIn = TimerCodec.Span(items[0].Number);
        long nowUs = items[1].Number;
        fresh = items[2].Number == 1;
        var events = new ClaimedEvent[(items.Length - First) / Width];
        for (int i = 0; i < events.Length; i++)
        {
            RedisReplies item = items.Slice(First + i * Width, Width);
            long due = item[1].Number;
            EventBody body = TimerCodec.DecodeBody(item[3].Bytes);
            events[i] = new ClaimedEvent(
                item[0].Text,
                body.Payload,
                body.Headers,
                (int)item[2].Number,
                body.MaxRetries,
                TimerCodec.Time(due),
                TimerCodec.Span(Math.Max(0, nowUs - due * 1000)));
        }

        return new TimerClaim(events, askAgainIn) { Buried = (int)items[3].Number };
    }
}
