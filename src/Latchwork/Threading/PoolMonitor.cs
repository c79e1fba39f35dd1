namespace Latchwork.Threading;

/// <summary>
/// Notices that the thread pool is starved, where renewals depend on it: a thread of its own measures once a second how long the pool takes to
/// begin something. The warning is given once for each time that it happens.
/// </summary>
internal sealed class PoolMonitor : IDisposable
{
    private static readonly TimeSpan _every = TimeSpan.FromSeconds(1), _tolerance = TimeSpan.FromSeconds(1), _remembered = TimeSpan.FromMinutes(1);
    private readonly object _gate = new();
    private readonly Action<string> _warn;
    private readonly string _help;
    private bool _closed;
    private bool _warned;
    private long? _lastStarved;
    private TimeSpan _longest;

    /// <summary>Begins to look.</summary>
    /// <param name="warn">Called on a thread of the pool, as soon as it has one again, and at most once for each time that it was starved.</param>
    /// <param name="help">What else helps, besides finding the code that blocks: the end of a sentence.</param>
    public PoolMonitor(Action<string> warn, string help)
    {
        (_warn, _help) = (warn, help);
        new Thread(Run) { IsBackground = true, Name = "Latchwork pool monitor" }.UnsafeStart();
    }

    /// <summary>What to tell an operator; null if the pool was not starved within the last minute.</summary>
    public string? Warning
    {
        get
        {
            lock (_gate)
                return _lastStarved is { } at && Environment.TickCount64 - at < _remembered.TotalMilliseconds ? Describe() : null;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }
    }

    private void Run()
    {
        while (true)
        {
            var begun = new ManualResetEventSlim(); // not disposed: the pool may set it late
            long asked = Environment.TickCount64;
            ThreadPool.UnsafeQueueUserWorkItem(static one => one.Set(), begun, preferLocal: false);
            begun.Wait(_tolerance);
            if (!begun.IsSet) AwaitStarved(begun, asked);
            else _warned = false;
            lock (_gate)
            {
                if (!_closed) Monitor.Wait(_gate, _every);
                if (_closed) return;
            }
        }
    }

    private void AwaitStarved(ManualResetEventSlim begun, long asked)
    {
        if (!_warned)
        {
            _warned = true;
            ThreadPool.UnsafeQueueUserWorkItem(static self => self._warn(self.Describe()), this, preferLocal: false);
        }

        bool over = false;
        while (!over)
        {
            over = begun.Wait(_tolerance);
            lock (_gate)
            {
                _lastStarved = Environment.TickCount64;
                _longest = TimeSpan.FromMilliseconds(Environment.TickCount64 - asked);
                over |= _closed;
            }
        }
    }

    private string Describe()
    {
        lock (_gate)
        {
            return $"The thread pool had no free thread for {Durations.Text(_longest < _tolerance ? _tolerance : _longest)}, so leases could not be renewed in time and may have been lost. " +
                $"Find the code that blocks pool threads (.Result, .Wait(), Thread.Sleep), or {_help}.";
        }
    }
}
