using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <summary>One partition of a namespace: its events, its clock and its listeners, under one lock.</summary>
internal sealed partial class InMemoryPartition
{
    private readonly Lock _lock = new();
    private readonly EventTable _events = new();
    private readonly TimerPartition _partition;
    private readonly StoreClock _clock;
    private readonly NotificationHub _notifications;
    private readonly WakeScheduler _listeners;
    private long _deadLettersEvicted;
    private readonly CounterRing _counters = new();
    private readonly Dictionary<(bool IsHour, long Place), CounterSlot> _counterSlots = [];
    private TimerPause? _pause;

    public InMemoryPartition(TimerPartition partition, TimeProvider timeProvider, NotificationHub notifications)
    {
        _partition = partition;
        _clock = new StoreClock(timeProvider);
        _notifications = notifications;
        _listeners = new WakeScheduler((nodeId, askIn) =>
            notifications.Notify(partition.Namespace, nodeId, new WakeNotification(WakeNotificationKind.Due, partition.Index, askIn, default)));
    }

    public IReadOnlyList<PostOutcome> Post(IReadOnlyList<TimerEntry> entries)
    {
        var outcomes = new PostOutcome[entries.Count];
        StoredEvent[] fresh = [.. entries.Select(entry => new StoredEvent(entry))]; // copies payloads: better before the lock
        lock (_lock)
        {
            StoreTime now = Now();
            long earliest = long.MaxValue;
            for (int i = 0; i < fresh.Length; i++)
            {
                outcomes[i] = Post(fresh[i], now.Resolve(entries[i].Due), entries[i].IfExists, now);
                if (outcomes[i] is PostOutcome.Created or PostOutcome.Replaced) earliest = Math.Min(earliest, fresh[i].Due);
            }

            WakeFor(earliest, now);
        }

        return outcomes;
    }

    public TimerOutcome Cancel(string id, bool revoke)
    {
        lock (_lock)
        {
            if (!_events.TryGet(id, out StoredEvent? stored)) return TimerOutcome.NotFound;
            if (stored.Lease is not null && !revoke) return TimerOutcome.InFlight;
            Remove(stored);
            if (stored.DeadLetter is not null) return TimerOutcome.Done;
            StoreTime now = Now();
            Tally(TimerCounter.Cancelled, now);
            OccurrenceEnded(id, OccurrenceOutcome.Cancelled, now);
            return TimerOutcome.Done;
        }
    }

    public TimerOutcome ChangeDelay(string id, Due due)
    {
        lock (_lock)
        {
            if (!_events.TryGet(id, out StoredEvent? stored)) return TimerOutcome.NotFound;
            if (stored.Lease is not null) return TimerOutcome.InFlight;
            if (stored.DeadLetter is not null) return TimerOutcome.DeadLettered;

            StoreTime now = Now();
            _events.Schedule(stored, now.Resolve(due));
            WakeFor(stored.Due, now);
            return TimerOutcome.Done;
        }
    }

    private PostOutcome Post(StoredEvent fresh, DueTime due, IfExists ifExists, StoreTime now)
    {
        PostOutcome outcome = PostOutcome.Created;
        if (_events.TryGet(fresh.Id, out StoredEvent? existing))
        {
            // A dead letter never stands in the way of a new one.
            if (existing.DeadLetter is null && ifExists == IfExists.Keep) return PostOutcome.Kept;
            if (existing.DeadLetter is null && ifExists == IfExists.Fail) return PostOutcome.Exists;
            Remove(existing);
            outcome = PostOutcome.Replaced;
            Tally(TimerCounter.Replaced, now);
        }

        Tally(TimerCounter.Posted, now);

        (fresh.Due, fresh.RawDue) = due;
        _events.Add(fresh);
        return outcome;
    }

    /// <summary>
    /// The time. If the machine's clock went back since the last, events with absolute times are due later by the partition's clock: that is noted before anything reads them.
    /// </summary>
    private StoreTime Now()
    {
        long before = _clock.Offset;
        StoreTime now = _clock.Now();
        if (_clock.Offset != before)
        {
            foreach (TimedId place in _events.Scheduled.ToArray())
            {
                StoredEvent stored = _events[place.Id];
                if (stored.DueBy(now) != stored.Due) _events.Schedule(stored, new DueTime(stored.DueBy(now), stored.RawDue));
            }
        }

        return now;
    }

    private void Tally(TimerCounter what, StoreTime now, long count = 1)
    {
        if (count == 0) return;
        Span<long> counts = stackalloc long[CounterRing.Width];
        counts[(int)what] = count;
        _counters.Count(counts, now, Keep);
    }

    private static TimerCounter DeadLetterOf(DeadLetterReason reason) => TimerCounter.FirstDeadLetter + (int)reason;

    private void Keep(CounterSlot slot) => _counterSlots[(slot.IsHour, slot.Number % (slot.IsHour ? CounterRing.Hours : CounterRing.Minutes))] = slot;

    /// <summary>Wakes listeners for what became due earlier; <see cref="long.MaxValue"/> if nothing did.</summary>
    private void WakeFor(long earliest, StoreTime now)
    {
        if (earliest != long.MaxValue) _listeners.Wake(earliest, now);
    }

    /// <summary>Removes an event in any state. A node that holds it is notified.</summary>
    private void Remove(StoredEvent stored)
    {
        _events.Remove(stored);
        if (stored.Lease is not Lease lease) return;
        var notification = new WakeNotification(WakeNotificationKind.Revoked, _partition.Index, TimeSpan.Zero, new DeliveryKey(stored.Id, lease.Token));
        _notifications.Notify(_partition.Namespace, lease.NodeId, notification);
    }
}
