namespace Latchwork;

/// <summary>
/// Gives deliveries to handlers on the pool, at most a given number at a time, the earliest due first. A delivery leaves the queue at the
/// moment that its handler can run, so that what has not begun can be handed back at any time.
/// </summary>
internal sealed class Dispatcher(int maxConcurrency, Func<TimerDelivery, Task> run)
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<TimerDelivery, (DateTimeOffset Due, long Sequence)> _queue = new();
    private readonly HashSet<TimerDelivery> _running = [];
    private readonly HashSet<TimerDelivery> _waiting = []; // of the running ones
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _othersIdle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _sequence;
    private int _workers;
    private int _runs;
    private bool _stopped;

    /// <summary>Ends when the dispatcher was stopped and no handler runs.</summary>
    public Task Idle => _idle.Task;

    /// <summary>Ends when the dispatcher was stopped and every run has also told the store how it ended.</summary>
    public Task Settled => _settled.Task;

    /// <summary>Queues deliveries.</summary>
    /// <returns>False if the dispatcher was stopped: nothing was queued.</returns>
    public bool TryAdd(List<TimerDelivery> deliveries)
    {
        int start;
        lock (_gate)
        {
            if (_stopped) return false;
            foreach (TimerDelivery delivery in deliveries) _queue.Enqueue(delivery, (delivery.Due, _sequence++));
            start = Math.Min(maxConcurrency - _workers, deliveries.Count);
            _workers += start;
        }

        for (int i = 0; i < start; i++) QueueWorker();
        return true;
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

    /// <summary>The deliveries whose handlers run.</summary>
    public TimerDelivery[] Running()
    {
        lock (_gate) return [.. _running];
    }

    /// <summary>A handler has returned: the next may run. Called once by each run, before or at its end.</summary>
    public void Returned(TimerDelivery delivery)
    {
        lock (_gate)
        {
            _running.Remove(delivery);
            _waiting.Remove(delivery);
            EndIfIdle();
            if (_queue.Count == 0)
            {
                _workers--;
                return;
            }
        }

        QueueWorker();
    }

    // One delivery for each item of the pool: a handler may end on any thread, and the next is not to begin there.
    private void QueueWorker() => ThreadPool.UnsafeQueueUserWorkItem(static self => self.RunNext(), this, preferLocal: false);

    private void RunNext()
    {
        TimerDelivery? delivery;
        lock (_gate)
        {
            if (!_queue.TryDequeue(out delivery, out _))
            {
                _workers--;
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
        await run(delivery).ConfigureAwait(false);
        lock (_gate)
        {
            if (--_runs == 0 && _stopped) _settled.TrySetResult();
        }
    }
}
