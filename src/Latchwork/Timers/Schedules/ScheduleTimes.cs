namespace Latchwork;

/// <summary>Questions about the times of a schedule, at a cost that does not grow with the time that has passed.</summary>
internal static class ScheduleTimes
{
    /// <summary>Where counts of missed times stop.</summary>
    public const int MaxCount = 10_000;

    /// <summary>The newest time not after <paramref name="now"/>.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="from">A time not after <paramref name="now"/>: the answer if there is none later.</param>
    /// <param name="now">Until when.</param>
    public static DateTimeOffset Newest(Schedule schedule, DateTimeOffset from, DateTimeOffset now)
    {
        if (schedule.Interval is { } interval)
        {
            long steps = (now.UtcTicks - schedule.Anchor!.Value.UtcTicks) / interval.Ticks;
            DateTimeOffset last = schedule.Anchor.Value + new TimeSpan(steps * interval.Ticks);
            return last > from && last <= now ? last : from;
        }

        // By halves: what is counted through is one second at most, however dense the times are.
        DateTimeOffset low = from, high = now;
        while (high - low > TimeSpan.FromSeconds(1))
        {
            DateTimeOffset middle = low + (high - low) / 2;
            if (schedule.GetNext(middle) is { } next && next <= now) low = next;
            else high = middle;
        }

        while (schedule.GetNext(low) is { } next && next <= now) low = next;
        return low;
    }

    /// <summary>How many times there are from one to another, both included; at most <paramref name="most"/> are counted.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="from">The first, which counts as one.</param>
    /// <param name="to">The last.</param>
    /// <param name="most">Where counting stops.</param>
    public static int Count(Schedule schedule, DateTimeOffset from, DateTimeOffset to, int most)
    {
        int count = 1;
        for (DateTimeOffset at = from; count < most && schedule.GetNext(at) is { } next && next <= to; count++) at = next;
        return count;
    }

    /// <summary>The oldest of the missed times that are to run.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="from">The oldest that was missed.</param>
    /// <param name="newest">The newest that was missed.</param>
    /// <param name="notBefore">None before this is to run.</param>
    /// <param name="limit">How many are to run at most.</param>
    /// <returns>The time; null if none is to run.</returns>
    public static DateTimeOffset? OldestToRun(Schedule schedule, DateTimeOffset from, DateTimeOffset newest, DateTimeOffset notBefore, int limit)
    {
        DateTimeOffset? first = from >= notBefore ? from : schedule.GetNext(notBefore.AddTicks(-1));
        if (first is not { } oldest || oldest > newest) return null;
        if (Count(schedule, oldest, newest, limit + 1) <= limit) return oldest;

        DateTimeOffset at = newest;
        for (int i = 1; i < limit; i++) at = Newest(schedule, oldest, at.AddMilliseconds(-1));
        return at;
    }
}
