using System.Globalization;

namespace Latchwork.Storage.Rules;

/// <summary>Where the next page of a listing begins: after <see cref="After"/>, up to <see cref="End"/>.</summary>
/// <param name="After">The last place of the page before.</param>
/// <param name="End">The end of the window, in ms, exclusive.</param>
internal readonly record struct PageCursor(TimedId After, long End)
{
    /// <summary>Everything, from the beginning.</summary>
    public static PageCursor Everything { get; } = new(new TimedId(0, ""), long.MaxValue);

    /// <summary>The beginning of a window.</summary>
    /// <param name="now">Now.</param>
    /// <param name="offset">Where it begins, from now; null: with the earliest, overdue included.</param>
    /// <param name="duration">How long it is (from now, if there is no offset); null: to the end.</param>
    public static PageCursor Window(StoreTime now, TimeSpan? offset, TimeSpan? duration) => new(
        new TimedId(offset is null ? 0 : now.After(offset.Value), ""),
        duration is null ? long.MaxValue : now.After((offset ?? TimeSpan.Zero) + duration.Value));

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{End} {After.At} {After.Id}");

    public static PageCursor Parse(string cursor)
    {
        string[] parts = cursor.Split(' ', 3); // the id comes last, as it may have spaces of its own
        if (parts.Length == 3
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long end)
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long at))
        {
            return new PageCursor(new TimedId(at, parts[2]), end);
        }

        throw new ArgumentException("'cursor' must be the cursor of the page before.", nameof(cursor));
    }
}
