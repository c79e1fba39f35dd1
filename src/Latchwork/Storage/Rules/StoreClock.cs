namespace Latchwork.Storage.Rules;

/// <summary>An instant by the clock of a store, in ticks (100 ns) since 1970-01-01 UTC.</summary>
/// <param name="Ticks">The ticks.</param>
internal readonly record struct StoreTime(long Ticks)
{
    /// <summary>The same as the rest of .NET has it, to the tick.</summary>
    public DateTimeOffset ToDateTimeOffset() => DateTimeOffset.UnixEpoch + new TimeSpan(Ticks);

    /// <summary>The whole millisecond that has been reached: rounded down, so that nothing counts as due before its time.</summary>
    public long Milliseconds => Ticks / TimeSpan.TicksPerMillisecond;

    /// <summary>The millisecond at which <paramref name="span"/> will have passed: rounded up, so that nothing is early.</summary>
    /// <param name="span">Zero or more.</param>
    public long After(TimeSpan span) => RoundUp(Ticks + span.Ticks);

    /// <summary>The millisecond at which something is due, or was: rounded up.</summary>
    /// <param name="span">Below zero: in the past.</param>
    public long From(TimeSpan span) => Math.Max(0, RoundUp(Ticks + span.Ticks));

    /// <summary>The millisecond at which something is due. A time that has passed means now.</summary>
    /// <param name="due">A delay or an absolute time.</param>
    public long Resolve(Due due) => due.IsAbsolute ? Math.Max(RoundUp(due.Value.Ticks), Milliseconds) : After(due.Value);

    /// <summary>The time left until a millisecond begins; zero if it has begun.</summary>
    /// <param name="milliseconds">Since 1970-01-01 UTC.</param>
    public TimeSpan Until(long milliseconds) => new(Math.Max(0, milliseconds * TimeSpan.TicksPerMillisecond - Ticks));

    /// <summary>The same as it is shown: in whole milliseconds, rounded down, as due times are rounded up. What was due in a second is never due in more.</summary>
    /// <param name="milliseconds">Since 1970-01-01 UTC.</param>
    public TimeSpan WholeUntil(long milliseconds) => TimeSpan.FromMilliseconds(Math.Max(0, milliseconds - RoundUp(Ticks)));

    /// <summary>The time since a millisecond began; zero if it is yet to come.</summary>
    /// <param name="milliseconds">Since 1970-01-01 UTC.</param>
    public TimeSpan Since(long milliseconds) => new(Math.Max(0, Ticks - milliseconds * TimeSpan.TicksPerMillisecond));

    private static long RoundUp(long ticks) => (ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;
}

/// <summary>The clock of a machine as stores count it.</summary>
internal static class MachineTime
{
    /// <summary>Now, in whole µs since 1970-01-01 UTC, rounded down.</summary>
    public static long GetMicroseconds(this TimeProvider time) => (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}

/// <summary>
/// The clock of one partition. It never goes back: when the machine's clock does, the difference is added from then on, so that delays and
/// leases that are under way keep their length.
/// </summary>
/// <remarks>Not safe for several threads: the partition's lock guards it.</remarks>
internal sealed class StoreClock(TimeProvider timeProvider)
{
    /// <summary>The last time that was given, in ticks: what the next must not be less than.</summary>
    public long Last { get; set; } = long.MinValue;

    /// <summary>By how much the machine's clock has gone back in all, in ticks.</summary>
    public long Offset { get; set; }

    public StoreTime Now()
    {
        long ticks = timeProvider.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.Ticks + Offset;
        if (ticks < Last)
        {
            Offset += Last - ticks;
            ticks = Last;
        }

        Last = ticks;
        return new StoreTime(ticks);
    }
}
