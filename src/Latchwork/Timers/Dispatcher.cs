using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// Gives deliveries to handlers on the pool, at most a given number at a time, the earliest due first; those with no retry left before all others, as they were claimed for
/// handlers that were free. A delivery leaves the queue at the
/// moment that its handler can run, so that what has not started can be handed back at any time; and it is handed back when it has waited for
/// <see cref="LongestWait"/>, so that it does not wait here while another node is idle.
/// </summary>
/// <remarks>
/// What has no retry left never waits for a handler: a node that dies would cost it its only attempt. Those that are queued, those for which a handler is kept
/// and those that run are never more than there are handlers; one more is handed back when it comes. So it is if another claim was answered first and its events
/// have the handlers, or if a claim without an answer was repeated after its handlers were given to others.
/// </remarks>
internal sealed class Dispatcher : IDeliveryQueue
{
    private readonly Lock _gate = new();
    private readonly int _maxConcurrency;
    private readonly NodeCapacity _capacity;
    private readonly MonotonicClock _clock;
    private readonly TimeSpan _longestWait;
    private readonly Func<TimerDelivery, Action<TimerDelivery>, Task> _run;
    private readonly Func<List<TimerDelivery>, Task> _handBack;
    private readonly bool _measures;
    private readonly Alarm _alarm;
    private readonly PriorityQueue<TimerDelivery, (bool HasRetry, DateTimeOffset Due, long Sequence)> _queue = new();
    private readonly HashSet<TimerDelivery> _running = [];
    private readonly HashSet<TimerDelivery> _waiting = []; // of the running ones
    private readonly HashSet<TimerDelivery> _expected = []; // a handler is kept for each
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _othersIdle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _sequence;
    private int _workers;
    private int _runs;
    private bool _stopped;
    private bool _armed;

    /// <param name="settings">How many handlers run at a time, and the length of a lease.</param>
    /// <param name="capacity">Is told when handlers end.</param>
    /// <param name="run">Runs the handler of a delivery; calls what it is given once, when the handler has returned; must not throw.</param>
    /// <param name="handBack">Hands back what did not start. Called on the alarm clock's thread, too: must be short, and must not throw.</param>
    public Dispatcher(TimerSettings settings, NodeCapacity capacity, Func<TimerDelivery, Action<TimerDelivery>, Task> run, Func<List<TimerDelivery>, Task> handBack)
    {
        _maxConcurrency = settings.MaxConcurrency;
        _capacity = capacity;
        _clock = settings.Clock;
        _longestWait = LongestWait(settings.LeaseDuration);
        _run = run;
        _handBack = handBack;
        _measures = settings.Confirmation != Confirmation.Manual; // where an event occupies the node beyond its handler
        _alarm = AlarmClock.For(settings.Time).CreateAlarm(HandBackWhatWaits);
    }

    /// <summary>Ends when the dispatcher was stopped and no handler runs.</summary>
    public Task Idle => _idle.Task;

    /// <summary>Ends when the dispatcher was stopped, every run has also told the store how it ended, and what did not start in time is handed back.</summary>
    public Task Settled => _settled.Task;

    /// <summary>How long a delivery may wait for a handler: a third of its lease, but no longer than a second.</summary>
    public static TimeSpan LongestWait(TimeSpan lease) => lease / 3 < TimeSpan.FromSeconds(1) ? lease / 3 : TimeSpan.FromSeconds(1);

    public bool TakesTogether => false;

    /// <summary>Queues deliveries.</summary>
    /// <returns>False if the dispatcher was stopped: nothing was queued.</returns>
    public bool TryAdd(List<TimerDelivery> deliveries)
    {
        List<TimerDelivery> tooMany = [];
        int start;
        lock (_gate)
        {
            if (_stopped) return false;
            int lastAttempts = deliveries.Exists(static delivery => delivery.IsLastAttempt) ? LastAttempts() : 0;
            if (_expected.Count > 0) _expected.ExceptWith(deliveries); // all of them first: the handlers that are kept for some are not taken from the others
            foreach (TimerDelivery delivery in deliveries)
            {
                if (delivery.IsLastAttempt && lastAttempts++ >= HandlersFree) tooMany.Add(delivery);
                else _queue.Enqueue(delivery, (!delivery.IsLastAttempt, delivery.Due, _sequence++));
            }

            _runs += tooMany.Count;
            start = NewWorkers(deliveries.Count - tooMany.Count);
            Arm();
        }

        QueueWorkers(start);
        if (tooMany.Count == 0) return true;
        _capacity.HandedBack(tooMany.Count);
        _ = HandBackAsync(tooMany);
        return true;
    }

    public bool TryKeepHandler(TimerDelivery delivery)
    {
        lock (_gate) return _stopped || (LastAttempts() < HandlersFree && _expected.Add(delivery));
    }

    public void FreeHandler(TimerDelivery delivery)
    {
        int start;
        lock (_gate) start = _expected.Remove(delivery) ? NewWorkers(_queue.Count) : 0;
        QueueWorkers(start);
    }

    /// <summary>Stops: what has not begun is returned, and nothing is taken any more.</summary>
    public List<TimerDelivery> Stop()
    {
        lock (_gate)
        {
            _stopped = true;
            List<TimerDelivery> left = [];
            while (_queue.TryDequeue(out TimerDelivery? delivery, out _)) left.Add(delivery);
            EndIfIdle();
            if (_runs == 0) _settled.TrySetResult();
            return left;
        }
    }

