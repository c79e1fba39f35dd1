namespace Latchwork.Storage.Rules;

/// <summary>When an event is due, as a store keeps it.</summary>
/// <param name="At">By the partition's clock, in ms: what it is ordered by.</param>
/// <param name="Raw">Of an absolute time: what was asked for, by the machine's clock, in ms. Null: a delay, a backoff, a lease.</param>
internal readonly record struct DueTime(long At, long? Raw);

/// <summary>
/// An instant by the clock of a partition, in ticks (100 ns) since 1970-01-01 UTC. That clock is ahead of the machine's by <paramref name="Offset"/>: delays and leases are
/// counted on it, absolute times on the machine's, and what is shown is in the machine's time.
/// </summary>
/// <param name="Ticks">The ticks.</param>
/// <param name="Offset">By how much the partition's clock is ahead of the machine's, in ticks; zero or more.</param>
internal readonly record struct StoreTime(long Ticks, long Offset = 0)
{
    /// <summary>The machine's time, as the rest of .NET has it, to the tick.</summary>
    public DateTimeOffset ToDateTimeOffset() => DateTimeOffset.UnixEpoch + new TimeSpan(Ticks - Offset);

    /// <summary>The offset in ms, rounded up, so that nothing is early.</summary>
    public long Ahead => RoundUp(Offset);

    /// <summary>The whole millisecond that the machine's clock has reached.</summary>
    public long RawMilliseconds => (Ticks - Offset) / TimeSpan.TicksPerMillisecond;

    /// <summary>A millisecond of the partition's clock as it is shown: by the machine's.</summary>
    /// <param name="milliseconds">Since 1970-01-01 UTC.</param>
    public DateTimeOffset Show(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds - Ahead);

    /// <summary>The millisecond of the partition's clock that is shown as <paramref name="time"/>.</summary>
    /// <param name="time">What <see cref="Show"/> returned.</param>
    public long Unshow(DateTimeOffset time) => time.ToUnixTimeMilliseconds() + Ahead;

    /// <summary>Whether a key means the dead letter that was dead-lettered at a millisecond of the partition's clock.</summary>
    /// <param name="key">The key.</param>
    /// <param name="deadLetteredAt">As it is stored.</param>
    public bool IsMeant(DeadLetterKey key, long deadLetteredAt) =>
        (key.Stamp ?? (key.DeadLetteredAt is { } shown ? Unshow(shown) : deadLetteredAt)) == deadLetteredAt;

    /// <summary>
    /// When an event is due by the partition's clock. One with an absolute time, written down before the offset grew, is due later than was written: never before the
    /// machine's clock has reached what was asked for.
    /// </summary>
    /// <param name="due">As it is stored.</param>
    public long DueOf(DueTime due) => due.Raw is { } raw ? Math.Max(due.At, raw + Ahead) : due.At;

    /// <summary>The whole millisecond that has been reached: rounded down, so that nothing counts as due before its time.</summary>
    public long Milliseconds => Ticks / TimeSpan.TicksPerMillisecond;

    /// <summary>The millisecond at which <paramref name="span"/> will have passed: rounded up, so that nothing is early.</summary>
    /// <param name="span">Zero or more.</param>
    public long After(TimeSpan span) => RoundUp(Ticks + span.Ticks);

    /// <summary>The millisecond at which something is due, or was: rounded up.</summary>
    /// <param name="span">Below zero: in the past.</param>
    public long From(TimeSpan span) => Math.Max(0, RoundUp(Ticks + span.Ticks));

    /// <summary>When something is due. A time that has passed means now.</summary>
    /// <param name="due">A delay or an absolute time.</param>
    public DueTime Resolve(Due due) => due.IsAbsolute ? Absolute(RoundUp(due.Value.Ticks)) : new DueTime(After(due.Value), null);

    /// <summary>When something is due at a time of the machine's clock. A time that has passed means now.</summary>
    /// <param name="raw">In ms.</param>
    public DueTime Absolute(long raw) => new(Math.Max(raw + Ahead, Milliseconds), raw);

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
/// leases that are under way keep their length. The offset only grows, so an absolute time that was written down with an earlier one is too early, never too late.
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
        return new StoreTime(ticks, Offset);
    }
}
