namespace Latchwork.Redis.Timers;

/// <content>The history.</content>
internal sealed partial class RedisTimerStore
{
    public async Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken)
    {
        CompletedRows rows = await ReadCompletedAsync(TimerScript.Completed, partition, partitions, cursor, limit, cancellationToken).ConfigureAwait(false);
        return new TimerPage([.. rows.Lines.Select(static row => CompletedCodec.Show(row.Id, row.At, row.Record.Span))], rows.Cursor);
    }

    /// <inheritdoc cref="IStoreMaintenance.ReadCompletedAsync"/>
    internal async Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken)
    {
        // Partition by partition: the cursor begins with the index.
        int partition = 0;
        string? place = null;
        if (cursor is not null)
        {
            int space = cursor.IndexOf(' ', StringComparison.Ordinal);
            if (space < 0 || !int.TryParse(cursor.AsSpan(0, space), NumberStyles.None, CultureInfo.InvariantCulture, out partition) || partition >= partitions)
                throw new ArgumentException("'cursor' must be the cursor of the page before.", nameof(cursor));
            place = space == cursor.Length - 1 ? null : cursor[(space + 1)..];
        }

        CompletedRows rows = await ReadCompletedAsync(TimerScript.ScanCompleted, new TimerPartition(ns, partition), partitions, place, Limits.MaxBatch, cancellationToken).ConfigureAwait(false);
        (int next, string? at) = rows.Cursor is null ? (partition + 1, null) : (partition, rows.Cursor);

        // What cannot be read stays behind, and is deleted with the rest: it says of nothing when or where.
        return new CompletedPage(
            [.. rows.Lines.Select(static row => CompletedCodec.Decode(row.Id, row.At, row.Record.Span)).OfType<CompletedEvent>()],
            next < partitions ? string.Create(CultureInfo.InvariantCulture, $"{next} {at}") : null);
    }

    /// <inheritdoc cref="IStoreMaintenance.WriteCompletedAsync"/>
    internal async Task<bool> WriteCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken)
    {
        CheckBatch(lines.Count);
        bool[] open = await EachAsync(lines.Select(line => TimerPartition.Of(ns, line.Id, partitions)).Distinct(), async partition =>
        {
            CompletedEvent[] own = [.. lines.Where(line => TimerPartition.Of(ns, line.Id, partitions) == partition)];
            ArgumentList arguments = Begin(partitions, 3 * own.Length, moveId, CompletedLimits.ShareOf(partitions));
            foreach (CompletedEvent line in own) arguments.Add(line.Id, line.CompletedAt.ToUnixTimeMilliseconds(), CompletedCodec.Encode(line));
            (RedisReply reply, LatchworkStoreException? shortfall) =
                await WriteAsync(TimerScript.ImportCompleted, partition, arguments.All, cancellationToken).ConfigureAwait(false);
            return shortfall is null ? reply.Number == 1 : throw shortfall; // the source keeps what replicas do not have yet; the next run continues
        }).ConfigureAwait(false);
        return Array.TrueForAll(open, static one => one);
    }

    /// <summary>Moves to their partitions the lines that one partition has, and that belong to others under the number <paramref name="count"/>.</summary>
    internal async Task MoveCompletedAsync(TimerPartition partition, PartitionNumber mark, int count, CancellationToken cancellationToken)
    {
        string? cursor = null;
        do
        {
            CompletedRows rows = await ReadCompletedAsync(TimerScript.ScanCompleted, partition, mark.ToString(), cursor, Limits.MaxBatch, cancellationToken).ConfigureAwait(false);
            foreach (IGrouping<TimerPartition, CompletedRow> group in rows.Lines.GroupBy(row => TimerPartition.Of(partition.Namespace, row.Id, count)).Where(group => group.Key != partition))
            {
                RedisValue[] placed = [.. group.SelectMany(static row => (RedisValue[])[row.Id, row.At, row.Record])];
                RedisValue[] ids = [.. group.Select(static row => (RedisValue)row.Id)];
                await SendAsync(TimerScript.MoveCompleted, group.Key, mark, cancellationToken, ["place", .. placed]).ConfigureAwait(false);
                await SendAsync(TimerScript.MoveCompleted, partition, mark, cancellationToken, ["drop", .. ids]).ConfigureAwait(false);
            }

            cursor = rows.Cursor;
        }
        while (cursor is not null);
    }

    private async Task<CompletedRows> ReadCompletedAsync(
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

    /// <summary>A line as it is stored.</summary>
    private readonly record struct CompletedRow(string Id, long At, ReadOnlyMemory<byte> Record);

    /// <summary>A page of lines as they are stored.</summary>
    private readonly record struct CompletedRows(CompletedRow[] Lines, string? Cursor);
}
