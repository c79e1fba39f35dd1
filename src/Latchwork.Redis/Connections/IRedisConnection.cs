namespace Latchwork.Redis.Connections;

/// <summary>What the stores need of Redis: evaluate a script, subscribe to a channel, and know the primaries. Tests put doubles in its place.</summary>
internal interface IRedisConnection : IAsyncDisposable
{
    /// <summary>Where the server is: a URI without user name and password.</summary>
    string Description { get; }

    /// <summary>How often a connection was made again after it was lost.</summary>
    long Reconnects { get; }

    /// <summary>Why no primary is connected now, in words that follow "because"; null if one is, whatever became of other members.</summary>
    string? Outage { get; }

    /// <summary>Whether the servers are a cluster.</summary>
    /// <exception cref="LatchworkStoreException">No server has been reached yet, so that nobody knows.</exception>
    bool IsCluster { get; }

    int Database { get; }

    /// <summary>Whether a script that is evaluated after <see cref="SubscribeAsync"/> was called, not awaited, runs after the subscription took effect.</summary>
    bool OrdersSubscriptions { get; }

    /// <summary>The primaries that are known now.</summary>
    IReadOnlyList<EndPoint> Primaries { get; }

    /// <summary>
    /// Evaluates a script by its hash, or by its text where the server does not have it. Keys, all in one slot, and arguments must not be changed any
    /// more. A script that was sent may still run when the wait is cancelled. Continuations run on a thread of the pool.
    /// </summary>
    /// <exception cref="RedisServerException">The script itself raised an error, or the server sent one that says nothing of its state.</exception>
    /// <exception cref="LatchworkStoreException">
    /// No reply came, or the server refused because of its state or the user's rights (see <see cref="RedisFailures"/>).
    /// <see cref="LatchworkStoreException.Outcome"/> says whether the script may have run.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The store is closed.</exception>
    ValueTask<RedisReply> EvaluateAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken);

    /// <summary>
    /// The same for the renewal of a lease, which must not wait for a free thread of the pool: it is sent, and its continuations run, on a thread
    /// that does nothing else. Where a connection has no such thread, it is the same as <see cref="EvaluateAsync"/>. The script must be repeatable. The
    /// reply is waited for a quarter of the lease at most, but 250 ms if that is more.
    /// </summary>
    ValueTask<RedisReply> RenewAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, TimeSpan lease);

    /// <summary>Evaluates a script that has no keys at one server.</summary>
    ValueTask<RedisReply> EvaluateAtAsync(EndPoint server, RedisScript script, RedisValue[] arguments, CancellationToken cancellationToken);

    /// <summary>Sends a command to one server.</summary>
    ValueTask<RedisReply> ExecuteAtAsync(EndPoint server, string command, object[] arguments, CancellationToken cancellationToken);

    /// <summary>
    /// Subscribes to a channel, and again after every reconnect. <paramref name="onMessage"/> is called on threads of the pool, several at a time perhaps,
    /// and must return immediately; <paramref name="onRestored"/> when the subscription is in force again after a reconnect, or after its slot has moved:
    /// messages may have been missed.
    /// </summary>
    /// <returns>Ends the subscription when disposed; that waits for nothing.</returns>
    /// <exception cref="LatchworkStoreException">The server refused, or no reply came; there is no subscription then.</exception>
    /// <exception cref="ObjectDisposedException">The store is closed.</exception>
    ValueTask<IAsyncDisposable> SubscribeAsync(string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken);
}
