namespace Latchwork.Redis.Timers;

/// <content>Posting, cancelling, and changing the due time.</content>
internal sealed partial class RedisTimerStore
{
    /// <summary>What the post script is told instead of what to do if the id exists: it cannot.</summary>
    private const int IdIsNew = 3;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PostOutcome>> PostAsync(
        TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0) return [];
        await RegisterAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        (RedisReply reply, LatchworkStoreException? shortfall) = await WriteAsync(TimerScript.Post, partition, PostArguments(partition, entries), cancellationToken).ConfigureAwait(false);
        PostOutcome[] outcomes = TimerCodec.Outcomes(reply.Items[1], static digit => (PostOutcome)digit);
        if (reply.Items[0].Number == 1) await RegisterAgainAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        bool wrote = Array.Exists(outcomes, outcome => outcome is PostOutcome.Created or PostOutcome.Replaced);
        return wrote && shortfall is not null ? throw shortfall : outcomes;
    }

    /// <inheritdoc/>
    public async Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken)
    {
        ScriptArguments arguments = Arguments(3);
        arguments.Add(_keys.Of(partition).Bell);
        arguments.Add(id);
        arguments.Add(revoke ? 1 : 0);
        RedisReply reply = await SendAsync(TimerScript.Cancel, partition, arguments, cancellationToken).ConfigureAwait(false);
        return (TimerOutcome)reply.Number;
    }

    /// <inheritdoc/>
    public async Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken)
    {
        ScriptArguments arguments = Arguments(3);
        arguments.Add(_keys.Of(partition).Bell);
        arguments.Add(id);
        arguments.Add(TimerCodec.Encode(due));
        RedisReply reply = await SendAsync(TimerScript.ChangeDelay, partition, arguments, cancellationToken).ConfigureAwait(false);
        return (TimerOutcome)reply.Number;
    }

    private ScriptArguments PostArguments(TimerPartition partition, IReadOnlyList<TimerEntry> entries)
    {
        CheckBatch(entries.Count);
        byte[] modes = new byte[entries.Count];
        byte[][] bodies = new byte[entries.Count][];
        int largest = 0;
        for (int i = 0; i < modes.Length; i++)
        {
            TimerEntry entry = entries[i];
            modes[i] = (byte)('0' + (entry.IdIsNew ? IdIsNew : (int)entry.IfExists));
            bodies[i] = TimerCodec.EncodeBody(entry.MaxRetries, entry.Headers, entry.Payload.Span);
            largest = Math.Max(largest, bodies[i].Length - TimerCodec.BodyPrefix);
        }

        ScriptArguments arguments = Arguments(3 + 3 * modes.Length);
        arguments.Add(_keys.Of(partition).Bell);
        arguments.Add(modes);
        arguments.Add(largest);
        for (int i = 0; i < modes.Length; i++)
        {
            arguments.Add(entries[i].Id);
            arguments.Add(TimerCodec.Encode(entries[i].Due));
            arguments.Add(bodies[i]);
        }

        return arguments;
    }

    /// <summary>The bound that keeps every script short. The engine splits what is larger.</summary>
    private static void CheckBatch(int count)
    {
        if (count > Limits.MaxBatch)
        {
            throw new ArgumentOutOfRangeException(nameof(count), count, $"A batch holds at most {Limits.MaxBatch} elements.");
        }
    }
}
