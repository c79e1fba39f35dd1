namespace Latchwork.Redis.Timers;

/// <content>The history.</content>
internal sealed partial class RedisTimerStore
{
    public async Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken)
    {
        CompletedRows rows = await ReadCompletedAsync(TimerScript.Completed, partition, partitions, cursor, limit, cancellationToken).ConfigureAwait(false);
        return new TimerPage([.. rows.Lines.Select(static row => CompletedCodec.Show(row.Id, row.At, row.Record.Span))], rows.Cursor);
    }

    internal async Task<CompletedRows> ReadCompletedAsync(
        TimerScript script, TimerPartition partition, RedisValue number, string? cursor, int limit, CancellationToken cancellationToken)
    {
        const int First = 1, Width = 3;
        TimedId? before = cursor is null ? null : CompletedRules.Before(cursor);
        RedisValue[] arguments = Begin(number, 0, Math.Clamp(limit, 1, Limits.MaxBatch), before is { At: var at } ? at : "", before?.Id ?? "").All;
        RedisReply reply = await SendAsync(script, partition, arguments, cancellationToken).ConfigureAwait(false);
        var rows = new CompletedRow[(reply.Length - First) / Width];
        for (int i = 0; i < rows.Length; i++)
        {
            int place = First + (i * Width);
            rows[i] = new CompletedRow(reply[place].Text, reply[place + 1].Number, reply[place + 2].Bytes);
        }

        return new CompletedRows(rows, reply[0].Number == 1 && rows.Length > 0 ? CompletedRules.Cursor(rows[^1].At, rows[^1].Id) : null);
    }
}

/// <summary>A line as it is stored.</summary>
internal readonly record struct CompletedRow(string Id, long At, ReadOnlyMemory<byte> Record);

/// <summary>A page of lines as they are stored.</summary>
internal readonly record struct CompletedRows(CompletedRow[] Lines, string? Cursor);
