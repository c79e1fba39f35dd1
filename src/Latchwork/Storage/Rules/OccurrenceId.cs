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

    /// <summary>The schedules to which the occurrences among some ids belong, each once.</summary>
    public static string[] SchedulesOf(IEnumerable<string> ids) => [.. ids.Select(ScheduleOf).OfType<string>().Distinct(StringComparer.Ordinal)];

    /// <summary>The occurrences among what was settled, of which a store then notes that they have ended; null if there is none, as mostly.</summary>
    /// <param name="items">What was settled.</param>
    /// <param name="idOf">The id of one of them.</param>
    /// <param name="outcomes">What became of them, in the same order.</param>
    /// <param name="end">The outcome that ends an occurrence.</param>
    public static List<string>? EndedAmong<T>(IReadOnlyList<T> items, Func<T, string> idOf, IReadOnlyList<TimerOutcome> outcomes, TimerOutcome end)
    {
        List<string>? ended = null;
        for (int i = 0; i < outcomes.Count; i++)
        {
            if (outcomes[i] == end && Is(idOf(items[i]))) (ended ??= []).Add(idOf(items[i]));
        }

        return ended;
    }

    /// <summary>The id under which a record travels from one store to another: an occurrence that is nothing but its schedule.</summary>
    public static string OfRecord(string schedule) => schedule + Separator;

    /// <summary>Whether an id on its way is that of a record.</summary>
    public static bool IsRecord(string id) => id.Length > 0 && id[^1] == Separator;
}
