using System.Diagnostics.CodeAnalysis;
using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <summary>The events of one partition: by id, and per state in order of time, then id. Each change costs O(log n).</summary>
internal sealed class EventTable
{
    private readonly Dictionary<string, StoredEvent> _byId = [];

    /// <summary>Scheduled events by due time.</summary>
    public SortedSet<TimedId> Scheduled { get; } = [];

    /// <summary>Events in flight by the end of their lease.</summary>
    public SortedSet<TimedId> InFlight { get; } = [];

    /// <summary>Dead letters by the time at which they were dead-lettered.</summary>
    public SortedSet<TimedId> DeadLetters { get; } = [];

    /// <summary>When the next thing happens by itself: an event falls due, or a lease runs out. Null if nothing will.</summary>
    public long? Head
    {
        get
        {
            long head = long.MaxValue;
            if (Scheduled.Count > 0) head = Scheduled.Min.At;
            if (InFlight.Count > 0) head = Math.Min(head, InFlight.Min.At);
            return head == long.MaxValue ? null : head;
        }
    }

    public StoredEvent this[string id] => _byId[id];

    public bool TryGet(string id, [NotNullWhen(true)] out StoredEvent? stored) => _byId.TryGetValue(id, out stored);

    public void Add(StoredEvent stored)
    {
        _byId.Add(stored.Id, stored);
        ListOf(stored).Add(stored.Place);
    }

    public void Remove(StoredEvent stored)
    {
        ListOf(stored).Remove(stored.Place);
        _byId.Remove(stored.Id);
    }

    public void Schedule(StoredEvent stored, DueTime due)
    {
        Move(stored, due.At, lease: null, deadLetter: null);
        stored.RawDue = due.Raw;
    }

    /// <summary>In flight → scheduled as it was before.</summary>
    public void PutBack(StoredEvent stored, StoreTime now) => Move(stored, stored.DueBy(now), lease: null, deadLetter: null);

    public void Hold(StoredEvent stored, Lease lease) => Move(stored, stored.Due, lease, deadLetter: null);

    public void MoveToDeadLetters(StoredEvent stored, DeadLetter deadLetter, StoreTime now)
    {
        Move(stored, stored.DueBy(now), lease: null, deadLetter);
        stored.RawDue = null;
    }

    private void Move(StoredEvent stored, long due, Lease? lease, DeadLetter? deadLetter)
    {
        ListOf(stored).Remove(stored.Place);
        stored.Due = due;
        stored.Lease = lease;
        stored.DeadLetter = deadLetter;
        ListOf(stored).Add(stored.Place);
    }

    private SortedSet<TimedId> ListOf(StoredEvent stored) => stored.State switch
    {
        TimerState.InFlight => InFlight,
        TimerState.DeadLettered => DeadLetters,
        _ => Scheduled,
    };
}
