namespace Latchwork.Redis.Connections;

/// <summary>
/// Renews leases without the thread pool: one thread a primary sends renewals and waits for their replies, over sockets that have threads of their
/// own (<see cref="SocketTransport"/>). A frozen primary costs the renewals at the others nothing.
/// </summary>
internal sealed class RenewalThreads(IConnectionMultiplexer multiplexer, TimeSpan commandTimeout, Action onFailed) : IDisposable
{
    private static readonly TimeSpan _shortest = TimeSpan.FromMilliseconds(250);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, RenewalThread> _threads = new(StringComparer.Ordinal);
    private readonly IDatabase _database = multiplexer.GetDatabase();
    private bool _closed;

    /// <summary>Renews. Continuations run on the thread for renewals.</summary>
    public Task<RedisReply> RenewAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, TimeSpan lease)
    {
        // A quarter of the lease, so that one that is not answered can be repeated in time; a very short lease gets what a reply may take.
        TimeSpan bound = lease / 4 > _shortest ? lease / 4 : _shortest;
        var renewal = new Renewal(script, keys, arguments, bound < commandTimeout ? bound : commandTimeout);

        // Without a cluster there is one primary, whichever it is.
        string primary = MultiplexerLink.OwnerOf(multiplexer, keys[0])?.EndPoint.ToString() ?? "";
        lock (_gate)
        {
            if (_closed)
            {
                renewal.Leave();
            }
            else if (!_threads.TryGetValue(primary, out RenewalThread? thread) || !thread.TryAdd(renewal))
            {
                _threads[primary] = thread = new RenewalThread(_database, onFailed).Start(primary);
                thread.TryAdd(renewal);
            }
        }

        return renewal.Task;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            foreach (RenewalThread thread in _threads.Values) thread.Dispose();
        }
    }
}

/// <summary>A renewal on its way. What awaits it continues on its thread: it must be short, and no code of a user.</summary>
internal sealed class Renewal(RedisScript script, RedisKey[] keys, RedisValue[] arguments, TimeSpan bound) : TaskCompletionSource<RedisReply>
{
    private static readonly TimeSpan _firstPause = TimeSpan.FromMilliseconds(10), _longestPause = TimeSpan.FromMilliseconds(250);
    private readonly long _due = Environment.TickCount64 + (long)bound.TotalMilliseconds;
    private Task<RedisResult>? _attempt;
    private bool _asText;
    private int _refusals;
    private string? _refusal;

    /// <summary>When it may be sent, on the clock of <see cref="Environment.TickCount64"/>.</summary>
    public long NotBefore { get; private set; } = Environment.TickCount64;

    private string Name => $"script '{script.Name}'";

    /// <summary>Sends it, unless its time is up.</summary>
    public void Send(IDatabase database)
    {
        try
        {
            // Not the client's own method for a text: that continues in the pool.
            _attempt = _asText
                ? database.ExecuteAsync("EVAL", [script.Source, keys.Length, .. keys, .. arguments])
                : database.ScriptEvaluateAsync(script.Hash, keys, arguments);
        }
        catch (Exception e) // whatever the client throws is judged like what it reports later
        {
            _attempt = System.Threading.Tasks.Task.FromException<RedisResult>(e);
        }
    }

    /// <summary>Waits a while for the reply.</summary>
    public void Wait(TimeSpan time)
    {
        try
        {
            _attempt!.Wait(time);
        }
        catch (AggregateException)
        {
            // It is judged in its turn.
        }
    }

