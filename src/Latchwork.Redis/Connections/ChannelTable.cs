namespace Latchwork.Redis.Connections;

/// <summary>
/// The channels that the store listens to, whatever multiplexer it has at the moment. A channel is subscribed to once, for its first listener, and
/// unsubscribed from with its last one; both are written under the lock, so that they reach the server in this order.
/// </summary>
internal sealed class ChannelTable(RedisConnection connection, ILogger logger)
{
    private static readonly TimeSpan _retryAfter = TimeSpan.FromMilliseconds(50), _longestPause = TimeSpan.FromSeconds(1);
    private static readonly Action<RedisChannel, RedisValue> _nothing = static (_, _) => { };
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Channel> _channels = new(StringComparer.Ordinal);
    private TaskCompletionSource _restored = new(TaskCreationOptions.RunContinuationsAsynchronously); // replaced by each demand to restore

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
            catch (LatchworkStoreException e) when (e is { IsTransient: true, Outcome: StoreOutcome.NotApplied } && !connection.IsClosing && Environment.TickCount64 < deadline)
            {
                connection.RequestTopologyRefresh();
                await Task.Delay(_retryAfter, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<IAsyncDisposable> TrySubscribeAsync(string name, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken)
    {
        var listener = new Listener(this, name, onMessage, onRestored);
        Task subscribed;
        lock (_gate)
        {
            if (!_channels.TryGetValue(name, out Channel? channel))
            {
                Channel added = new(name, connection.ChannelOf(name));
                added.OnMessage = (_, message) => Deliver(added, message);
                added.Subscribed = SendAsync(added);
                _channels[name] = channel = added;
            }
            else if (channel.Subscribed.IsFaulted)
            {
                Unsubscribe(channel); // the client keeps the handler of what was refused
                channel.Subscribed = SendAsync(channel);
            }

            channel.Listeners.Add(listener);
            subscribed = channel.Subscribed;
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
            _restored.TrySetResult();
            _restored = new(TaskCreationOptions.RunContinuationsAsynchronously);
            foreach (Channel channel in _channels.Values)
            {
                if (channel.IsRestoring) continue;
                channel.IsRestoring = true;
                _ = Task.Run(() => RestoreAsync(channel));
            }
        }
    }

    // Each by itself: one that cannot be restored costs the others nothing.
    private async Task RestoreAsync(Channel channel)
    {
        TimeSpan pause = _retryAfter;
        while (true)
        {
            Task again;
            lock (_gate) again = _restored.Task;
            bool isRestored = await TryRestoreAsync(channel).ConfigureAwait(false);
            Listener[] listeners;
            bool isOver;
            lock (_gate)
            {
                listeners = isRestored ? [.. channel.Listeners] : [];
                isOver = connection.IsClosing || !IsListed(channel) || (isRestored && !again.IsCompleted);
                if (isOver) channel.IsRestoring = false;
            }

            foreach (Listener listener in listeners) Guard(listener.OnRestored);
            if (isOver) return;
            if (isRestored) continue;
            await Task.WhenAny(again, Task.Delay(pause, TimeProvider.System)).ConfigureAwait(false);
            pause = again.IsCompleted ? _retryAfter : pause * 2 < _longestPause ? pause * 2 : _longestPause;
        }
    }

    private async Task<bool> TryRestoreAsync(Channel channel)
    {
        try
        {
            if (connection.Link is not { } link) return false;
            Task written;
            lock (_gate)
            {
                if (!IsListed(channel)) return true;

                // The client subscribes again by itself, but nobody can await that. Another handler makes it look whether the right server has the
                // subscription, and the reply to what is sent behind it proves that it is in force.
                if (ReferenceEquals(channel.Link, link))
                {
                    written = link.Subscriber.SubscribeAsync(channel.Name, _nothing);
                    _ = link.Subscriber.UnsubscribeAsync(channel.Name, _nothing, CommandFlags.FireAndForget); // which is never the last one
                }
                else
                {
                    written = channel.Subscribed = SendAsync(channel);
                }
            }

            await written.WaitAsync(connection.CommandTimeout, TimeProvider.System).ConfigureAwait(false);
            await connection.PingAsync(link, channel.Name).WaitAsync(connection.CommandTimeout, TimeProvider.System).ConfigureAwait(false);
            return true;
        }
        catch (Exception e)
        {
            if (!connection.IsClosing && e is RedisServerException) RedisLog.ResubscribeFailed(logger, connection.Description, e.Message);
            return false;
        }
    }

    // Needs the gate.
    private bool IsListed(Channel channel) => _channels.TryGetValue(channel.Key, out Channel? present) && ReferenceEquals(present, channel);

    private async Task SendAsync(Channel channel)
    {
        // Up to the first await this runs in the caller, under the lock: the command is written in its turn.
        MultiplexerLink link = connection.Link ?? throw RedisFailures.NotSent("subscription", connection.CommandTimeout, connection.LastError ?? "there is no connection");
        if (link.IsShared && !link.Subscriber.IsConnected(channel.Name)) throw RedisFailures.NotSent("subscription", connection.CommandTimeout, connection.LastError ?? "there is no connection for subscriptions");
        channel.Link = link;
        await link.Subscriber.SubscribeAsync(channel.Name, channel.OnMessage!).ConfigureAwait(false);
    }

    private void Remove(Listener listener)
    {
        lock (_gate)
        {
            if (!_channels.TryGetValue(listener.Name, out Channel? channel) || !channel.Listeners.Remove(listener) || channel.Listeners.Count > 0)
                return;
            if (channel.Subscribed.IsCompleted) End(channel);
            else _ = EndLaterAsync(channel); // the client would not unsubscribe from what is not in force yet
        }
    }

    private async Task EndLaterAsync(Channel channel)
    {
        await channel.Subscribed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            if (channel.Listeners.Count == 0 && IsListed(channel)) End(channel);
        }
    }

    // Needs the gate.
    private void End(Channel channel)
    {
        _channels.Remove(channel.Key);
        if (!connection.IsClosing) Unsubscribe(channel);
    }

    // Needs the gate.
    private static void Unsubscribe(Channel channel)
    {
        try
        {
            _ = channel.Link?.Subscriber.UnsubscribeAsync(channel.Name, channel.OnMessage, CommandFlags.FireAndForget);
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException or RedisCommandException)
        {
            // There is no connection, so no subscription either.
        }
    }

    private void Deliver(Channel channel, RedisValue message)
    {
        Listener[] listeners;
        lock (_gate) listeners = [.. channel.Listeners];
        ReadOnlyMemory<byte> bytes = message;
        foreach (Listener listener in listeners) Guard(() => listener.OnMessage(bytes));
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

    private sealed class Channel(string key, RedisChannel name)
    {
        public string Key { get; } = key;
        public RedisChannel Name { get; } = name;
        public List<Listener> Listeners { get; } = [];
        public Action<RedisChannel, RedisValue>? OnMessage { get; set; }
        public Task Subscribed { get; set; } = Task.CompletedTask;
        public bool IsRestoring { get; set; }

        /// <summary>Where it is subscribed.</summary>
        public MultiplexerLink? Link { get; set; }
    }

    private sealed class Listener(ChannelTable table, string name, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored) : IAsyncDisposable
    {
        public string Name { get; } = name;
        public Action<ReadOnlyMemory<byte>> OnMessage { get; } = onMessage;
        public Action OnRestored { get; } = onRestored;

        public ValueTask DisposeAsync()
        {
            table.Remove(this);
            return ValueTask.CompletedTask;
        }
    }
}
