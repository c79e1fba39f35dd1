namespace Latchwork.Testing;

/// <summary>
/// A clock that stands still until a test moves it. Timers fire inside <see cref="Advance"/>, on its caller's thread, each at its own time.
/// The wall clock can be set back; timers and timestamps follow the monotonic clock and do not notice.
/// </summary>
public sealed class ManualTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private TimeSpan _elapsed;
    private DateTimeOffset _wallClockStart;

    /// <summary>Creates a clock.</summary>
    /// <param name="start">Its time; by default a whole millisecond in the year 2026.</param>
    public ManualTimeProvider(DateTimeOffset? start = null)
    {
        _wallClockStart = start ?? new DateTimeOffset(2026, 3, 14, 15, 9, 26, 535, TimeSpan.Zero);
    }

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>How long it takes until the next timer fires, zero if that is overdue; null if none is set.</summary>
    public TimeSpan? NextDueIn
    {
        get
        {
            lock (_lock)
            {
                if (_timers.Count == 0) return null;
                TimeSpan left = _timers.Min(timer => timer.Due) - _elapsed;
                return left > TimeSpan.Zero ? left : TimeSpan.Zero;
            }
        }
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock) return _wallClockStart + _elapsed;
    }

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        lock (_lock) return _elapsed.Ticks;
    }

    /// <summary>Moves both clocks forward and fires what falls due on the way.</summary>
    /// <param name="span">Zero or more.</param>
    public void Advance(TimeSpan span)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(span, TimeSpan.Zero);
        TimeSpan end;
        lock (_lock) end = _elapsed + span;
        while (NextDue(end) is ManualTimer timer) timer.Fire();
    }

    /// <summary>Sets the wall clock back or forward, as an operator or a failover would. No timer fires.</summary>
    /// <param name="span">Negative to go back.</param>
    public void Shift(TimeSpan span)
    {
        lock (_lock) _wallClockStart += span;
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new ManualTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves the clock to the next timer that is due by <paramref name="end"/>, or to the end.</summary>
    private ManualTimer? NextDue(TimeSpan end)
    {
        lock (_lock)
        {
            ManualTimer? next = _timers.Where(timer => timer.Due <= end).MinBy(timer => timer.Due);
            TimeSpan at = next?.Due ?? end;
            if (at > _elapsed) _elapsed = at; // a callback may have advanced the clock further
            next?.Rearm();
            return next;
        }
    }

    private sealed class ManualTimer(ManualTimeProvider clock, Action callback) : ITimer
    {
        private TimeSpan _period;

        public TimeSpan Due { get; private set; }

        public void Fire() => callback();

        public void Rearm()
        {
            if (_period > TimeSpan.Zero) Due += _period;
            else clock._timers.Remove(this);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                clock._timers.Remove(this);
                _period = period;
                if (dueTime == Timeout.InfiniteTimeSpan) return true;
                Due = clock._elapsed + dueTime;
                clock._timers.Add(this);
            }

            // A timer of the system fires immediately too, if it is due immediately, but never on the stack of whoever sets it.
            if (dueTime == TimeSpan.Zero) ThreadPool.UnsafeQueueUserWorkItem(static clock => clock.Advance(TimeSpan.Zero), clock, preferLocal: false);
            return true;
        }

        public void Dispose()
        {
            lock (clock._lock) clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
