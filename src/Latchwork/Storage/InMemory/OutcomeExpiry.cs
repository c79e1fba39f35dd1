using Latchwork.Storage.Rules;
using Latchwork.Threading;

namespace Latchwork.Storage.InMemory;

/// <summary>When the outcomes of a store are of no use to anybody any more, so that their bytes go then and not with the next operation on their key.</summary>
/// <remarks>Not safe for several threads: the store's lock guards it.</remarks>
internal sealed class OutcomeExpiry
{
    /// <summary>The most outcomes that one call checks: the alarm's thread belongs to others as well.</summary>
    private const int MaxSwept = 1_000;

    /// <summary>The longest that the alarm is set for: a clock of the caller's own may not know longer ones.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromDays(1);

    private readonly SortedSet<Entry> _byTime = new(Comparer<Entry>.Create(static (a, b) => (a.Until, a.Number).CompareTo((b.Until, b.Number))));
    private readonly Dictionary<LockerKey, Entry> _byKey = [];
    private readonly Alarm _alarm;
    private long? _alarmAt;
    private long _lastNumber;

    /// <param name="time">The store's clock.</param>
    /// <param name="onDue">Takes the store's lock and calls <see cref="Sweep"/>.</param>
    public OutcomeExpiry(TimeProvider time, Action onDue) => _alarm = AlarmClock.For(time).CreateAlarm(onDue);

    /// <summary>Notes the outcome that a key has now, or that it has none.</summary>
    public void Track(LockerKey key, LockRecord record, long now)
    {
        Put(key, record);
        SetAlarm(now);
    }

    /// <summary>Notes that a key is gone.</summary>
    public void Remove(LockerKey key, long now)
    {
        if (!_byKey.Remove(key, out Entry? entry)) return;
        _byTime.Remove(entry);
        SetAlarm(now);
    }

    /// <summary>Drops the outcomes whose time is over.</summary>
    public void Sweep(long now)
    {
        _alarmAt = null;
        for (int i = 0; i < MaxSwept && _byTime.Min is { } first; i++)
        {
            first.Record.Sweep(now);
            if (first.Record.OutcomeUntil == first.Until) break; // its time is yet to come
            Put(first.Key, first.Record); // it is gone; or its time was cut, as the clock went back
        }

        SetAlarm(now);
    }

    public void Close()
    {
        _byTime.Clear();
        _byKey.Clear();
        _alarm.Dispose();
    }

    private void Put(LockerKey key, LockRecord record)
    {
        long? until = record.OutcomeUntil;
        if (_byKey.TryGetValue(key, out Entry? known) && known.Until == until && known.Record == record) return;
        if (_byKey.Remove(key)) _byTime.Remove(known!);
        if (until is { } at)
        {
            var entry = new Entry(key, record, at, ++_lastNumber);
            _byTime.Add(entry);
            _byKey.Add(key, entry);
        }
    }

    private void SetAlarm(long now)
    {
        long? first = _byTime.Min?.Until;
        if (first == _alarmAt) return;
        _alarmAt = first;
        if (first is not { } at)
        {
            _alarm.Cancel();
            return;
        }

        var delay = TimeSpan.FromMicroseconds(at - now);
        _alarm.Set(delay < _longest ? delay : _longest);
    }

    private sealed record Entry(LockerKey Key, LockRecord Record, long Until, long Number);
}
