namespace Latchwork.Storage.Rules;

/// <summary>The ids of the occurrences of a schedule: that of the schedule, U+001F, and what tells them apart.</summary>
internal static class OccurrenceId
{
    /// <summary>What stands between the two; ids of users cannot contain it.</summary>
    public const char Separator = '\u001F';

    /// <summary>The longest id of a schedule, in bytes of UTF-8: what follows it fits into <see cref="Limits.MaxIdBytes"/>.</summary>
    public const int MaxScheduleBytes = 480;

    /// <summary>Whether an id is that of an occurrence.</summary>
    public static bool Is(string id) => id.Contains(Separator, StringComparison.Ordinal);

    /// <summary>The schedule to which an occurrence belongs; null if the id is not that of one.</summary>
    public static string? ScheduleOf(string id)
    {
        int at = id.IndexOf(Separator, StringComparison.Ordinal);
        return at < 0 ? null : id[..at];
    }

    /// <summary>The id under which a record travels from one store to another: an occurrence that is nothing but its schedule.</summary>
    public static string OfRecord(string schedule) => schedule + Separator;

    /// <summary>Whether an id on its way is that of a record.</summary>
    public static bool IsRecord(string id) => id.Length > 0 && id[^1] == Separator;
}
