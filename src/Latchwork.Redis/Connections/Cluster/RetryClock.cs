namespace Latchwork.Redis.Connections.Cluster;

/// <summary>Does things later, on a thread of its own: a timer of the framework would need a free thread of the pool.</summary>
internal sealed class RetryClock
{
    private readonly object _gate = new();
    private readonly PriorityQueue<Action<bool>, (long Due, long Order)> _line = new();
    private readonly Thread _thread;
    private long _order;
    private bool _closing;

    public RetryClock() => _thread = new Thread(Run) { IsBackground = true, Name = "Latchwork Redis cluster retries" };

    public void Start() => _thread.Start();

    /// <summary>How many things wait.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _line.Count;
        }
    }

    /// <summary>Calls back later; those that are due at the same time in the order in which they came.</summary>
    /// <param name="due">When, on the clock of <see cref="Environment.TickCount64"/>.</param>
    /// <param name="action">It must not block, and not throw. It is told whether the clock goes on; if not, it is called right now.</param>
    public void At(long due, Action<bool> action)
    {
        lock (_gate)
        {
            if (!_closing)
            {
                _line.Enqueue(action, (due, _order++));
                Monitor.PulseAll(_gate);
                return;
            }
        }

        action(false);
    }

    /// <summary>A pause that can be awaited, once; it ends early when the clock is closed.</summary>
    public ValueTask<RedisReply> Pause(long milliseconds)
    {
        var pause = new PauseResult();
        At(Environment.TickCount64 + milliseconds, _ => pause.End());
        return pause.Task;
    }

    /// <summary>Calls everything that waits, and takes nothing more.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.PulseAll(_gate);
        }

        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }

    private void Run()
    {
        while (true)
        {
            Action<bool>? action = null;
            bool goesOn;
            lock (_gate)
            {
                while (!_closing && (!_line.TryPeek(out _, out (long Due, long) next) || next.Due > Environment.TickCount64))
                {
                    if (_line.Count == 0)
                        Monitor.Wait(_gate);
                    else
                        Monitor.Wait(_gate, TimeSpan.FromMilliseconds(Math.Clamp(next.Due - Environment.TickCount64, 1, 60_000)));
                }

                goesOn = !_closing;
                if (!_line.TryDequeue(out action, out _))
                    return;
            }

            action(goesOn);
        }
    }

    private sealed class PauseResult : InlineResult
    {
        public void End() => Complete(RedisReply.Null, null);
    }
}
