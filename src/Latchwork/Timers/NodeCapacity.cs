namespace Latchwork;

/// <summary>
/// What this node may claim, shared by all partitions: as many events as handlers are free, and beyond that only what will start soon. So no
/// event waits on a busy node while another is idle.
/// </summary>
/// <remarks>
/// Two things are counted. A <i>place</i> is taken by whatever the node holds, until the store was told of its end and its handler has
/// returned; there are <c>MaxInFlight</c> of them. A <i>handler</i> is taken from the reservation until it has returned, or until the delivery is
/// handed back without having started; there are <c>MaxConcurrency</c>, and as many more as will start within <see cref="_soon"/>, by the
/// measured time of handling. While nothing was measured, and in manual confirmation, where a handler's return says nothing, nothing is claimed ahead; nor is it
/// while an event with no retry left waits for a handler, which must be free when it is claimed.
/// </remarks>
internal sealed class NodeCapacity
{
    /// <summary>How long the last of what is claimed ahead may wait for a handler.</summary>
    private static readonly TimeSpan _soon = TimeSpan.FromMilliseconds(20);

    /// <summary>Handlers that take less do not occupy a node: it claims again immediately, and does not let others go first.</summary>
    private static readonly TimeSpan _short = TimeSpan.FromMilliseconds(5);

    private readonly Lock _gate = new();
    private readonly Queue<Action> _waiting = new();
    private readonly Queue<Action> _waitingForHandlers = new();
    private readonly HashSet<Action> _called = []; // they waited for a handler, one is free, and they have not reserved it yet
    private readonly int _maxInFlight;
    private int _maxConcurrency;
    private int _taken;
    private int _busy;
    private double _handlingTicks = double.NaN; // a moving average; not a number until a handler has ended
    private bool _overestimated;

    /// <param name="maxInFlight">The most events that are held.</param>
    /// <param name="maxConcurrency">The most handlers that run at a time.</param>
    public NodeCapacity(int maxInFlight, int maxConcurrency)
    {
        _maxInFlight = maxInFlight;
        _maxConcurrency = maxConcurrency;
    }

    /// <summary>How many more events may be claimed now, by a claim that was not called.</summary>
    public int Free
    {
        get
        {
            lock (_gate) return Math.Max(0, FreeForOthers());
        }
    }

    /// <summary>How many events may be held at most, by what is known of the time of handling.</summary>
    public int Limit
    {
        get
        {
            lock (_gate) return Math.Min(_maxInFlight, _maxConcurrency + Ahead());
        }
    }

    /// <summary>The places that are taken or reserved.</summary>
    public int Taken
    {
        get
        {
            lock (_gate) return _taken;
        }
    }

    /// <summary>Whether an event occupies this node for long, as far as is known: then others are let go first where more is due than one claim takes.</summary>
    public bool HandlesLong
    {
        get
        {
            lock (_gate) return !(_handlingTicks < _short.Ticks);
        }
    }

    /// <summary>Reserves up to <paramref name="want"/> places, each with a handler; as many as there are, less those for which others were called.</summary>
    /// <param name="want">The most places.</param>
    /// <param name="free">How many of the handlers are free now.</param>
    /// <param name="claim">What is called for this claim when a handler is free: see <see cref="WhenHandlerFree"/>.</param>
    public int Reserve(int want, out int free, Action claim)
    {
        bool wasCalled;
        int take;
        lock (_gate)
        {
            wasCalled = _called.Remove(claim);
            take = Math.Max(0, Math.Min(want, FreeForOthers()));
            free = Math.Clamp(_maxConcurrency - _busy, 0, take); // while somebody is called nothing is claimed ahead, and all that is taken are free handlers
            _taken += take;
            _busy += take;
        }

        if (wasCalled) Release(handlers: 0, places: 0); // others may claim ahead again
        return take;
    }

    /// <summary>Takes places that were given back too early: what a claim brings must be held, even if nothing is free.</summary>
    public void Occupy(int places)
    {
        lock (_gate)
        {
            _taken += places;
            _busy += places;
        }
    }

    /// <summary>Gives back what was reserved and not used; also if that is nothing, so that whoever waits for what is free is called.</summary>
    public void GiveBack(int places) => Release(places, places);

