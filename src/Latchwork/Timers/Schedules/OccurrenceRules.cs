using Latchwork.Storage.Rules;

namespace Latchwork;

/// <summary>What is refused to be done to occurrences of schedules, by name.</summary>
internal static class OccurrenceRules
{
    /// <exception cref="ArgumentException">The event is an occurrence.</exception>
    public static void RefuseDelay(string id)
    {
        if (OccurrenceId.ScheduleOf(id) is { } schedule)
        {
            throw new ArgumentException(
                $"'id' is an occurrence of the schedule '{schedule}', and its time follows from the schedule. Cancel it, or trigger the schedule.", nameof(id));
        }
    }

    /// <exception cref="ArgumentException">The event is an occurrence.</exception>
    public static void RefuseInTransaction(string id)
    {
        if (OccurrenceId.ScheduleOf(id) is { } schedule)
        {
            throw new ArgumentException(
                $"'id' is an occurrence of the schedule '{schedule}', which cannot be cancelled in a transaction: that would lock its schedule. Cancel it with the timer itself.", nameof(id));
        }
    }
}
