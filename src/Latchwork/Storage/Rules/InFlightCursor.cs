using System.Globalization;

namespace Latchwork.Storage.Rules;

/// <summary>Where the next page of what is in flight begins, and when the first was read: what was claimed since then is not listed, so that a listing ends.</summary>
/// <param name="After">The last place of the page before: the end of a lease, in ms, and what orders those of the same end.</param>
/// <param name="Began">When the first page was read, in ms.</param>
internal readonly record struct InFlightCursor(TimedId After, long Began)
{
    /// <param name="cursor">What <see cref="ToString"/> returned; null for the first page.</param>
    /// <param name="now">Now.</param>
    public static InFlightCursor Parse(string? cursor, StoreTime now)
    {
        if (cursor is null) return new InFlightCursor(new TimedId(0, ""), now.Milliseconds);
        PageCursor parsed = PageCursor.Parse(cursor);
        return new InFlightCursor(parsed.After, parsed.End);
    }

    /// <summary>The page, without what was claimed since the listing began.</summary>
    /// <param name="items">What was read.</param>
    /// <param name="next">The place of the last that was read, if there is more; else null.</param>
    /// <param name="now">Now.</param>
    public TimerPage Cut(IReadOnlyList<TimerSnapshot> items, TimedId? next, StoreTime now)
    {
        DateTimeOffset end = now.Show(Began);
        return new TimerPage(
            [.. items.Where(item => item.ClaimedAt is null || item.ClaimedAt <= end)],
            next is { } after ? (this with { After = after }).ToString() : null);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{new PageCursor(After, Began)}");
}
