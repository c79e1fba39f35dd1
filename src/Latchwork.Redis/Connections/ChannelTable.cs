namespace Latchwork.Redis.Connections;

/// <summary>
/// Who listens to which channel, whatever multiplexer the store has at the moment. Each listener is a handler of its own at the client, which
/// subscribes for the first one of a channel and unsubscribes with the last. It is asked for both under the lock: so they reach the server in this
/// order, and no handler is lost that is added while the client removes the last one.
/// </summary>
internal sealed class ChannelTable(RedisConnection connection, ILogger logger)
{
    private static readonly TimeSpan _retryAfter = TimeSpan.FromMilliseconds(50), _longestPause = TimeSpan.FromSeconds(1);
    private static readonly Action<RedisChannel, RedisValue> _nothing = static (_, _) => { };
    private readonly Lock _gate = new();
    private readonly HashSet<Listener> _listeners = [];
    private TaskCompletionSource _restored = new(TaskCreationOptions.RunContinuationsAsynchronously); // replaced by each demand to restore or to retry

    /// <summary>Subscribes. Nothing is awaited before the command is written; without a connection it is tried again within the command timeout.</summary>
    public async Task<IAsyncDisposable> SubscribeAsync(string name, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken)
    {
        long deadline = Environment.TickCount64 + (long)connection.CommandTimeout.TotalMilliseconds;
        while (true)
        {
            try
            {
                return await TrySubscribeAsync(name, onMessage, onRestored, cancellationToken).ConfigureAwait(false);
            }
            catch (LatchworkStoreException e) when (e.IsTransient && !connection.IsClosing && Environment.TickCount64 < deadline)
            {
                connection.RequestTopologyRefresh();
                await Task.Delay(_retryAfter, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<IAsyncDisposable> TrySubscribeAsync(string name, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken)
    {
        Listener listener = new(this, connection.ChannelOf(name), onMessage, onRestored);
        Task subscribed;
        lock (_gate)
        {
            _listeners.Add(listener);
            subscribed = listener.Subscribed = SendAsync(listener);
        }

        try
        {
            await subscribed.WaitAsync(connection.CommandTimeout, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            return listener;
        }
        catch (Exception e)
        {
            await listener.DisposeAsync().ConfigureAwait(false);
            if (e is OperationCanceledException && cancellationToken.IsCancellationRequested) throw;
            throw Translate(e);
        }
    }

    /// <summary>Subscribes again where that is needed, waits until it is in force, and tells all listeners that they may have missed messages.</summary>
    public void Restore()
    {
        lock (_gate)
        {
            Retry();
            foreach (Listener listener in _listeners)
            {
                if (listener.IsRestoring) continue;
                listener.IsRestoring = true;
                _ = Task.Run(() => RestoreAsync(listener));
            }
        }
    }

    /// <summary>What could not be restored yet is tried again immediately: there is another connection.</summary>
    public void Retry()
    {
        lock (_gate)
        {
            _restored.TrySetResult();
            _restored = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    // Each by itself: one that cannot be restored costs the others nothing.
    private async Task RestoreAsync(Listener listener)
    {
        TimeSpan pause = _retryAfter;
        while (true)
        {
            Task again;
            lock (_gate) again = _restored.Task;
            bool isRestored = await TryRestoreAsync(listener).ConfigureAwait(false);
            bool isListed, isOver;
            lock (_gate)
            {
                isListed = _listeners.Contains(listener);
                isOver = connection.IsClosing || !isListed || (isRestored && !again.IsCompleted);
                if (isOver) listener.IsRestoring = false;
            }

            if (isRestored && isListed) Guard(listener.OnRestored);
            if (isOver) return;
            if (isRestored) continue;
            await Task.WhenAny(again, Task.Delay(pause, TimeProvider.System)).ConfigureAwait(false);
            pause = again.IsCompleted ? _retryAfter : pause * 2 < _longestPause ? pause * 2 : _longestPause;
        }
    }

    private async Task<bool> TryRestoreAsync(Listener listener)
    {
        try
        {
            if (connection.Link is not { } link) return false;
            Task written;
            lock (_gate)
            {
                if (!_listeners.Contains(listener)) return true;

                // The client subscribes again by itself, but nobody can await that. Another handler makes it look whether the right server has the
                // subscription, and the reply to what is sent behind it proves that it is in force.
                if (ReferenceEquals(listener.Link, link))
                {
                    written = link.Subscriber.SubscribeAsync(listener.Channel, _nothing);
                    _ = link.Subscriber.UnsubscribeAsync(listener.Channel, _nothing, CommandFlags.FireAndForget); // which is never the last one
                }
                else
                {
                    written = listener.Subscribed = SendAsync(listener);
                }
            }

            await written.WaitAsync(connection.CommandTimeout, TimeProvider.System).ConfigureAwait(false);
            await connection.PingAsync(link, listener.Channel).WaitAsync(connection.CommandTimeout, TimeProvider.System).ConfigureAwait(false);
            return true;
        }
        catch (Exception e)
        {
            if (!connection.IsClosing && e is RedisServerException) RedisLog.ResubscribeFailed(logger, connection.Description, e.Message);
            return false;
        }
    }

    private bool IsListed(Listener listener)
    {
        lock (_gate) return _listeners.Contains(listener);
    }

    private async Task SendAsync(Listener listener)
    {
        // Up to the first await this runs in the caller, under the lock: the command is written in its turn.
        MultiplexerLink link = connection.Link ?? throw connection.NotSent("subscription");
        if (link.IsShared && !link.Subscriber.IsConnected(listener.Channel)) throw RedisFailures.NotSent("subscription", connection.CommandTimeout, connection.LastError ?? "there is no connection for subscriptions");
        listener.Link = link;
        await link.Subscriber.SubscribeAsync(listener.Channel, listener.OnMessage).ConfigureAwait(false);
    }

    private void Remove(Listener listener)
    {
        lock (_gate)
        {
            if (!_listeners.Remove(listener)) return;
            if (listener.Subscribed.IsCompleted) Unsubscribe(listener);
            else _ = UnsubscribeLaterAsync(listener); // the client would not unsubscribe from what is not in force yet
        }
    }

    private async Task UnsubscribeLaterAsync(Listener listener)
    {
        await listener.Subscribed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate) Unsubscribe(listener);
    }

    // Needs the gate.
    private void Unsubscribe(Listener listener)
    {
        try
        {
            if (!connection.IsClosing) _ = listener.Link?.Subscriber.UnsubscribeAsync(listener.Channel, listener.OnMessage, CommandFlags.FireAndForget);
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException or RedisCommandException)
        {
            // There is no connection, so no subscription either.
        }
    }

    private void Guard(Action callback)
    {
        try
        {
            callback();
        }
        catch (Exception e) // one listener must not cost the others their messages
        {
            RedisLog.CallbackFailed(logger, connection.Description, e);
        }
    }

    private Exception Translate(Exception error)
    {
        if (error is LatchworkStoreException or ObjectDisposedException) return error;
        if (error is TimeoutException and not RedisTimeoutException)
            return RedisFailures.NoReply("subscription", connection.CommandTimeout, error);
        CallFailure failure = RedisFailures.Judge(error, "subscription");
        return failure.Exception switch
        {
            null => RedisFailures.NotSent("subscription", connection.CommandTimeout, failure.Reason),
            RedisServerException server => new LatchworkStoreException($"The subscription was refused: {server.Message}", StoreOutcome.NotApplied, server),
            Exception known => known,
        };
    }

    private sealed class Listener : IAsyncDisposable
    {
        private readonly ChannelTable _table;

        public Listener(ChannelTable table, RedisChannel channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored)
        {
            _table = table;
            Channel = channel;
            OnRestored = onRestored;
            OnMessage = (_, message) =>
            {
                if (table.IsListed(this)) table.Guard(() => onMessage(message));
            };
        }

        public RedisChannel Channel { get; }
        public Action OnRestored { get; }
        public Action<RedisChannel, RedisValue> OnMessage { get; }
        public Task Subscribed { get; set; } = Task.CompletedTask;
        public bool IsRestoring { get; set; }

        /// <summary>Where it is subscribed.</summary>
        public MultiplexerLink? Link { get; set; }

        public ValueTask DisposeAsync()
        {
            _table.Remove(this);
            return ValueTask.CompletedTask;
        }
    }
}
