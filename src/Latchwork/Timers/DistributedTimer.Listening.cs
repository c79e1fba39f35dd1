namespace Latchwork;

public sealed partial class DistributedTimer
{
    private readonly Lock _gate = new();
    private volatile Membership? _membership; // swapped as a whole, under the gate
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
    public bool IsJoined => _membership is { IsListening: true };

    /// <summary>Starts to listen. While a former membership is still leaving, it waits for the end of that first.</summary>
    /// <param name="handler">
    /// Called on a thread of the pool for each delivery, up to <see cref="TimerOptions.MaxConcurrency"/> at a time. Its token,
    /// <see cref="TimerDelivery.Stopping"/>, fires when the node leaves or the event is no longer this node's.
    /// </param>
    /// <param name="cancellationToken">Gives up joining.</param>
    /// <returns>A task that ends when the store knows this node. If it fails, the timer is not joined.</returns>
    /// <exception cref="InvalidOperationException">The timer is joined already, or receives (<see cref="ReceiveAsync(int, TimeSpan, CancellationToken)"/>); or a handler joins again while its own node still leaves, which would be to wait for itself.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    /// <exception cref="OperationCanceledException">The token fired, or the timer was told to leave in the meantime.</exception>
    public Task JoinAsync(Func<TimerDelivery, CancellationToken, Task> handler, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        cancellationToken.ThrowIfCancellationRequested();
        Membership next;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Membership? before = _membership;
            if (before is { IsLeavingOrEnded: false }) throw new InvalidOperationException(_receivers is null ? "The timer is joined already." : "The timer receives: call LeaveAsync before it joins with a handler.");
            if (before is { Ended.IsCompleted: true }) before = null;
            if (before is not null && HandlerScope.Delivery is { } delivery && before.Owns(delivery))
            {
                throw new InvalidOperationException("A handler cannot join again while its own node is leaving: that ends when the handler has returned.");
            }

            _membership = next = new Membership(before);
            _receivers = null;
        }

        return next.JoinAsync(token => OpenAsync(handler, token), GetStatsAsync, cancellationToken);
    }

    /// <summary>
    /// Stops to listen. Nothing more is claimed; what has not begun is handed back; the tokens of running handlers fire, with
    /// <see cref="StopReason.NodeLeaving"/>. A handler that returns confirms; one that throws hands its event back, with no retry spent. After
    /// <see cref="TimerOptions.ShutdownTimeout"/> <see cref="TimerDelivery.Lost"/> fires, and what has not ended two seconds later is left behind
    /// with its lease. What callers have received (<see cref="ReceiveAsync(int, TimeSpan, CancellationToken)"/>) stays theirs.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait for running handlers early, as if <see cref="TimerOptions.ShutdownTimeout"/> had passed.</param>
    /// <returns>
    /// A task that ends when this node holds nothing more. It does not fail if the store does not answer: the leases run out then. In a handler of
    /// this timer it does not wait for that handler: it ends when the others have, and the leave continues when the handler has returned.
    /// </returns>
    public Task LeaveAsync(CancellationToken cancellationToken = default)
    {
        if (_membership is not { Ended.IsCompleted: false } membership) return Task.CompletedTask;
        return membership.LeaveAsync(HandlerScope.Delivery is { } delivery && membership.Owns(delivery) ? delivery : null, cancellationToken);
    }

    /// <summary>
    /// Leaves, if joined, and releases what the timer holds. The store stays open. In a handler of this timer it does not wait for that handler:
    /// what is held is released when the handler has returned and its event is confirmed.
    /// </summary>
    /// <returns>A task that ends when it is done.</returns>
    public async ValueTask DisposeAsync()
    {
        Membership? last;
        lock (_gate)
        {
            _disposed = true;
            last = _membership;
        }

        await LeaveAsync(CancellationToken.None).ConfigureAwait(false);
        if (last is { Ended.IsCompleted: false }) _ = last.Ended.ContinueWith(_ => _clients.Dispose(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        else _clients.Dispose();
    }

    /// <summary>
    /// Stops everything immediately without telling the store, as a crash or a frozen process would: for tests and demonstrations. The
    /// subscription stays, without a listener, until the timer is disposed.
    /// </summary>
    internal void Abandon() => _membership?.Abandon();

    /// <summary>Prepares to handle events one by one, when a test says so. The namespace does not count as joined.</summary>
    internal async Task<SteppedListener> JoinSteppedAsync(Func<TimerDelivery, CancellationToken, Task> handler)
    {
        PartitionClient[] clients = await _clients.GetAsync(CancellationToken.None).ConfigureAwait(false);
        return Listener.ForSteps(_clients, clients, _settings, _errors, handler);
    }

    private async Task<Listener> OpenAsync(Func<TimerDelivery, CancellationToken, Task> handler, CancellationToken cancellationToken)
    {
        PartitionClient[] clients = await _clients.GetAsync(cancellationToken).ConfigureAwait(false);
        return Listener.ForHandler(_clients, clients, _settings, _errors, () => MaxEvents, handler);
    }
}
