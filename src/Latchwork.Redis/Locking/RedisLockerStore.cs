namespace Latchwork.Redis.Locking;

/// <summary>
/// Locks in Redis. Each operation is one Lua script on one key (see <c>Scripts/Locking</c>): it decides, this class translates. Renewals are
/// sent over the connection for renewals, so that they do not wait for a free thread of the pool.
/// </summary>
internal sealed partial class RedisLockerStore : ILockerStore
{
    /// <summary>The version of the layout of keys and records.</summary>
    internal const int Format = 1;

    private const string Layout = "format=1";

    private readonly IRedisConnection _connection;
    private readonly RedisKeys _keys;
    private readonly TimeProvider? _timeProvider;
    private readonly ConcurrentDictionary<LockerKey, Task> _subscribing = new();

    /// <summary>Creates the store.</summary>
    /// <param name="connection">The connection, which stays its owner's.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="timeProvider">A clock to use instead of the server's; null for the server's.</param>
    public RedisLockerStore(IRedisConnection connection, RedisKeys keys, TimeProvider? timeProvider = null)
    {
        _connection = connection;
        _keys = keys;
        _timeProvider = timeProvider;
    }

    /// <summary>Where publications go that wait for replicas; null if they do not wait.</summary>
    public ReplicatedWriter? Replicated { get; init; }

    /// <summary>The time for the scripts: empty text for the server's own.</summary>
    private RedisValue Now =>
        _timeProvider is null ? "" : _timeProvider.GetMicroseconds();

    /// <inheritdoc/>
    public async Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        await TranslateAsync(
            _connection.EvaluateAsync(
                LockerScripts.Open,
                _keys.IsInCluster ? [_keys.LockerNamespaces] : [_keys.LockerNamespaces, _keys.SealOf(ns)],
                [ns, Format],
                cancellationToken),
            LockerScripts.Open,
            ns).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken)
    {
        if (_subscribing.TryGetValue(key, out Task? subscribing)) await subscribing.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        RedisReply reply = await EvaluateAsync(
            LockerScripts.Request,
            key,
            [
                Now, Format, request.NodeId, request.Nonce, Microseconds(request.Lease), Microseconds(request.LockTimeout),
                request.WaitingFor is long generation ? generation : "", request.LockOnly ? 1 : 0,
            ],
            cancellationToken).ConfigureAwait(false);
        return reply[0].Number switch
        {
            0 => new LockGranted(reply[1].Number, TakenOver: reply[2].Number != 0),
            1 => new LockHeld(reply[1].Number, reply[2].Text, Span(reply[3]), Span(reply[4])),
            2 => new LockerOutcome(reply[1].Number, Kind(reply[2]), reply[5].Bytes, IsFresh: reply[3].Number != 0, Span(reply[4])),
            long other => throw new LatchworkStoreException($"The script '{LockerScripts.Request.Name}' gave an answer that is not known: {other}.", StoreOutcome.Unknown),
        };
    }

    /// <inheritdoc/>
    public async Task<bool> RenewAsync(LockerKey key, long generation, string nonce, TimeSpan lease, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ValueTask<RedisReply> pending = _connection.RenewAsync(LockerScripts.Renew, _keys.Of(key).All, [Now, Format, generation, nonce, Microseconds(lease)], lease);
        return (await TranslateAsync(pending, LockerScripts.Renew, key.Namespace).ConfigureAwait(false)).Number != 0;
    }

    /// <inheritdoc/>
    public async Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken)
    {
        RedisValue[] arguments =
        [
            Now, Format, publication.Generation, publication.Nonce ?? "", (int)publication.Kind,
            Microseconds(publication.FreshFor), Microseconds(publication.HandOverFor), publication.Data, _keys.Of(key).Bell,
        ];
        RedisReply reply;
        LatchworkStoreException? shortfall = null;
        if (Replicated is null)
        {
            reply = await EvaluateAsync(LockerScripts.Publish, key, arguments, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            ValueTask<(RedisReply Reply, LatchworkStoreException? Shortfall)> pending = Replicated.EvaluateAsync(LockerScripts.Publish, _keys.Of(key).All, arguments, cancellationToken);
            (reply, shortfall) = await TranslateAsync(pending, LockerScripts.Publish, key.Namespace).ConfigureAwait(false);
        }

        if (shortfall is not null && reply.Number != 0) throw shortfall;
        return reply.Number != 0 ? PublishOutcome.Accepted : PublishOutcome.Superseded;
    }

    /// <inheritdoc/>
    public async Task<bool> ReleaseAsync(LockerKey key, long? generation, string nonce, CancellationToken cancellationToken)
    {
        RedisReply reply = await EvaluateAsync(
            LockerScripts.Release, key, [Now, Format, generation is long known ? known : "", nonce, _keys.Of(key).Bell], cancellationToken).ConfigureAwait(false);
        return reply.Number != 0;
    }

    /// <inheritdoc/>
    public async Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken)
    {
        RedisReply reply = await EvaluateAsync(LockerScripts.TryGet, key, [Now, Format], cancellationToken).ConfigureAwait(false);
        if (reply.IsNull) return null;
        return new LockerOutcome(reply[0].Number, Kind(reply[1]), reply[3].Bytes, IsFresh: true, Span(reply[2]));
    }

    /// <inheritdoc/>
    public async Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        RedisReply reply = await EvaluateAsync(
            LockerScripts.Forget, key, [Now, Format, Microseconds(lockTimeout), _keys.Of(key).Bell], cancellationToken).ConfigureAwait(false);
        return reply.Number != 0;
    }

    /// <inheritdoc/>
    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action ring, CancellationToken cancellationToken)
    {
        // Nothing may be awaited before this call: a request that is made next must be decided after the subscription took effect. Where the
        // connection does not send both in order, the request waits for the subscription instead.
        Task<IAsyncDisposable> subscribing = _connection.SubscribeAsync(_keys.Of(key).Bell, _ => ring(), ring, cancellationToken).AsTask();
        return _connection.OrdersSubscriptions || subscribing.IsCompleted ? subscribing : NoteAsync(key, subscribing);
    }

    private async Task<IAsyncDisposable> NoteAsync(LockerKey key, Task<IAsyncDisposable> subscribing)
    {
        _subscribing[key] = subscribing;
        try
        {
            return await subscribing.ConfigureAwait(false);
        }
        finally
        {
            _subscribing.TryRemove(KeyValuePair.Create(key, (Task)subscribing));
        }
    }

    private static long Microseconds(TimeSpan span) => TimerCodec.Microseconds(span);

    private static TimeSpan Span(in RedisReply microseconds) => TimerCodec.Span(microseconds.Number);

    private static LockerOutcomeKind Kind(in RedisReply kind) => (LockerOutcomeKind)kind.Number;

    /// <summary>Evaluates a script on one key.</summary>
    private ValueTask<RedisReply> EvaluateAsync(
        RedisScript script, LockerKey key, RedisValue[] arguments, CancellationToken cancellationToken) =>
        TranslateAsync(_connection.EvaluateAsync(script, _keys.Of(key).All, arguments, cancellationToken), script, key.Namespace);

    private ValueTask<RedisReply> EvaluateAsync(
        RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken) =>
        TranslateAsync(_connection.EvaluateAsync(script, keys, arguments, cancellationToken), script);

    private static ValueTask<T> TranslateAsync<T>(ValueTask<T> pending, RedisScript script, string? ns = null) =>
        RedisRefusal.TranslateAsync(pending, script, Layout, new TransferUnit(TransferKind.Locks, ns ?? ""));
}
