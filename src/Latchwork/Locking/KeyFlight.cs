using System.Collections.Concurrent;
using Latchwork.Storage;

namespace Latchwork.Locking;

/// <summary>
/// All the callers of one key in one process: they share one request to the store, one subscription, and one run. It lives from the first caller to
/// the last, and as long as one of them holds the lock.
/// </summary>
/// <remarks>
/// <para>
/// A caller shares only an answer that was asked for after it called. Callers are numbered; a request notes the last number given out before
/// it was sent. An outcome that is fresh may be given to callers up to that number. One that is only handed over may be given to callers of
/// whom it is certain that they called before it was published: because a request sent after they called found its owner (or an older one) at
/// work, or because they called longer ago than the outcome is old. The others stay, and ask anew.
/// </para>
/// <para>
/// Callers complete on the thread pool; the flight itself may run on a thread of the store, so nothing here blocks or runs code of a user.
/// </para>
/// </remarks>
internal sealed partial class KeyFlight
{
    private static readonly List<FlightCaller> _none = [];

    private readonly LockerCore _core;
    private readonly string _key;
    private readonly bool _lockOnly;
    private readonly ConcurrentDictionary<string, KeyFlight> _open;
    private readonly object _gate = new();
    private readonly LinkedList<FlightCaller> _callers = new(); // in order of their tickets

    private TaskCompletionSource? _completion; // for who waits for the end; under the gate
    private bool _isOver;
    private long _lastTicket;
    private bool _started;
    private bool _closed; // takes no new callers
    private Exception? _shutDown;
    private HeldLock? _held;
    private SharedRun? _run;

    /// <param name="core">The locker.</param>
    /// <param name="key">The key.</param>
    /// <param name="lockOnly">Whether its callers want the lock itself, so that no outcome will do.</param>
    /// <param name="open">The flights that are open, by key; it removes itself when it takes no callers any more.</param>
    public KeyFlight(LockerCore core, string key, bool lockOnly, ConcurrentDictionary<string, KeyFlight> open)
    {
        _core = core;
        _key = key;
        _lockOnly = lockOnly;
        _open = open;
    }

    public string Key => _key;

    /// <summary>Ends when the flight is over and holds nothing more.</summary>
    public Task Completion
    {
        get
        {
            lock (_gate)
            {
                if (_isOver) return Task.CompletedTask;
                return (_completion ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
        }
    }

    /// <summary>How many callers wait.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _callers.Count;
        }
    }

    /// <summary>The number of the last caller.</summary>
    public long LastTicket
    {
        get
        {
            lock (_gate) return _lastTicket;
        }
    }

    /// <summary>Who holds the key, and since when, as far as that is known here.</summary>
    public string DescribeHolder()
    {
        HeldLock? held;
        lock (_gate) held = _held;
        if (held is not null) return $"this process has held it for {Durations.Text(held.Age)}";
        LockHeld? other;
        TimeSpan ago;
        lock (_wakeGate) (other, ago) = (_holder, _core.Since(_heldAt));
        if (other is null) return "the store has not answered yet";
        string who = other.NodeId == _core.NodeId ? "this process" : $"the node '{other.NodeId}'";
        return $"{who} has held it for {Durations.Text(other.Age + ago)}";
    }

    /// <summary>Takes a caller in.</summary>
    /// <returns>False if the flight is closed: another one has to be begun.</returns>
    public bool TryJoin(FlightCaller caller)
    {
        bool start;
        lock (_gate)
        {
            if (_closed) return false;
            caller.Ticket = ++_lastTicket;
            caller.JoinedAt = _core.Clock.Now;
            _callers.AddLast(caller.Node);
            start = !_started;
            _started = true;
        }

        if (start) Start();
        return true;
    }