    /// <summary>A handler has returned: another event may start.</summary>
    /// <param name="ran">Whether it was called at all.</param>
    /// <param name="took">How long the event occupied this node; null if that is not known, or not yet.</param>
    public void HandlerReturned(bool ran, TimeSpan? took)
    {
        lock (_gate)
        {
            if (ran) _overestimated = false;
            if (took is TimeSpan time) _handlingTicks = double.IsNaN(_handlingTicks) ? time.Ticks : _handlingTicks + (time.Ticks - _handlingTicks) / 8;
        }

        Release(handlers: 1, places: 0);
    }

    /// <summary>Deliveries did not start in time and are handed back: until a handler has returned this node holds one at most, or it would take them again.</summary>
    public void DidNotStart(int deliveries)
    {
        lock (_gate) _overestimated = true;
        Release(handlers: deliveries, places: 0);
    }

    /// <summary>Deliveries are handed back before a handler began, for a reason that says nothing about this node.</summary>
    public void HandedBack(int deliveries) => Release(handlers: deliveries, places: 0);

    /// <summary>More, or fewer, events can be taken at a time: callers come who receive some, and go.</summary>
    public void ChangeHandlers(int by)
    {
        lock (_gate) _maxConcurrency += by;
        Release(handlers: 0, places: 0);
    }

    /// <summary>A caller is given deliveries, and waits for no more.</summary>
    /// <param name="deliveries">How many it is given.</param>
    /// <param name="wanted">How many it wanted.</param>
    public void HandedOver(int deliveries, int wanted)
    {
        lock (_gate) _maxConcurrency -= wanted;
        Release(handlers: deliveries, places: 0);
    }

    /// <summary>A delivery is neither held nor handled any more.</summary>
    public void Finished() => Release(handlers: 0, places: 1);

    /// <summary>Has <paramref name="claim"/> called once when something may be claimed; each freed place calls one of those who wait, in their order. Must be short.</summary>
    public void WhenFree(Action claim)
    {
        lock (_gate)
        {
            if (FreeForOthers() <= 0)
            {
                _waiting.Enqueue(claim);
                return;
            }
        }

        claim();
    }

    /// <summary>The same when a handler is free, and not just something may be claimed ahead: nothing is until <paramref name="claim"/> has reserved what it claims.</summary>
    public void WhenHandlerFree(Action claim)
    {
        lock (_gate)
        {
            if (HandlersFree() <= _called.Count)
            {
                _waitingForHandlers.Enqueue(claim);
                return;
            }

            _called.Add(claim);
        }

        claim();
    }

    /// <summary>A claim that was called, or is being, cannot reserve anything yet: the handler is for others, and it has to wait anew.</summary>
    public void PassOn(Action claim)
    {
        lock (_gate)
        {
            if (!_called.Remove(claim)) return;
        }

        Release(handlers: 0, places: 0);
    }

    private void Release(int handlers, int places)
    {
        List<Action>? next = null;
        lock (_gate)
        {
            _busy -= handlers;
            _taken -= places;
            for (int free = HandlersFree() - _called.Count; free > 0 && _waitingForHandlers.TryDequeue(out Action? claim); free--)
            {
                _called.Add(claim);
                (next ??= []).Add(claim);
            }

            for (int free = FreeForOthers(); free > 0 && _waiting.TryDequeue(out Action? claim); free--) (next ??= []).Add(claim);
        }

        foreach (Action claim in next ?? []) claim();
    }

    // Something that was to start soon did not (no thread of the pool is free, say): one at a time, until a handler has returned.
    private int FreeNow() => Math.Min(_maxInFlight - _taken, _overestimated ? 1 - _busy : _maxConcurrency + Ahead() - _busy);

    // Each of those who were called is left a handler.
    private int FreeForOthers() => FreeNow() - _called.Count;

    private int HandlersFree() => Math.Min(FreeNow(), _maxConcurrency - _busy);

    // Position × time ÷ concurrency is to stay below what counts as soon.
    private int Ahead()
    {
        if (_overestimated || double.IsNaN(_handlingTicks) || _waitingForHandlers.Count + _called.Count > 0) return 0;
        return (int)Math.Min(_maxInFlight, _soon.Ticks * (double)_maxConcurrency / Math.Max(_handlingTicks, 1));
    }
}
