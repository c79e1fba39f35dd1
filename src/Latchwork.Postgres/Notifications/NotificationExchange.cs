using System.Transactions;
using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Npgsql;

namespace Latchwork.Postgres.Notifications;

/// <summary>
/// The notifications of a process: one connection that listens, made at the first subscription and again whenever it is lost. A notification is a
/// hint; after each reconnection everybody is notified that some may have been missed.
/// </summary>
/// <remarks>
/// Each connection has a number, by which an advisory lock says that the process lives, and with which the nodes that it listens for are written down.
/// What concerns keys of locks goes to every process, and is distinguished here: nothing has to be written down for it.
/// </remarks>
internal sealed class NotificationExchange
{
    private static readonly TimeSpan _retry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _longestSilence = TimeSpan.FromSeconds(10);

    private readonly SqlExecutor _executor;
    private readonly int _commandTimeout; // in s: whatever is sent on the connection that listens, so that one that has fallen silent is given up
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly object _gate = new(); // a monitor: the thread waits on it
    private readonly SubscriptionTable<(string Namespace, string NodeId), WakeNotification> _nodes;
    private readonly SubscriptionTable<LockerKey, LockerNotification?> _keys;
    private readonly ArrivalCheck _arrival;
    private TaskCompletionSource _online = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _process; // 0: not online
    private bool _hasThread;
    private bool _closed;
    private bool _wasLost;
    private long _reconnects;

    public NotificationExchange(SqlExecutor executor)
    {
        (_executor, _commandTimeout) = (executor, (int)Math.Ceiling(executor.Settings.CommandTimeout.TotalSeconds));
        _nodes = new(_gate, Unsubscribed, executor.Log.CallbackFailed);
        _keys = new(_gate, static _ => { }, executor.Log.CallbackFailed);
        _arrival = new ArrivalCheck(() => Notify(ProcessChannel, ArrivalCheck.Payload), executor.Log.NotificationsUnheard);
    }

    /// <summary>How often the connection was made again.</summary>
    public long Reconnects => Interlocked.Read(ref _reconnects);

    /// <summary>Whether a notification to this process itself did not arrive.</summary>
    public bool IsUnheard => _arrival.HasFailed;

    private string ProcessChannel => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{_executor.Settings.Channel}_{_process}");

    /// <summary>Waits until the process listens.</summary>
    public Task ListenAsync(CancellationToken cancellationToken)
    {
        Task online;
        lock (_gate) online = Online();
        return online.IsCompletedSuccessfully ? Task.CompletedTask : WaitOnlineAsync(online, cancellationToken);
    }

