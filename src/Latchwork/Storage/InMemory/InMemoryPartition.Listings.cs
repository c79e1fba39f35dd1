using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <content>Looking without changing, and the list of nodes.</content>
internal sealed partial class InMemoryPartition
{
    public TimerSnapshot? Peek(string id)
    {
        lock (_lock)
        {
            if (_events.TryGet(id, out StoredEvent? stored)) return SnapshotOf(stored, Now());
            return _completed.GetValueOrDefault(id)?.ToSnapshot();
        }
    }

    public TimerPage Upcoming(TimeSpan? offset, TimeSpan? duration, string? cursor, int limit)
    {
        lock (_lock)
        {
            StoreTime now = Now();
            PageCursor from = cursor is not null ? PageCursor.Parse(cursor) : PageCursor.Window(now, offset, duration);
            return Page(_events.Scheduled, from, limit, now);
        }
    }

    public TimerPage InFlight(string? cursor, int limit)
    {
        lock (_lock)
        {
            StoreTime now = Now();
            InFlightCursor from = InFlightCursor.Parse(cursor, now);
            TimerPage page = Page(_events.InFlight, new PageCursor(from.After, long.MaxValue), limit, now);
            return from.Cut(page.Items, page.Cursor is null ? null : PageCursor.Parse(page.Cursor).After, now);
        }
    }

    public TimerPage DeadLetters(string? cursor, int limit)
    {
        lock (_lock)
        {
            PageCursor from = cursor is not null ? PageCursor.Parse(cursor) : PageCursor.Everything;
            return Page(_events.DeadLetters, from, limit, Now());
        }
    }

    public TimerStats Stats()
    {
        lock (_lock)
        {
            StoreTime now = Now();
            TimeSpan? overdue = _events.Scheduled.Count > 0 && _events.Scheduled.Min.At <= now.Milliseconds
                ? now.Since(_events.Scheduled.Min.At)
                : null;
            return new TimerStats(_events.Scheduled.Count, _events.InFlight.Count, _events.DeadLetters.Count, _deadLettersEvicted, overdue)
            {
                Pause = _pause,
                Counters = _counters.Read(now, _counterSlots.Values),
            };
        }
    }

    public IReadOnlyList<TimerNode> Nodes()
    {
        lock (_lock) return _listeners.List(Now());
    }

    public void Leave(string nodeId)
    {
        lock (_lock) _listeners.Leave(nodeId, _events.Head, Now());
    }

    public TimerPause Pause(PauseRequest request)
    {
        lock (_lock)
        {
            if (_pause is not null && request.Since is null) return _pause;
            _pause = request.ToPause(Now());
            _listeners.Pause();
            foreach (string nodeId in _listeners.Listening)
            {
                _notifications.Notify(_partition.Namespace, nodeId, new WakeNotification(WakeNotificationKind.Paused, _partition.Index, TimeSpan.Zero, default));
            }

            return _pause;
        }
    }

    public TimerPause? Resume()
    {
        lock (_lock)
        {
            if (_pause is not { } ended) return null;
            _pause = null;
            _listeners.Resume(_events.Head, Now());
            return ended;
        }
    }

    private TimerSnapshot SnapshotOf(StoredEvent stored, StoreTime now) => stored.ToSnapshot(now, isBegun: stored.Lease is not null && !HasNotBegun(stored.Id, now));

    /// <summary>The next events of a list. A place is never given twice, whatever comes and goes between the pages.</summary>
    private TimerPage Page(SortedSet<TimedId> list, PageCursor from, int limit, StoreTime now)
    {
        var items = new List<TimerSnapshot>();
        var end = new TimedId(from.End, "");
        if (end.CompareTo(from.After) <= 0) return new TimerPage(items, null);

        long bytes = 0;
        TimedId last = from.After;
        foreach (TimedId place in list.GetViewBetween(from.After, end))
        {
            if (place == from.After) continue;
            StoredEvent stored = _events[place.Id];
            bytes += stored.Payload.Length;
            bool full = items.Count == limit || (items.Count > 0 && bytes > Limits.MaxBatchBytes);
            if (full) return new TimerPage(items, new PageCursor(last, from.End).ToString());
            items.Add(SnapshotOf(stored, now));
            last = place;
        }

        return new TimerPage(items, null);
    }
}
