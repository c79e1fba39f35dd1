namespace Latchwork.Threading;

/// <summary>Something that is under way and has to be done in time; see <see cref="DeadlineList"/>.</summary>
internal abstract class DeadlineItem
{
    /// <summary>Its neighbours and its deadline (a timestamp of the list's clock) belong to the list that it is in.</summary>
    internal DeadlineItem? Previous, Next;

    internal long Deadline;

    /// <summary>How many bytes it holds.</summary>
    public virtual long Bytes => 0;

    /// <summary>Its time has come. It is still in the list, and has to remove itself.</summary>
    public abstract void OnDeadline();

    /// <summary>The list is closed. It is still in the list, and has to remove itself.</summary>
    public virtual void OnClosed() => throw new NotSupportedException("The list of such items is never closed.");
}

/// <summary>
/// What is under way. All have the same time, so they are a list in the order of their deadlines, with one alarm for the first; and it bounds how
/// many there are and how many bytes they have.
/// </summary>
internal sealed class DeadlineList : IDisposable
{
    private static readonly TimeSpan _day = TimeSpan.FromDays(1);

    private readonly Lock _gate = new();
    private readonly Type _owner;
    private readonly TimeSpan _timeout;
    private readonly long _timeoutTicks;
    private readonly int _maxCount;
    private readonly long _maxBytes;
    private readonly AlarmClock _clock;
    private readonly Alarm _alarm;
    private DeadlineItem? _first, _last;
    private int _count;
    private long _bytes;
    private bool _isAlarmSet;
    private bool _closed;

    /// <summary>Creates an empty list.</summary>
    /// <param name="owner">Whose end closes it, for the exception.</param>
    /// <param name="timeout">How long each has.</param>
    /// <param name="maxCount">The most items.</param>
    /// <param name="maxBytes">The most bytes; a single item may have more.</param>
    /// <param name="time">The clock of the deadlines; null for the system's.</param>
    public DeadlineList(Type owner, TimeSpan timeout, int maxCount = int.MaxValue, long maxBytes = long.MaxValue, TimeProvider? time = null)
    {
        _owner = owner;
        _timeout = timeout;
        _maxCount = maxCount;
        _maxBytes = maxBytes;
        _clock = AlarmClock.For(time ?? TimeProvider.System);
        _timeoutTicks = _clock.ToTimestamps(timeout);
        _alarm = _clock.CreateAlarm(OnAlarm);
    }

    /// <summary>Whether nothing is under way.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_gate) return _count == 0;
        }
    }

    /// <summary>How long the oldest item has been under way.</summary>
    public TimeSpan OldestAge
    {
        get
        {
            lock (_gate)
                return _first is null ? TimeSpan.Zero : _timeout - _clock.Time.GetElapsedTime(_clock.Now, _first.Deadline);
        }
    }

    /// <summary>Takes an item.</summary>
    /// <returns>False if there are too many.</returns>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public bool TryAdd(DeadlineItem item)
    {
        bool setAlarm;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, _owner);
            if (_count >= _maxCount || (_count > 0 && _bytes + item.Bytes > _maxBytes)) return false;
            item.Deadline = _clock.Now + _timeoutTicks;
            (item.Previous, _last) = (_last, item);
            if (item.Previous is null) _first = item;
            else item.Previous.Next = item;
            _count++;
            _bytes += item.Bytes;
            setAlarm = !_isAlarmSet;
            _isAlarmSet = true;
        }

        if (setAlarm) SetAlarm(_timeout);
        return true;
    }

    public void Remove(DeadlineItem item)
    {
        lock (_gate)
        {
            bool isListed = item.Previous is not null || ReferenceEquals(_first, item);
            if (!isListed) return;
            if (item.Previous is null) _first = item.Next;
            else item.Previous.Next = item.Next;
            if (item.Next is null) _last = item.Previous;
            else item.Next.Previous = item.Previous;
            item.Previous = item.Next = null;
            _count--;
            _bytes -= item.Bytes;
        }
    }

    /// <summary>Takes no more items.</summary>
    public void BeginClose()
    {
        lock (_gate) _closed = true;
    }

    /// <summary>Ends what is still under way.</summary>
    public void Dispose()
    {
        BeginClose();
        _alarm.Dispose();
        while (First() is { } item)
            item.OnClosed(); // which removes it
    }

    /// <summary>Looks at nothing any more, as all that may still be in it has ended.</summary>
    public void StopAlarm() => _alarm.Dispose();

    // A day at a time: not all timers can wait for longer than some weeks.
    private void SetAlarm(TimeSpan time) => _alarm.Set(time < _day ? time : _day);

    private DeadlineItem? First()
    {
        lock (_gate) return _first;
    }

    // An alarm an item would cost more than looking again when the time of the first one has come, which most never see.
    private void OnAlarm()
    {
        while (true)
        {
            DeadlineItem? item;
            long left;
            lock (_gate)
            {
                item = _first;
                _isAlarmSet = item is not null;
                if (item is null) return;
                left = item.Deadline - _clock.Now;
            }

            if (left > 0)
            {
                SetAlarm(_clock.Time.GetElapsedTime(0, left));
                return;
            }

            item.OnDeadline(); // which removes it
        }
    }
}
