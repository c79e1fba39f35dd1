namespace Latchwork.Sqlite.Database;

/// <summary>
/// A thread with a connection of its own and a queue. Operations wait in the order in which they came; the thread takes all that wait at
/// once. It sleeps while there is nothing to do.
/// </summary>
/// <typeparam name="TContext">What operations work on.</typeparam>
internal abstract class WorkThread<TContext>
{
    private readonly object _gate = new(); // a monitor: the thread waits on it
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int _capacity;
    private List<IWorkItem<TContext>> _queue = [];
    private List<IWorkItem<TContext>> _taken = [];
    private bool _closed;

    /// <param name="name">The thread's name.</param>
    /// <param name="capacity">The most operations that wait; beyond it they are refused.</param>
    protected WorkThread(string name, int capacity)
    {
        _capacity = capacity;
        Thread = new Thread(Run) { Name = name, IsBackground = true };
    }

    protected Thread Thread { get; }

    /// <summary>Puts an operation in the queue.</summary>
    /// <param name="body">What to do, on the store's thread.</param>
    /// <param name="isDurable">Whether its effect is to survive the loss of power once it is acknowledged.</param>
    /// <param name="cancellationToken">A token that cancels the wait. An operation that has not begun is skipped.</param>
    /// <returns>Its result.</returns>
    public Task<TResult> RunAsync<TResult>(Func<TContext, TResult> body, bool isDurable, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<TResult>(cancellationToken);
        var item = new WorkItem<TContext, TResult>(body, isDurable, cancellationToken);
        lock (_gate)
        {
            if (_closed) return Refuse(item, new ObjectDisposedException(nameof(SqliteStore)));
            if (_queue.Count >= _capacity) return Refuse(item, TooMany());
            _queue.Add(item);
            if (_queue.Count == 1) Monitor.Pulse(_gate);
        }

        return item.Task;
    }

    /// <summary>Lets what is under way end, fails what waits, and ends the thread.</summary>
    public Task CloseAsync()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }

        return _ended.Task;
    }

    /// <summary>Does operations, at least one, and acknowledges or fails each of them.</summary>
    protected abstract void Process(IReadOnlyList<IWorkItem<TContext>> items);

    /// <summary>Frees what the thread holds, when it ends.</summary>
    protected abstract void Release();

    private static Task<TResult> Refuse<TResult>(WorkItem<TContext, TResult> item, Exception reason)
    {
        item.Fail(reason);
        return item.Task;
    }

    private LatchworkStoreException TooMany() => new(
        $"{_capacity} operations wait for the database already: it cannot keep up.", StoreOutcome.NotApplied)
    { IsTransient = true };

    private void Run()
    {
        while (TryTake())
        {
            Process(_taken);
            _taken.Clear();
        }

        foreach (IWorkItem<TContext> item in _taken) item.Fail(new ObjectDisposedException(nameof(SqliteStore)));
        Release();
        _ended.SetResult();
    }

    private bool TryTake()
    {
        lock (_gate)
        {
            while (_queue.Count == 0 && !_closed) Monitor.Wait(_gate);
            (_queue, _taken) = (_taken, _queue);
            return !_closed;
        }
    }
}