    /// <summary>
    /// Takes the reply, if there is one by now, or gives up. <paramref name="onFailed"/> is called when there was no usable connection, or the server
    /// is not what it was.
    /// </summary>
    /// <returns>Whether it is over; null if it is to be sent again.</returns>
    public bool? Settle(Action onFailed)
    {
        bool isLate = Environment.TickCount64 >= _due;
        if (_attempt is { IsCompleted: true } attempt)
        {
            _attempt = null;
            if (attempt.IsCompletedSuccessfully)
            {
                TrySetResult(new RedisReply(attempt.Result));
                return true;
            }

            CallFailure failure = RedisFailures.Judge(attempt.Exception?.InnerException ?? new TaskCanceledException(attempt), Name);
            if (failure.IsConnection) onFailed();
            if (failure.Exception is { } final)
            {
                TrySetException(final);
                return true;
            }

            _asText = failure.Kind == FailureKind.NoScript;
            _refusal = failure.Reason;
            TimeSpan pause = _firstPause * Math.Pow(2, Math.Min(_refusals, 5));
            NotBefore = Environment.TickCount64 + (_asText ? 0 : (long)(pause < _longestPause ? pause : _longestPause).TotalMilliseconds);
            if (!_asText) _refusals++;
        }

        if (!isLate) return _attempt is null ? null : false;
        TrySetException(_attempt is null ? RedisFailures.NotSent(Name, bound, _refusal ?? "its thread had no time for it") : RedisFailures.NoReply(Name, bound));
        return true;
    }

    /// <summary>The store is closed, or has left this primary.</summary>
    public void Leave() => TrySetException(_attempt is null ? RedisFailures.NotSent(Name, bound, "the connection to this server was ended") : RedisFailures.NoReply(Name, null));
}

/// <summary>
/// Sends the renewals for one primary: whatever is there, without waiting for the replies of the others. One that the server does not take now is sent
/// again within its time. The thread ends with the store, or when there has been nothing to do for a while: the primary may be gone.
/// </summary>
internal sealed class RenewalThread(IDatabase database, Action onFailed) : IDisposable
{
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(5), _idle = TimeSpan.FromMinutes(1);
    private readonly PriorityQueue<Renewal, (long NotBefore, long Number)> _waiting = new();
    private readonly object _gate = new();
    private long _number;
    private bool _closed;

    /// <summary>Starts it; the primary is for its name.</summary>
    public RenewalThread Start(string primary)
    {
        new Thread(Run) { IsBackground = true, Name = $"Latchwork renewals {primary}".TrimEnd() }.UnsafeStart();
        return this;
    }

    /// <summary>Takes a renewal; false if the thread has ended.</summary>
    public bool TryAdd(Renewal renewal)
    {
        lock (_gate)
        {
            if (_closed) return false;
            _waiting.Enqueue(renewal, (renewal.NotBefore, _number++));
            Monitor.Pulse(_gate);
            return true;
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
        var sent = new List<Renewal>();
        while (Take(isIdle: sent.Count == 0) is { } ready)
        {
            foreach (Renewal renewal in ready)
            {
                if (renewal.Settle(OnFailed) is not null) continue; // its time is up
                renewal.Send(database);
                sent.Add(renewal);
            }

            // One server answers in turn; while the first reply is waited for, others may be added.
            if (sent.Count > 0) sent[0].Wait(_look);
            sent.RemoveAll(renewal =>
            {
                bool? isOver = renewal.Settle(OnFailed);
                if (isOver is null && !TryAdd(renewal)) renewal.Leave();
                return isOver != false;
            });
        }

        foreach (Renewal renewal in sent) renewal.Leave();
        while (_waiting.TryDequeue(out Renewal? renewal, out _)) renewal.Leave();
    }

    private void OnFailed()
    {
        try
        {
            onFailed();
        }
        catch (Exception)
        {
            // Nothing may end this thread: not even that nobody can be asked.
        }
    }

    private List<Renewal>? Take(bool isIdle)
    {
        var ready = new List<Renewal>();
        lock (_gate)
        {
            while (!_closed)
            {
                long now = Environment.TickCount64;
                while (_waiting.TryPeek(out Renewal? due, out _) && due.NotBefore <= now) ready.Add(_waiting.Dequeue());
                if (ready.Count > 0 || !isIdle) return ready;
                if (_waiting.TryPeek(out Renewal? next, out _)) Monitor.Wait(_gate, TimeSpan.FromMilliseconds(next.NotBefore - now));
                else _closed = !Monitor.Wait(_gate, _idle) && _waiting.Count == 0;
            }

            return null;
        }
    }
}