    /// <summary>Lets a caller go. Nobody else notices, unless it was the last.</summary>
    /// <returns>False if it has its answer already (or is just getting it).</returns>
    public bool Leave(FlightCaller caller)
    {
        SharedRun? orphan = null;
        lock (_gate)
        {
            if (caller.Node.List is null) return false;
            _callers.Remove(caller.Node);
            if (_callers.Count > 0) return true;
            if (_run is not null)
            {
                orphan = _run;
                _closed = true;
            }
        }

        if (orphan is null)
        {
            Wake();
        }
        else
        {
            // New callers must not join work that is being stopped.
            LeaveOpen();
            orphan.Cancel();
        }

        return true;
    }

    /// <summary>Ends the flight: its callers fail, its work is stopped, its lock released.</summary>
    public async Task ShutDownAsync(Exception reason)
    {
        SharedRun? run;
        HeldLock? held;
        lock (_gate)
        {
            _closed = true;
            _shutDown = reason;
            _isOver |= !_started; // and nobody can start it any more
            run = _run;
            held = _held;
        }

        LeaveOpen();
        FailAll(reason, long.MaxValue);
        Wake();
        if (run is not null) run.Cancel();
        else if (held is not null) await held.ReleaseAsync(lost: true).ConfigureAwait(false);
        await Completion.ConfigureAwait(false);
    }

    /// <summary>Fails one caller that is still here.</summary>
    public void Fail(FlightCaller caller, Exception exception)
    {
        lock (_gate)
        {
            if (caller.Node.List is null) return;
            _callers.Remove(caller.Node);
        }

        caller.Fail(exception);
    }

    /// <summary>Fails all callers up to a ticket.</summary>
    public void FailAll(Exception exception, long ticket = long.MaxValue)
    {
        foreach (FlightCaller caller in TakeUpTo(ticket)) caller.Fail(exception);
    }

    /// <summary>Gives an outcome of the store to those who may have it.</summary>
    /// <param name="outcome">The outcome.</param>
    /// <param name="ticket">The last ticket given out before it was asked for.</param>
    /// <param name="sent">When it was asked for.</param>
    private void Serve(LockerOutcome outcome, long ticket, long sent)
    {
        long published = sent - _core.Clock.ToTimestamps(outcome.Age); // at the earliest
        List<FlightCaller> served = Take(c =>
            (outcome.IsFresh && c.Ticket <= ticket) || outcome.FencingToken >= c.WaitingFor || c.JoinedAt <= published);
        foreach (FlightCaller caller in served) caller.Give(outcome, null);
    }

    /// <summary>Notes that a request found an owner at work: whoever called before it was sent waits for that owner's outcome.</summary>
    private void NoteOwner(long fencingToken, long ticket)
    {
        lock (_gate)
        {
            // From the end: those that have a fencing token already are the older ones.
            for (LinkedListNode<FlightCaller>? node = _callers.Last; node is { Value.WaitingFor: null }; node = node.Previous)
            {
                if (node.Value.Ticket <= ticket) node.Value.WaitingFor = fencingToken;
            }
        }
    }

    private void LeaveOpen() => _open.TryRemove(new(_key, this));

    // Takes out those who called first, up to a ticket.
    private List<FlightCaller> TakeUpTo(long ticket, bool unlessHeld = false)
    {
        lock (_gate)
        {
            if (_callers.First is not { } first || first.Value.Ticket > ticket || (unlessHeld && _held is not null)) return _none;
            List<FlightCaller> taken = [];
            while (_callers.First is { } next && next.Value.Ticket <= ticket)
            {
                _callers.RemoveFirst();
                taken.Add(next.Value);
            }

            return taken;
        }
    }

    private List<FlightCaller> Take(Predicate<FlightCaller> which)
    {
        List<FlightCaller> taken = [];
        lock (_gate)
        {
            for (LinkedListNode<FlightCaller>? node = _callers.First, next; node is not null; node = next)
            {
                next = node.Next;
                if (!which(node.Value)) continue;
                _callers.Remove(node);
                taken.Add(node.Value);
            }
        }

        return taken;
    }
}
