namespace Latchwork.Redis.Timers;

/// <summary>
/// Timers in Redis. Each operation is one Lua script on one partition (see <c>Scripts/Timers</c>): it decides, this class translates.
/// The scripts of renewals are sent over the connection for renewals.
/// </summary>
internal sealed partial class RedisTimerStore : ITimerStore
{
    /// <summary>The version of the layout of keys and records.</summary>
    internal const int Format = 1;

    /// <summary>To how many partitions something is sent without waiting for the replies in between.</summary>
    private const int MaxAtOnce = 64;

    /// <summary>The arguments that every script has: time, format, number of partitions.</summary>
    private const int CommonArguments = 3;

    private readonly IRedisConnection _connection;
    private readonly RedisKeys _keys;
    private readonly TimeProvider? _timeProvider;
    private readonly int _partitions;
    private readonly ConcurrentDictionary<string, bool> _registered = new();

    /// <summary>Creates the store.</summary>
    /// <param name="connection">The connection, which stays its owner's.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="timeProvider">A clock to use instead of the server's; null for the server's.</param>
    /// <param name="partitions">The number of partitions of every namespace.</param>
    public RedisTimerStore(IRedisConnection connection, RedisKeys keys, TimeProvider? timeProvider = null, int partitions = 1)
    {
        _connection = connection;
        _keys = keys;
        _timeProvider = timeProvider;
        _partitions = partitions;
    }

    /// <summary>Where posts go that wait for replicas; null if they do not wait.</summary>
    public ReplicatedWriter? Replicated { get; init; }

    /// <inheritdoc/>
    public async Task<int> OpenAsync(string ns, CancellationToken cancellationToken)
    {
        await RegisterAsync(ns, cancellationToken).ConfigureAwait(false);

        // The first decides: whoever has another number is refused there, before it has touched any other partition.
        await OpenAsync(new TimerPartition(ns, 0), cancellationToken).ConfigureAwait(false);
        await EachAsync(Enumerable.Range(1, _partitions - 1), i => OpenAsync(new TimerPartition(ns, i), cancellationToken)).ConfigureAwait(false);
        return _partitions;

        async Task<bool> OpenAsync(TimerPartition partition, CancellationToken cancellationToken) =>
            (await SendAsync(TimerScript.Open, partition, Arguments(0), cancellationToken).ConfigureAwait(false)).Number == 1;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken)
    {
        var namespaces = new SortedSet<string>(StringComparer.Ordinal);
        string cursor = "0";
        do
        {
            ValueTask<RedisReply> pending = _connection.EvaluateAsync(TimerScript.Namespaces, [_keys.TimerNamespaces], [cursor], cancellationToken);
            RedisReply reply = await TranslateAsync(pending, TimerScript.Namespaces).ConfigureAwait(false);
            cursor = reply.Items[0].Text;
            foreach (RedisReply ns in reply.Items[1].Items) namespaces.Add(ns.Text);
        }
        while (cursor != "0");
        return [.. namespaces];
    }

    /// <summary>Does something with several partitions: up to <see cref="MaxAtOnce"/> at a time, so that they share round trips.</summary>
    private static async Task<T[]> EachAsync<T>(IEnumerable<int> partitions, Func<int, Task<T>> body)
    {
        var results = new List<T>();
        foreach (int[] some in partitions.Chunk(MaxAtOnce)) results.AddRange(await Task.WhenAll(Array.ConvertAll(some, i => body(i))).ConfigureAwait(false));
        return [.. results];
    }

    /// <summary>Begins the arguments of a script; the caller adds as many as it said.</summary>
    private ScriptArguments Arguments(int count) => Arguments(count, _partitions);

    /// <summary>The same for a namespace whose number of partitions is another one, or is being changed.</summary>
    private ScriptArguments Arguments(int count, RedisValue partitions)
    {
        var arguments = new ScriptArguments(CommonArguments + count);
        arguments.Add(_timeProvider is null ? "" : _timeProvider.GetMicroseconds());
        arguments.Add(Format);
        arguments.Add(partitions);
        return arguments;
    }

    private ValueTask<RedisReply> SendAsync(
        TimerScript script, TimerPartition partition, ScriptArguments arguments, CancellationToken cancellationToken)
    {
        try
        {
            RedisKey[] keys = _keys.Of(partition).Select(script.Keys);
            return TranslateAsync(_connection.EvaluateAsync(script.Script, keys, arguments.Items, cancellationToken), script.Script, partition.Namespace);
        }
        catch (LatchworkStoreException e)
        {
            return ValueTask.FromException<RedisReply>(e); // nobody knows yet whether it is a cluster
        }
    }

    /// <summary>Evaluates a script that waits for replicas, if writes do.</summary>
    /// <returns>Its reply, and what to throw if it has written something; null if enough replicas have it.</returns>
    private Task<(RedisReply Reply, LatchworkStoreException? Shortfall)> WriteAsync(
        TimerScript script, TimerPartition partition, ScriptArguments arguments, CancellationToken cancellationToken)
    {
        if (Replicated is null) return WithoutReplicas(SendAsync(script, partition, arguments, cancellationToken));
        return TranslateAsync(Replicated.EvaluateAsync(script.Script, _keys.Of(partition).Select(script.Keys), arguments.Items, cancellationToken), script.Script, partition.Namespace).AsTask();

        static async Task<(RedisReply, LatchworkStoreException?)> WithoutReplicas(ValueTask<RedisReply> pending) => (await pending.ConfigureAwait(false), null);
    }

    /// <summary>Makes an error of the server one of the store.</summary>
    private async ValueTask<T> TranslateAsync<T>(ValueTask<T> pending, RedisScript script, string ns = "")
    {
        try
        {
            return await pending.ConfigureAwait(false);
        }
        catch (RedisServerException e)
        {
            throw RedisRefusal.Of(
                e, script, string.Create(CultureInfo.InvariantCulture, $"format={Format} partitions={_partitions}"), new TransferUnit(TransferKind.Timers, ns));
        }
    }

    /// <summary>Notes the namespace in the list of all, before this process first writes to it.</summary>
    private async ValueTask RegisterAsync(string ns, CancellationToken cancellationToken)
    {
        if (_registered.ContainsKey(ns)) return;
        ValueTask<RedisReply> pending = _connection.EvaluateAsync(TimerScript.Register, [_keys.TimerNamespaces], [ns], cancellationToken);
        await TranslateAsync(pending, TimerScript.Register).ConfigureAwait(false);
        _registered.TryAdd(ns, true);
    }

    /// <summary>A partition turned out to be new although the namespace was noted: somebody flushed the database, the list included.</summary>
    private async ValueTask RegisterAgainAsync(string ns, CancellationToken cancellationToken)
    {
        _registered.TryRemove(ns, out _);
        try
        {
            await RegisterAsync(ns, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException)
        {
            // What was asked for has been done, so its answer must not be lost; the next write notes the namespace first.
            _registered.TryRemove(ns, out _);
        }
    }
}
