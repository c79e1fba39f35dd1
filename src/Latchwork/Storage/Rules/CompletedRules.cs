using System.Globalization;

namespace Latchwork.Storage.Rules;

/// <summary>
/// What of the history goes: lines that are too many, first those of a time that is yet to come (they are from before the clock was put back, and the newest would go instead), then
/// the oldest; and those that are too old.
/// </summary>
/// <param name="TooMany">How many lines there are beyond the most.</param>
/// <param name="TooOld">What was completed before this goes, in ms.</param>
/// <param name="Now">The machine's time in ms: what was completed later is yet to come.</param>
internal readonly record struct CompletedTrim(long TooMany, long TooOld, long Now = long.MaxValue)
{
    /// <summary>The most lines that one step deletes: as many as one can write, so that there are never more than allowed for long.</summary>
    public const int MaxLines = Limits.MaxBatch;

    /// <param name="limits">What is kept.</param>
    /// <param name="count">How many lines there are.</param>
    /// <param name="now">Now.</param>
    public static CompletedTrim Of(CompletedLimits limits, long count, StoreTime now) =>
        new(count - limits.MaxCount, now.RawMilliseconds - (long)limits.Retention.TotalMilliseconds, now.RawMilliseconds);

    /// <summary>How many lines of a time that is yet to come go, if there are so many.</summary>
    public int MostToCome => (int)Math.Clamp(TooMany, 0, MaxLines);

    /// <summary>Whether a line goes.</summary>
    /// <param name="older">How many older ones went in this step.</param>
    /// <param name="completedAt">When it was completed, in ms.</param>
    public bool Takes(int older, long completedAt) => older < MaxLines && (older < TooMany || completedAt < TooOld);
}

/// <summary>How completed events are shown and listed.</summary>
internal static class CompletedRules
{
    private static readonly Dictionary<string, string> _noHeaders = [];

    /// <summary>A line as an event is shown.</summary>
    public static TimerSnapshot ToSnapshot(this CompletedEvent line) => new()
    {
        Id = line.Id,
        State = TimerState.Completed,
        Due = line.Due,
        TimeLeft = TimeSpan.Zero,
        NodeId = line.NodeId,
        ClaimedAt = line.ClaimedAt,
        Retries = line.Retries,
        MaxRetries = line.MaxRetries,
        Payload = default,
        Headers = _noHeaders,
        CompletedAt = line.CompletedAt,
        Outcome = line.Outcome,
    };

    /// <summary>The place before which the next page begins: lines are listed backwards.</summary>
    /// <param name="cursor">What <see cref="Cursor"/> returned; null for the first page.</param>
    public static TimedId Before(string? cursor) => cursor is null ? new TimedId(long.MaxValue, "") : PageCursor.Parse(cursor).After;

    /// <summary>A page of lines.</summary>
    /// <param name="lines">What was read: one more than the page holds, if there is more.</param>
    /// <param name="limit">The most that the page holds.</param>
    public static CompletedPage Page(List<CompletedEvent> lines, int limit)
    {
        if (lines.Count <= limit) return new CompletedPage(lines, null);
        lines.RemoveRange(limit, lines.Count - limit);
        return new CompletedPage(lines, Cursor(lines[^1].CompletedAt.ToUnixTimeMilliseconds(), lines[^1].Id));
    }

    /// <summary>The same page as events are shown.</summary>
    public static TimerPage ToSnapshots(this CompletedPage page) => new([.. page.Lines.Select(ToSnapshot)], page.Cursor);

    /// <summary>The cursor behind a line.</summary>
    public static string Cursor(long completedAt, string id) => string.Create(CultureInfo.InvariantCulture, $"{new PageCursor(new TimedId(completedAt, id), 0)}");
}
