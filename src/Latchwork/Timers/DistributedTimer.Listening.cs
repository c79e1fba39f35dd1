using Latchwork.Diagnostics;

namespace Latchwork;

public sealed partial class DistributedTimer
{
    private readonly Lock _gate = new();
    private volatile Listener? _listener;
    private volatile Task? _joining;
    private volatile Task? _leaving;
    private CancellationTokenSource? _joinStop;
    private int _maxEvents;
    private bool _disposed;

    /// <summary>The most events that one claim takes, 1 to 200. A value ≤ 0 restores the configured one. Takes effect immediately.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is above 200.</exception>
    public int MaxEvents
    {
        get => Volatile.Read(ref _maxEvents);
        set
        {
            if (value > Limits.MaxBatch)
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, $"'MaxEvents' must be at most {Limits.MaxBatch}; it is {value}.");
            }

            Volatile.Write(ref _maxEvents, value <= 0 ? _settings.MaxEvents : value);
        }
    }

    /// <summary>Whether this node is listening.</summary>
    public bool IsJoined => _listener is { IsAbandoned: false } && _joining is null && _leaving is null;

    /// <summary>Starts to listen.</summary>
    /// <param name="handler">
    /// Called on a thread of the pool for each delivery, up to <see cref="TimerOptions.MaxConcurrency"/> at a time. Its token fires when the
    /// lease is lost or the node leaves and the handler overruns.
    /// </param>
    /// <param name="cancellationToken">Gives up joining.</param>
    /// <returns>A task that ends when the store knows this node. If it fails, the timer is not joined.</returns>
    /// <exception cref="InvalidOperationException">The timer is joined already, or still leaving.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    /// <exception cref="OperationCanceledException">The token fired, or the timer was told to leave in the meantime.</exception>
    public Task JoinAsync(Func<TimerDelivery, CancellationToken, Task> handler, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        cancellationToken.ThrowIfCancellationRequested();
        TaskCompletionSource joining = new(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationTokenSource stop;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_joining is not null || _listener is not null) throw new InvalidOperationException("The timer is joined already, or still leaving.");
            _joining = joining.Task;
            _joinStop = stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        }

        return JoinCoreAsync(handler, joining, stop);
    }

    /// <summary>
    /// Stops to listen: nothing more is claimed; running handlers get <see cref="TimerOptions.ShutdownTimeout"/>; what has not begun is handed back
    /// immediately. Handlers that end neither within that time nor shortly after their tokens have fired are left behind with their leases.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait for running handlers early: their tokens fire.</param>
    /// <returns>A task that ends when this node holds nothing more. It does not fail if the store does not answer: the leases run out then.</returns>
    public Task LeaveAsync(CancellationToken cancellationToken = default)
    {
        TaskCompletionSource leaving;
        Task joining;
        lock (_gate)
        {
            if (_leaving is not null) return _leaving;
            if (_listener is null && _joining is null) return Task.CompletedTask;
            joining = _joining ?? Task.CompletedTask;
            leaving = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _leaving = leaving.Task;
            // A join that still waits for the store gives up.
            _joinStop?.CancelAsync();
        }

        return LeaveCoreAsync(joining, leaving, cancellationToken);
    }

    /// <summary>Leaves, if joined, and releases what the timer holds. The store stays open.</summary>
    /// <returns>A task that ends when it is done.</returns>
    public async ValueTask DisposeAsync()
    {
        lock (_gate) _disposed = true;
        await LeaveAsync(CancellationToken.None).ConfigureAwait(false);
        _clients.Dispose();
    }

    /// <summary>
    /// Stops everything immediately without telling the store, as a crash or a frozen process would: for tests and demonstrations. The
    /// subscription stays, without a listener, until the timer is disposed.
    /// </summary>
    internal void Abandon() => _listener?.Abandon();

    /// <summary>Prepares to handle events one by one, when a test says so. The namespace does not count as joined.</summary>
    internal async Task<SteppedListener> JoinSteppedAsync(Func<TimerDelivery, CancellationToken, Task> handler)
    {
        PartitionClient[] clients = await _clients.GetAsync(CancellationToken.None).ConfigureAwait(false);
        return new SteppedListener(_store, clients, _settings, new Listener(_clients, clients, _settings, _errors, () => 1, handler));
    }

    private async Task JoinCoreAsync(
        Func<TimerDelivery, CancellationToken, Task> handler, TaskCompletionSource joining, CancellationTokenSource stop)
    {
        Listener? listener = null;
        bool joined = false;
        try
        {
            PartitionClient[] clients = await _clients.GetAsync(stop.Token).ConfigureAwait(false);
            listener = new Listener(_clients, clients, _settings, _errors, () => MaxEvents, handler);
            _listener = listener;
            await listener.StartAsync(stop.Token).ConfigureAwait(false);
            LiveTimers.Joined(listener, GetStatsAsync);
            joined = true;
        }
        finally
        {
            if (!joined && listener is not null) await EndAsync(listener, new CancellationToken(canceled: true)).ConfigureAwait(false);
            lock (_gate)
            {
                if (!joined) _listener = null;
                _joining = null;
                _joinStop = null;
            }

            stop.Dispose();

            joining.SetResult();
        }
    }

    private async Task LeaveCoreAsync(Task joining, TaskCompletionSource leaving, CancellationToken cancellationToken)
    {
        try
        {
            await joining.ConfigureAwait(false);
            if (_listener is { } listener) await EndAsync(listener, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                _listener = null;
                _leaving = null;
            }

            leaving.SetResult();
        }
    }

    private static async Task EndAsync(Listener listener, CancellationToken cancellationToken)
    {
        LiveTimers.Left(listener);
        if (listener.IsAbandoned) await listener.UnsubscribeAsync().ConfigureAwait(false);
        else await listener.LeaveAsync(cancellationToken).ConfigureAwait(false);
        listener.Dispose();
    }
}