    /// <summary>Hands back what no handler has begun.</summary>
    /// <param name="which">Of these alone.</param>
    public void HandBack(Func<TimerDelivery, bool> which)
    {
        List<TimerDelivery> taken;
        lock (_gate)
        {
            if (_stopped) return; // then all of it is handed back
            taken = Take(which);
        }

        if (taken.Count == 0) return;
        _capacity.HandedBack(taken.Count);
        _ = HandBackAsync(taken);
    }

    /// <summary>Ends when the dispatcher was stopped and no handler runs but those that wait for this themselves.</summary>
    /// <param name="caller">The delivery of a handler that waits from now on.</param>
    public Task OthersIdleAsync(TimerDelivery caller)
    {
        lock (_gate)
        {
            if (_running.Contains(caller)) _waiting.Add(caller);
            EndIfIdle();
            return _othersIdle.Task;
        }
    }

    public void Dispose() => _alarm.Dispose();

    /// <summary>The deliveries whose handlers run.</summary>
    public TimerDelivery[] Running()
    {
        lock (_gate) return [.. _running];
    }

    // A handler has returned: the next may run. Called once by each run, before or at its end.
    private void Returned(TimerDelivery delivery)
    {
        bool more;
        lock (_gate)
        {
            _running.Remove(delivery);
            _waiting.Remove(delivery);
            EndIfIdle();
            more = _queue.Count > 0;
            if (!more) _workers--;
        }

        if (more) QueueWorker();
        _capacity.HandlerReturned(delivery.HasStarted, delivery.HasStarted && _measures ? _clock.Now - delivery.StartedAt : null);
    }

    /// <summary>The handlers that neither run nor are kept for what is expected: what is queued may have them. Needs the gate.</summary>
    private int HandlersFree => _maxConcurrency - _running.Count - _expected.Count;

    /// <summary>The queued deliveries with no retry left. Needs the gate.</summary>
    private int LastAttempts() => _queue.UnorderedItems.Count(static item => !item.Priority.HasRetry);

    /// <summary>Counts the workers to be started for so many deliveries more. Needs the gate; whoever has called it starts them.</summary>
    private int NewWorkers(int deliveries)
    {
        int start = Math.Clamp(_maxConcurrency - _expected.Count - _workers, 0, deliveries);
        _workers += start;
        return start;
    }

    private void QueueWorkers(int workers)
    {
        for (int i = 0; i < workers; i++) QueueWorker();
    }

    // One delivery for each item of the pool: a handler may end on any thread, and the next is not to begin there.
    private void QueueWorker() => ThreadPool.UnsafeQueueUserWorkItem(static self => self.RunNext(), this, preferLocal: false);

    private void RunNext()
    {
        TimerDelivery? delivery;
        lock (_gate)
        {
            if (HandlersFree <= 0 || !_queue.TryDequeue(out delivery, out _))
            {
                _workers--; // whoever frees a handler starts another
                return;
            }

            _running.Add(delivery);
            _runs++;
        }

        _ = RunAsync(delivery);
    }

    // Needs the gate.
    private void EndIfIdle()
    {
        if (!_stopped) return;
        if (_running.Count == _waiting.Count) _othersIdle.TrySetResult();
        if (_running.Count == 0) _idle.TrySetResult();
    }

    private async Task RunAsync(TimerDelivery delivery)
    {
        await _run(delivery, Returned).ConfigureAwait(false);
        lock (_gate)
        {
            if (--_runs == 0 && _stopped) _settled.TrySetResult();
        }
    }

    private void HandBackWhatWaits()
    {
        List<TimerDelivery> late;
        lock (_gate)
        {
            _armed = false;
            TimeSpan since = _clock.Now - _longestWait;
            late = Take(delivery => delivery.QueuedAt <= since);
            Arm();
        }

        if (late.Count == 0) return;
        _capacity.DidNotStart(late.Count);
        _ = HandBackAsync(late);
    }

    /// <summary>Takes deliveries out of the queue, to hand them back; a stop waits for that, too. Needs the gate.</summary>
    private List<TimerDelivery> Take(Func<TimerDelivery, bool> which)
    {
        List<TimerDelivery> taken = [];
        var kept = new List<(TimerDelivery Delivery, (bool HasRetry, DateTimeOffset Due, long Sequence) Place)>(_queue.Count);
        while (_queue.TryDequeue(out TimerDelivery? delivery, out var place))
        {
            if (which(delivery)) taken.Add(delivery);
            else kept.Add((delivery, place));
        }

        _queue.EnqueueRange(kept);
        _runs += taken.Count;
        return taken;
    }

    private async Task HandBackAsync(List<TimerDelivery> taken)
    {
        await _handBack(taken).ConfigureAwait(false);
        lock (_gate)
        {
            _runs -= taken.Count;
            if (_runs == 0 && _stopped) _settled.TrySetResult();
        }
    }

    /// <summary>Sets the alarm for the delivery that has waited longest. Needs the gate.</summary>
    private void Arm()
    {
        if (_armed || _stopped || _queue.Count == 0) return;
        _armed = true;
        _alarm.Set(_queue.UnorderedItems.Min(item => item.Element.QueuedAt) + _longestWait - _clock.Now);
    }
}
