using Npgsql;

namespace Latchwork.Postgres.Connections;

/// <summary>
/// A queue of operations, and the threads that do them, each with a connection of its own. Threads are started when operations wait, and end when
/// there has been nothing to do for a while; their connections go back to the pool. Threads, so that a blocked thread pool delays nothing.
/// </summary>
internal sealed class SqlLane
{
    private static readonly TimeSpan _idle = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _firstPause = TimeSpan.FromMilliseconds(20), _longestPause = TimeSpan.FromMilliseconds(500);

    private readonly string _name;
    private readonly int _maxThreads;
    private readonly NpgsqlDataSource _source;
    private readonly PostgresSettings _settings;
    private readonly SessionKinds _kinds;
    private readonly PostgresLog _log;
    private readonly Action _onVanished;
    private readonly object _gate = new(); // a monitor: threads wait on it
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<WorkItem> _queue = new();
    private int _threads; // those that will take another operation
    private int _alive; // those that have not ended, and may have a connection
    private int _sleeping;
    private bool _closed;
    private bool _isCutOff; // so that it is logged once

    public SqlLane(string name, int maxThreads, NpgsqlDataSource source, PostgresSettings settings, SessionKinds kinds, PostgresLog log, Action onVanished) =>
        (_name, _maxThreads, _source, _settings, _kinds, _log, _onVanished) = (name, maxThreads, source, settings, kinds, log, onVanished);

    /// <summary>Puts an operation in the queue.</summary>
    /// <param name="name">What it is called in messages.</param>
    /// <param name="body">What to do, on a thread of the store. It is done again if an attempt is known not to have happened and another may succeed.</param>
    /// <param name="cancellationToken">A token that cancels the wait. An operation that has not begun is skipped.</param>
    /// <returns>Its result.</returns>
    public Task<T> RunAsync<T>(string name, Func<SqlSession, T> body, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<T>(cancellationToken);
        var item = new WorkItem<T>(name, body, cancellationToken);
        lock (_gate)
        {
            if (_closed)
            {
                item.Fail(new ObjectDisposedException(nameof(PostgresStore)));
            }
            else if (_queue.Count >= _settings.MaxQueued)
            {
                item.Fail(PostgresFailures.TooMany(name, _settings.MaxQueued));
            }
            else
            {
                _queue.Enqueue(item);
                if (_queue.Count <= _sleeping) Monitor.PulseAll(_gate); // of those who wait here some wait for a pause to end
                else if (_threads < _maxThreads) StartThread();
            }
        }

        return item.Task;
    }

    /// <summary>Lets what is under way end, fails what waits, and ends the threads.</summary>
    public Task CloseAsync()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
            if (_alive == 0) _ended.TrySetResult();
        }

        return _ended.Task;
    }

    private void StartThread()
    {
        _threads++;
        _alive++;
        new Thread(Run) { Name = $"Latchwork PostgreSQL {_name}", IsBackground = true }.UnsafeStart();
    }

    private void Run()
    {
        using (var session = new SqlSession(_source, _settings, _kinds))
        {
            while (Take() is { } item)
            {
                if (!item.IsAbandoned) Process(session, item);
            }
        }

        lock (_gate)
        {
            if (--_alive == 0 && _closed) _ended.TrySetResult();
        }
    }

    /// <summary>The next operation; null if the thread is to end.</summary>
    private WorkItem? Take()
    {
        lock (_gate)
        {
            while (_queue.Count == 0)
            {
                if (_closed) return End();
                _sleeping++;
                bool isWoken = Monitor.Wait(_gate, _idle);
                _sleeping--;
                if (!isWoken && _queue.Count == 0 && !_closed) return End();
            }

            WorkItem next = _queue.Dequeue();
            if (!_closed) return next;
            next.Fail(new ObjectDisposedException(nameof(PostgresStore)));
            while (_queue.TryDequeue(out WorkItem? left)) left.Fail(new ObjectDisposedException(nameof(PostgresStore)));
            return End();
        }

        WorkItem? End()
        {
            _threads--;
            return null;
        }
    }

    private void Process(SqlSession session, WorkItem item)
    {
        TimeSpan pause = _firstPause;
        while (true)
        {
            PostgresFailure failure;
            if (TryOpen(session, item, out failure) && TryExecute(session, item, out failure)) return;
            if (failure.BreaksConnection) session.Drop();
            bool isLate = TimeProvider.System.GetElapsedTime(item.Since) + pause > _settings.CommandTimeout;
            if (!failure.IsWorthRepeating || isLate || !Pause(pause))
            {
                item.Fail(failure.Exception);
                return;
            }

            pause = pause * 2 < _longestPause ? pause * 2 : _longestPause;
        }
    }

    private bool TryOpen(SqlSession session, WorkItem item, out PostgresFailure failure)
    {
        try
        {
            session.Open();
            Volatile.Write(ref _isCutOff, false);
            failure = default;
            return true;
        }
#pragma warning disable CA1031 // whatever it was, those who wait must be notified, and the thread must continue
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = PostgresFailures.JudgeConnecting(e, item.Name);
            if (!Interlocked.Exchange(ref _isCutOff, true)) _log.NoConnection(e.Message);
            return false;
        }
    }

    private bool TryExecute(SqlSession session, WorkItem item, out PostgresFailure failure)
    {
        try
        {
            item.Execute(session);
        }
#pragma warning disable CA1031 // whatever it was, those who wait must be notified, and the thread must continue
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (e is PostgresException { SqlState: PostgresFailures.Vanished }) _onVanished();
            failure = PostgresFailures.Judge(e, item.Name);
            return false;
        }

        failure = default;
        item.Succeed();
        return true;
    }

    /// <returns>Whether to continue: the store was not closed.</returns>
    private bool Pause(TimeSpan span)
    {
        long since = TimeProvider.System.GetTimestamp();
        lock (_gate)
        {
            while (!_closed && span - TimeProvider.System.GetElapsedTime(since) is { Ticks: > 0 } left) Monitor.Wait(_gate, left);
            return !_closed;
        }
    }
}