    /// <summary>Subscribes a node.</summary>
    public async Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken)
    {
        IAsyncDisposable subscription;
        Task online;
        lock (_gate)
        {
            subscription = _nodes.Add((ns, nodeId), notify);
            online = Online();
        }

        try
        {
            await WaitOnlineAsync(online, cancellationToken).ConfigureAwait(false);

            // Where the connection was made again meanwhile, it has written the node down itself.
            int process = Volatile.Read(ref _process);
            if (process != 0)
            {
                await _executor.Work.RunAsync("subscription", session => session.Run(InsertNode(ns, nodeId, process)), cancellationToken).ConfigureAwait(false);
            }

            return subscription;
        }
        catch
        {
            await subscription.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Subscribes to a key. What is asked for after this was called is decided after the subscription took effect, if the process listens already.</summary>
    public async Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> notify, CancellationToken cancellationToken)
    {
        IAsyncDisposable subscription;
        Task online;
        lock (_gate)
        {
            subscription = _keys.Add(key, notify);
            online = Online();
        }

        if (online.IsCompletedSuccessfully) return subscription;
        try
        {
            await WaitOnlineAsync(online, cancellationToken).ConfigureAwait(false);
            notify(null); // what changed before may have come without a notification
            return subscription;
        }
        catch
        {
            await subscription.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Ends the thread.</summary>
    public async Task CloseAsync()
    {
        int process;
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
            if (!_hasThread) return;
            process = _process;
        }

        // It waits for a notification: it gets one. Where that cannot be sent the connection is broken, and it notices by itself.
        if (process != 0)
        {
            await ((Task)Notify(ProcessChannel, "bye")).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.WhenAny(_ended.Task, Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System)).ConfigureAwait(false);
        }
    }

    private static SqlStatement InsertNode(string ns, string nodeId, int process) =>
        new SqlStatement("INSERT INTO @schema@.timer_subscriptions (namespace, node, process) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .With(Utf8.Bytes(ns)).With(Utf8.Bytes(nodeId)).With(process);

    // Under the gate.
    private void Unsubscribed((string Namespace, string NodeId) node)
    {
        // Nobody waits for it: a subscription that is left over is a hint that nobody receives.
        if (!_closed && _process != 0) _ = Forget(node.Namespace, node.NodeId, _process);
    }

    private async Task Forget(string ns, string nodeId, int process)
    {
        Task forgotten = _executor.Work.RunAsync(
            "end of a subscription",
            session =>
            {
                lock (_gate)
                {
                    if (_nodes.Contains((ns, nodeId))) return 0; // it has come back
                }

                int gone = session.Run(new SqlStatement("DELETE FROM @schema@.timer_subscriptions WHERE namespace = $1 AND node = $2 AND process = $3")
                    .With(Utf8.Bytes(ns)).With(Utf8.Bytes(nodeId)).With(process));
                bool cameBack;
                lock (_gate) cameBack = _nodes.Contains((ns, nodeId)) && _process == process;
                if (cameBack) session.Run(InsertNode(ns, nodeId, process)); // meanwhile: what it wrote may be what was deleted
                return gone;
            },
            CancellationToken.None);
        await forgotten.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>A task that ends when the process listens. Starts the thread if there is none.</summary>
    private Task Online()
    {
        if (_closed) return Task.FromException(new ObjectDisposedException(nameof(PostgresStore)));
        if (!_hasThread)
        {
            _hasThread = true;
            new Thread(Run) { Name = "Latchwork PostgreSQL notifications", IsBackground = true }.UnsafeStart();
        }

        return _online.Task;
    }

    private async Task WaitOnlineAsync(Task online, CancellationToken cancellationToken)
    {
        try
        {
            await online.WaitAsync(_executor.Settings.CommandTimeout, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new LatchworkStoreException("Notifications cannot be subscribed to: there is no connection to PostgreSQL. Nothing was changed.", StoreOutcome.NotApplied, e) { IsTransient = true };
        }
    }

    private void Run()
    {
        while (!Volatile.Read(ref _closed))
        {
            try
            {
                Listen();
            }
#pragma warning disable CA1031 // whatever it was, the connection is made again
            catch (Exception e)
#pragma warning restore CA1031
            {
                GoOffline(e);
            }

            lock (_gate)
            {
                if (!_closed) Monitor.Wait(_gate, _retry);
            }
        }

        lock (_gate)
        {
            _process = 0;
            _online.TrySetException(new ObjectDisposedException(nameof(PostgresStore)));
            _ = _online.Task.Exception; // it may be that nobody waits
        }

        _ended.TrySetResult();
    }

    private void Listen()
    {
        NpgsqlConnection connection;
        using (new TransactionScope(TransactionScopeOption.Suppress))
        {
            connection = _executor.Source.OpenConnection();
        }

        using (connection)
        {
            int process = System.Security.Cryptography.RandomNumberGenerator.GetInt32(1, int.MaxValue);
            string channel = _executor.Settings.Channel;
            connection.Notification += (_, e) => Dispatch(e.Channel, e.Payload);
            Execute(connection, $"LISTEN {channel}");
            Execute(connection, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"LISTEN {channel}_{process}"));
            if (!HasLock(connection, process)) throw new InvalidOperationException("The number of the process is in use.");
            GoOnline(connection, process);
            while (!Volatile.Read(ref _closed))
            {
                _arrival.Run();
                TimeSpan silence = _arrival.IsAwaited ? ArrivalCheck.Timeout : _longestSilence;
                if (!connection.Wait(silence)) Execute(connection, "SELECT 1"); // else a connection that is broken is not noticed
            }

            Execute(connection, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"DELETE FROM {_executor.Settings.Schema}.timer_subscriptions WHERE process = {process}"));
            Execute(connection, "UNLISTEN *"); // a pool would do it only when it lends the connection again
            Execute(connection, "SELECT pg_advisory_unlock_all()");
        }
    }

    private bool HasLock(NpgsqlConnection connection, int process)
    {
        using NpgsqlCommand command = new SqlStatement("SELECT pg_try_advisory_lock(@processes@, $1)").With(process).ToCommand(connection, _executor.Settings, _commandTimeout);
        return command.ExecuteScalar() is true;
    }

    private void GoOnline(NpgsqlConnection connection, int process)
    {
        (string Namespace, string NodeId)[] known;
        lock (_gate)
        {
            _process = process; // whoever subscribes from now on writes it down
            known = _nodes.Keys;
        }

        foreach ((string ns, string nodeId) in known)
        {
            using NpgsqlCommand insert = InsertNode(ns, nodeId, process).ToCommand(connection, _executor.Settings, _commandTimeout);
            insert.ExecuteNonQuery();
        }

        bool wasLost;
        lock (_gate)
        {
            wasLost = _wasLost;
            _wasLost = false;
            _arrival.Reset();
            _online.TrySetResult();
        }

        if (!wasLost) return;
        Interlocked.Increment(ref _reconnects);
        _executor.Log.NotificationsBack();
        NotifyThatSomeWereMissed();
    }

    private void GoOffline(Exception reason)
    {
        bool isFirst;
        lock (_gate)
        {
            isFirst = !_wasLost && !_closed;
            _wasLost = true;
            _process = 0;
            if (_online.Task.IsCompleted) _online = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        if (isFirst) _executor.Log.NotificationsLost((reason.InnerException ?? reason).Message);
    }

    private void Dispatch(string channel, string payload)
    {
        if (channel == ProcessChannel)
        {
            if (payload == ArrivalCheck.Payload) _arrival.Arrived();
            else if (NotificationMessage.ReadForNode(payload) is var (ns, nodeId, notification)) _nodes.Notify((ns, nodeId), notification);
        }
        else if (NotificationMessage.ReadForKey(payload) is { } key)
        {
            _keys.Notify(key, null);
        }
        else if (NotificationMessage.ReadForAll(payload) is var (all, hint))
        {
            foreach ((string Namespace, string NodeId) node in _nodes.Keys.Where(node => node.Namespace == all)) _nodes.Notify(node, hint);
        }
    }

    private void NotifyThatSomeWereMissed()
    {
        foreach ((string Namespace, string NodeId) node in _nodes.Keys) _nodes.Notify(node, new WakeNotification(WakeNotificationKind.Missed, 0, TimeSpan.Zero, default));
        foreach (LockerKey key in _keys.Keys) _keys.Notify(key, null);
    }

    private Task<int> Notify(string channel, string payload) => _executor.Work.RunAsync(
        "notification",
        session => session.Run(new SqlStatement("SELECT pg_notify($1, $2)").With(channel).With(payload)),
        CancellationToken.None);

    private void Execute(NpgsqlConnection connection, string text)
    {
#pragma warning disable CA2100 // the texts are this program's own
        using var command = new NpgsqlCommand(text, connection) { CommandTimeout = _commandTimeout };
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
