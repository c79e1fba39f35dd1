namespace Latchwork.Threading;

/// <summary>
/// One alarm of an <see cref="AlarmClock"/>: set, set again, or cancelled at will, by any thread. A callback that has begun when the alarm is set
/// again or cancelled still happens: the callback goes by the state of things, not by the fact that it was called.
/// </summary>
internal sealed class Alarm : IDisposable
{
    /// <summary>The place in time of an alarm that is not set.</summary>
    internal const long Never = long.MaxValue;

    private readonly AlarmClock _clock;
    private readonly Action _callback;
    private readonly long _id;
    private readonly ITimer? _timer;
    private volatile bool _disposed;

    internal Alarm(AlarmClock clock, Action callback, long id)
    {
        _clock = clock;
        _callback = callback;
        _id = id;
        if (!clock.HasThread)
        {
            _timer = clock.Time.CreateTimer(static alarm => ((Alarm)alarm!).Fire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The order in which alarms fire: by time, then by age.</summary>
    internal static IComparer<Alarm> ByTime { get; } = Comparer<Alarm>.Create(static (a, b) => (a.At, a._id).CompareTo((b.At, b._id)));

    /// <summary>When it fires, as a timestamp. Belongs to the clock.</summary>
    internal long At { get; set; } = Never;

    /// <summary>Sets the alarm to fire once after <paramref name="delay"/> (immediately if it is not positive), in place of what it was set to.</summary>
    public void Set(TimeSpan delay)
    {
        if (_disposed) return;
        if (delay < TimeSpan.Zero) delay = TimeSpan.Zero;
        if (_timer is null) _clock.Move(this, _clock.Now + _clock.ToTimestamps(delay));
        else _timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Lets the alarm fire no more until it is set again.</summary>
    public void Cancel()
    {
        if (_timer is null) _clock.Move(this, Never);
        else _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        Cancel();
        _timer?.Dispose();
    }

    internal void Fire() => _callback();
}
