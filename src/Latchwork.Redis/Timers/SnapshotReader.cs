namespace Latchwork.Redis.Timers;

/// <summary>Makes snapshots of what the scripts Peek, Upcoming and Dead return.</summary>
internal static class SnapshotReader
{
    public static TimerSnapshot Read(string id, RedisReplies items)
    {
        long nowUs = items[0].Number;
        var state = (TimerState)items[1].Number;
        EventBody body = TimerCodec.DecodeBody(items[6].Bytes);
        EventPast past = TimerCodec.DecodePast(items[4].Bytes.Span, items[5].Bytes.Span);
        long due = state == TimerState.Dead ? past.Due : items[2].Number;
        bool inFlight = state == TimerState.InFlight;
        return new TimerSnapshot
        {
            Id = id,
            State = state,
            Due = TimerCodec.Time(due),
            TimeLeft = state == TimerState.Scheduled ? TimerCodec.Until(due, nowUs) : TimeSpan.Zero,
            LeaseLeft = inFlight ? TimerCodec.Until(items[3].Number, nowUs) : null,
            Token = inFlight ? items[7].Text : null,
            NodeId = inFlight ? items[8].Text : null,
            Retries = past.Retries,
            MaxRetries = body.MaxRetries,
            Payload = body.Payload,
            Headers = body.Headers,
            DeadReason = state == TimerState.Dead ? past.Reason : null,
            DiedAt = state == TimerState.Dead ? TimerCodec.Time(items[3].Number) : null,
            DeadFor = state == TimerState.Dead ? Since(items[3].Number, nowUs) : null,
            Failures = past.Failures,
        };
    }

    public static TimerPage ReadPage(TimerState state, RedisReplies items)
    {
        const int First = 3, Width = 5;
        long nowUs = items[0].Number;
        var snapshots = new TimerSnapshot[(items.Length - First) / Width];
        for (int i = 0; i < snapshots.Length; i++) snapshots[i] = ReadItem(state, items.Slice(First + i * Width, Width), nowUs);
        if (items[2].Number == 0) return new TimerPage(snapshots, null);

        long? end = items[1].Bytes.IsEmpty ? null : items[1].Number;
        RedisReplies last = items[^Width..];
        return new TimerPage(snapshots, new PageCursor(end, last[1].Number, last[0].Text).ToString());
    }

    private static TimeSpan Since(long ms, long nowUs) => TimeSpan.FromMicroseconds(Math.Max(0, nowUs - ms * 1000));

    private static TimerSnapshot ReadItem(TimerState state, RedisReplies item, long nowUs)
    {
        long score = item[1].Number;
        EventPast past = TimerCodec.DecodePast(item[2].Bytes.Span, item[3].Bytes.Span);
        EventBody body = TimerCodec.DecodeBody(item[4].Bytes);
        bool dead = state == TimerState.Dead;
        long due = dead ? past.Due : score;
        return new TimerSnapshot
        {
            Id = item[0].Text,
            State = state,
            Due = TimerCodec.Time(due),
            TimeLeft = dead ? TimeSpan.Zero : TimerCodec.Until(due, nowUs),
            Retries = past.Retries,
            MaxRetries = body.MaxRetries,
            Payload = body.Payload,
            Headers = body.Headers,
            DeadReason = dead ? past.Reason : null,
            DiedAt = dead ? TimerCodec.Time(score) : null,
            DeadFor = dead ? Since(score, nowUs) : null,
            Failures = past.Failures,
        };
    }
}

/// <summary>Where the next page begins, and where the window of the first page ends.</summary>
/// <param name="End">The end of the window in ms, exclusive; null for no end.</param>
/// <param name="Score">The due time (or time of death) of the last event of the page before, in ms.</param>
/// <param name="Id">Its id.</param>
internal sealed record PageCursor(long? End, long Score, string Id)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{End} {Score} {Id}");

    public static PageCursor? Parse(string? cursor)
    {
        if (cursor is null) return null;
        string[] parts = cursor.Split(' ', 3); // the id comes last, as it may have spaces of its own
        long end = 0;
        if (parts.Length == 3
            && (parts[0].Length == 0 || long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out end))
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long score))
        {
            return new PageCursor(parts[0].Length == 0 ? null : end, score, parts[2]);
        }

        throw new ArgumentException("'cursor' must be the cursor of the page before.", nameof(cursor));
    }
}
