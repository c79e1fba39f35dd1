namespace Latchwork.Redis.Multiplexing;

/// <summary>
/// The calls under way. All have the same time, so they are a list in the order of their deadlines, with one alarm for the first; and it bounds how
/// many there are and how many bytes they have.
/// </summary>
internal sealed class CallList : IDisposable
{
    private readonly Lock _gate = new();
    private readonly TimeSpan _timeout;
    private readonly int _maxCount;
    private readonly long _maxBytes;
    private readonly Alarm _alarm;
    private ScriptCall? _first, _last;
    private int _count;
    private long _bytes;
    private bool _isAlarmSet;
    private bool _closed;

    public CallList(TimeSpan timeout, int maxCount, long maxBytes)
    {
        _timeout = timeout;
        _maxCount = maxCount;
        _maxBytes = maxBytes;
        _alarm = AlarmClock.For(TimeProvider.System).CreateAlarm(OnAlarm);
    }

    /// <summary>Whether nothing is under way.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_gate)
                return _count == 0;
        }
    }

    /// <summary>How long the oldest call has been under way.</summary>
    public TimeSpan OldestAge
    {
        get
        {
            lock (_gate)
                return _first is null ? TimeSpan.Zero : _timeout - TimeSpan.FromMilliseconds(_first.Deadline - Environment.TickCount64);
        }
    }

    /// <summary>Takes a call.</summary>
    /// <returns>False if there are too many.</returns>
    /// <exception cref="ObjectDisposedException">The store is closed.</exception>
    public bool TryAdd(ScriptCall call)
    {
        bool setAlarm;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(RedisStore));
            if (_count >= _maxCount || (_count > 0 && _bytes + call.Bytes > _maxBytes))
                return false;
            call.Deadline = Environment.TickCount64 + (long)_timeout.TotalMilliseconds;
            (call.Previous, _last) = (_last, call);
            if (call.Previous is null)
                _first = call;
            else
                call.Previous.Next = call;
            _count++;
            _bytes += call.Bytes;
            setAlarm = !_isAlarmSet;
            _isAlarmSet = true;
        }

        if (setAlarm)
            _alarm.Set(_timeout);
        return true;
    }

    public void Remove(ScriptCall call)
    {
        lock (_gate)
        {
            bool isListed = call.Previous is not null || ReferenceEquals(_first, call);
            if (!isListed)
                return;
            if (call.Previous is null)
                _first = call.Next;
            else
                call.Previous.Next = call.Next;
            if (call.Next is null)
                _last = call.Previous;
            else
                call.Next.Previous = call.Previous;
            call.Previous = call.Next = null;
            _count--;
            _bytes -= call.Bytes;
        }
    }

    /// <summary>Takes no more calls.</summary>
    public void BeginClose()
    {
        lock (_gate)
            _closed = true;
    }

    /// <summary>Ends what is still under way.</summary>
    public void Dispose()
    {
        BeginClose();
        _alarm.Dispose();
        while (First() is { } call)
            call.OnClosed(); // which removes it
    }

    private ScriptCall? First()
    {
        lock (_gate)
            return _first;
    }

    // An alarm a call would cost more than looking again when the time of the first one has come, which most calls never see.
    private void OnAlarm()
    {
        while (true)
        {
            ScriptCall? call;
            long left;
            lock (_gate)
            {
                call = _first;
                _isAlarmSet = call is not null;
                if (call is null)
                    return;
                left = call.Deadline - Environment.TickCount64;
            }

            if (left > 0)
            {
                _alarm.Set(TimeSpan.FromMilliseconds(left));
                return;
            }

            call.OnDeadline(); // which removes it
        }
    }
}
