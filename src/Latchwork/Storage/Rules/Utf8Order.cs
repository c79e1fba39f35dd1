namespace Latchwork.Storage.Rules;

/// <summary>
/// Orders strings as their UTF-8 bytes would be ordered, as Redis and SQLite do, so that pages look the same from every store.
/// It differs from the ordinal order of UTF-16 only where a surrogate meets a character from U+E000 on.
/// </summary>
internal sealed class Utf8Order : IComparer<string>
{
    public static readonly Utf8Order Instance = new();

    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> a = x, b = y;
        int same = a.CommonPrefixLength(b);
        if (same == a.Length || same == b.Length) return a.Length.CompareTo(b.Length);
        return Weight(a[same]).CompareTo(Weight(b[same]));
    }

    // Characters beyond U+FFFF are pairs of surrogates in UTF-16, but come after all others in UTF-8.
    private static int Weight(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
}

/// <summary>A place in a list that is ordered by time, then by id.</summary>
/// <param name="At">Milliseconds since 1970-01-01 UTC.</param>
/// <param name="Id">The event's id; empty for the place before all ids of that time.</param>
internal readonly record struct TimedId(long At, string Id) : IComparable<TimedId>
{
    public int CompareTo(TimedId other)
    {
        int byTime = At.CompareTo(other.At);
        return byTime != 0 ? byTime : Utf8Order.Instance.Compare(Id, other.Id);
    }
}
