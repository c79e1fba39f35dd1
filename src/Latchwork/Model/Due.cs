namespace Latchwork;

/// <summary>
/// When an event is due: after a delay, or at an absolute time. Converts from <see cref="TimeSpan"/> and <see cref="DateTimeOffset"/>.
/// The store's clock decides; an absolute time that has passed means now.
/// </summary>
public readonly record struct Due
{
    private readonly long _ticks;
    private readonly bool _absolute;

    private Due(long ticks, bool absolute)
    {
        _ticks = ticks;
        _absolute = absolute;
    }

    /// <summary>Due after <paramref name="delay"/>, counted by the store from the moment it accepts the event.</summary>
    /// <param name="delay">Zero to 100 years (<see cref="Limits.MaxDelay"/>).</param>
    /// <returns>The due time.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The delay is negative or longer than 100 years.</exception>
    public static Due In(TimeSpan delay)
    {
        Limits.CheckDuration(delay, TimeSpan.Zero, Limits.MaxDelay);
        return new Due(delay.Ticks, absolute: false);
    }

    /// <summary>Due at <paramref name="time"/> by the store's clock.</summary>
    /// <param name="time">From the year 1970 on, at most 200 years later.</param>
    /// <returns>The due time.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The time lies before 1970 or after 2169.</exception>
    public static Due At(DateTimeOffset time)
    {
        long ticks = (time - DateTimeOffset.UnixEpoch).Ticks;
        if (ticks < 0 || ticks > 2 * Limits.MaxDelay.Ticks)
        {
            throw new ArgumentOutOfRangeException(nameof(time), time, $"'time' must lie between the years 1970 and 2169; it is {time:O}.");
        }

        return new Due(ticks, absolute: true);
    }

    /// <summary>Whether this is an absolute time.</summary>
    public bool IsAbsolute => _absolute;

    /// <summary>The delay, or for an absolute time the span since 1970-01-01 UTC.</summary>
    public TimeSpan Value => new(_ticks);

    /// <summary>Same as <see cref="In"/>.</summary>
    /// <param name="delay">Zero to 100 years.</param>
    public static implicit operator Due(TimeSpan delay) => In(delay);

    /// <summary>Same as <see cref="At"/>.</summary>
    /// <param name="time">An absolute time.</param>
    public static implicit operator Due(DateTimeOffset time) => At(time);

    /// <summary>Same as <see cref="In"/>.</summary>
    /// <param name="delay">Zero to 100 years.</param>
    /// <returns>The due time.</returns>
    public static Due FromTimeSpan(TimeSpan delay) => In(delay);

    /// <summary>Same as <see cref="At"/>.</summary>
    /// <param name="time">An absolute time.</param>
    /// <returns>The due time.</returns>
    public static Due FromDateTimeOffset(DateTimeOffset time) => At(time);

    /// <inheritdoc/>
    public override string ToString() => _absolute ? $"at {DateTimeOffset.UnixEpoch + Value:O}" : $"in {Value}";
}
