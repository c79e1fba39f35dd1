using System.Runtime.CompilerServices;

namespace Latchwork.Threading;

/// <summary>
/// Calls back at given times on one dedicated thread, so that the renewal of leases and the local lease expiry do not depend on a free
/// thread of the pool. There is one clock per <see cref="TimeProvider"/>; that of the
/// system counts with <see cref="LeaseTime"/>.
/// </summary>
/// <remarks>
/// Callbacks are short, never block and never run code of a user: they share the thread. The alarms of a <see cref="TimeProvider"/> other
/// than the system's are plain timers of that provider, so that a test which advances its time fires them on its own stack.
/// </remarks>
internal sealed class AlarmClock
{
    /// <summary>
    /// The longest that the thread waits. In a suspension of the machine its wait stands still, but the clock continues: what falls due meanwhile is
    /// found at the latest so long after the machine is back.
    /// </summary>
    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(1);

    private static readonly AlarmClock _system = new(LeaseTime.Instance, hasThread: true);
    private static readonly ConditionalWeakTable<TimeProvider, AlarmClock> _others = [];

    private readonly object _gate = new();
    private readonly SortedSet<Alarm> _set = new(Alarm.ByTime);
    private long _lastId;
    private bool _started;

    /// <param name="time">What it counts with.</param>
    /// <param name="hasThread">Whether alarms fire on a thread of its own; else they are timers of the provider.</param>
    internal AlarmClock(TimeProvider time, bool hasThread) => (Time, HasThread) = (time, hasThread);

    /// <summary>The clock of a time provider.</summary>
    public static AlarmClock For(TimeProvider time) =>
        ReferenceEquals(time, TimeProvider.System) || ReferenceEquals(time, LeaseTime.Instance)
            ? _system
            : _others.GetValue(time, static t => new AlarmClock(t, hasThread: false));

    /// <summary>The monotonic time, in the provider's timestamps.</summary>
    public long Now => Time.GetTimestamp();

    internal TimeProvider Time { get; }

    internal bool HasThread { get; }

    /// <summary>Creates an alarm that is not set.</summary>
    /// <param name="callback">What to call; an exception in it would end the process, as on any thread.</param>
    public Alarm CreateAlarm(Action callback) => new(this, callback, Interlocked.Increment(ref _lastId));

    /// <summary>Converts a span to timestamps, rounded up, so that an alarm never comes early.</summary>
    public long ToTimestamps(TimeSpan span) => (long)Math.Ceiling(span.TotalSeconds * Time.TimestampFrequency);

    /// <summary>Puts an alarm at a place in time, or with <see cref="Alarm.Never"/> nowhere.</summary>
    internal void Move(Alarm alarm, long at)
    {
        lock (_gate)
        {
            if (alarm.At == at) return;
            if (alarm.At != Alarm.Never) _set.Remove(alarm);
            alarm.At = at;
            if (at == Alarm.Never) return;

            _set.Add(alarm);
            if (!_started)
            {
                new Thread(Run) { IsBackground = true, Name = "Latchwork alarms" }.UnsafeStart();
                _started = true;
            }
            else if (ReferenceEquals(_set.Min, alarm))
            {
                Monitor.Pulse(_gate);
            }
        }
    }

    private void Run()
    {
        while (true)
        {
            TakeNext().Fire();
        }
    }

    private Alarm TakeNext()
    {
        lock (_gate)
        {
            while (true)
            {
                if (_set.Min is not { } next)
                {
                    Monitor.Wait(_gate);
                    continue;
                }

                long left = next.At - Now;
                if (left <= 0)
                {
                    _set.Remove(next);
                    next.At = Alarm.Never;
                    return next;
                }

                double milliseconds = Math.Ceiling(left * 1000.0 / Time.TimestampFrequency);
                Monitor.Wait(_gate, (int)Math.Min(milliseconds, _longestWait.TotalMilliseconds));
            }
        }
    }
}
