namespace Latchwork.Redis.Locking;

/// <summary>
/// Locks in Redis. Lua scripts decide (see <c>Scripts/Locking</c>), this class translates. Concurrent operations on different keys of a namespace
/// share a script, except in a cluster, where the keys are in different slots. Renewals are sent over the connection for renewals, so that they do
/// not wait for a free thread of the pool. The connection stays its owner's; a time provider is a clock to use instead of the server's.
/// </summary>
internal sealed partial class RedisLockerStore(IRedisConnection connection, RedisKeys keys, TimeProvider? timeProvider = null) : ILockerStore
{
    /// <summary>The version of the layout of keys and records.</summary>
    internal const int Format = 2;

    /// <summary>The most operations of one script, so that it does not keep the server for long.</summary>
    private const int MaxSteps = 64;

    private const string Layout = "format=2";

    private readonly ConcurrentDictionary<LockerKey, Task> _subscribing = new();
    private readonly ConcurrentDictionary<string, Batcher<LockerStep, RedisReply>> _batchers = new(StringComparer.Ordinal);

    /// <summary>Where publications go that wait for replicas; null if they do not wait.</summary>
    public ReplicatedWriter? Replicated { get; init; }

    internal IRedisConnection Connection => connection;

    internal RedisKeys Keys => keys;

    /// <summary>The time for the scripts: empty text for the server's own.</summary>
    internal RedisValue Now => timeProvider is null ? "" : timeProvider.GetMicroseconds();

    public async Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        await TranslateAsync(
            connection.EvaluateAsync(
                LockerScripts.Open,
                keys.IsInCluster ? [keys.LockerNamespaces] : [keys.LockerNamespaces, keys.SealOf(ns)],
                [ns, Format],
                cancellationToken),
            LockerScripts.Open,
            ns).ConfigureAwait(false);

    public async Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken)
    {
        if (_subscribing.TryGetValue(key, out Task? subscribing)) await subscribing.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var step = LockerStep.Acquire(key, request);
        RedisReply reply = Judge(key, await StepAsync(step, cancellationToken).ConfigureAwait(false));
        if (LockerAnswer.IsToBeAskedAlone(reply)) reply = Judge(key, await SendAsync(step, cancellationToken).ConfigureAwait(false));
        return LockerAnswer.Read(reply);
    }

    public async Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        (RedisKey[] names, RedisValue[] arguments) = ListOf([LockerStep.Renew(key, fencingToken, nonce, lease)]);
        RedisReply reply = await TranslateAsync(connection.RenewAsync(LockerScripts.Step, names, arguments, lease), LockerScripts.Step, key.Namespace).ConfigureAwait(false);
        return Judge(key, reply[0]).Number != 0;
    }

    public async Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken)
    {
        // In a list it is sent, and sent again, although its caller has given up and may write over the array.
        if (cancellationToken.CanBeCanceled) publication = publication with { Data = publication.Data.ToArray() };
        var step = LockerStep.Publish(key, publication);
        if (Replicated is null) return OutcomeOf(Judge(key, await StepAsync(step, cancellationToken).ConfigureAwait(false)));

        (RedisKey[] names, RedisValue[] arguments) = ListOf([step]);
        (RedisReply reply, LatchworkStoreException? shortfall) = await TranslateAsync(
            Replicated.EvaluateAsync(LockerScripts.Step, names, arguments, cancellationToken), LockerScripts.Step, key.Namespace).ConfigureAwait(false);
        PublishOutcome outcome = OutcomeOf(Judge(key, reply[0]));
        return outcome == PublishOutcome.Accepted && shortfall is not null ? throw shortfall : outcome;
    }

    public async Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        Judge(key, await StepAsync(LockerStep.Release(key, fencingToken, nonce), cancellationToken).ConfigureAwait(false)).Number != 0;

    public async Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken)
    {
        RedisReply reply = await EvaluateAsync(LockerScripts.TryGet, key, [Now, Format], cancellationToken).ConfigureAwait(false);
        if (reply.IsNull) return null;
        return new LockerOutcome(reply[0].Number, Kind(reply[1]), reply[3].Bytes, IsFresh: true, Span(reply[2]));
    }

    public async Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        RedisReply reply = await EvaluateAsync(
            LockerScripts.Forget, key, [Now, Format, TimerCodec.Microseconds(lockTimeout), keys.LockerChannelEnd], cancellationToken).ConfigureAwait(false);
        return reply.Number != 0;
    }

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken)
    {
        // Nothing may be awaited before this call: a request that is made next must be decided after the subscription took effect. Where the
        // connection does not send both in order, the request waits for the subscription instead.
        Task<IAsyncDisposable> subscribing = connection.SubscribeAsync(
            keys.Of(key).Channel, message => onNotified(LockerAnswer.ReadNotification(message)), () => onNotified(null), cancellationToken).AsTask();
        return connection.OrdersSubscriptions || subscribing.IsCompleted ? subscribing : NoteAsync(key, subscribing);
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

    private static TimeSpan Span(in RedisReply microseconds) => TimerCodec.Span(microseconds.Number);

    private static PublishOutcome OutcomeOf(RedisReply reply) => reply.Number != 0 ? PublishOutcome.Accepted : PublishOutcome.Superseded;

    private static LockerOutcomeKind Kind(in RedisReply kind) => (LockerOutcomeKind)kind.Number;

    /// <summary>Does one operation, in company with others that come at the same time. The answer is to be judged (see <see cref="Judge"/>).</summary>
    private Task<RedisReply> StepAsync(LockerStep step, CancellationToken cancellationToken)
    {
        if (keys.IsInCluster) return SendAsync(step, cancellationToken);
        if (!_batchers.TryGetValue(step.Key.Namespace, out Batcher<LockerStep, RedisReply>? batcher))
        {
            batcher = _batchers.GetOrAdd(step.Key.Namespace, static (_, self) => new(
                steps => self.SendAsync(steps, CancellationToken.None), static step => step.Bytes?.Length ?? 0, static step => step.Key.Key, maxItems: MaxSteps, answersTogether: true), this);
        }

        return batcher.AddAsync(step, cancellationToken);
    }

    private async Task<RedisReply> SendAsync(LockerStep step, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return (await SendAsync([step], cancellationToken).ConfigureAwait(false))[0];
    }

    private async Task<IReadOnlyList<RedisReply>> SendAsync(IReadOnlyList<LockerStep> steps, CancellationToken cancellationToken)
    {
        (RedisKey[] names, RedisValue[] arguments) = ListOf(steps);
        RedisReply reply = await TranslateAsync(
            connection.EvaluateAsync(LockerScripts.Step, names, arguments, cancellationToken), LockerScripts.Step, steps[0].Key.Namespace).ConfigureAwait(false);
        var answers = new RedisReply[steps.Count];
        for (int i = 0; i < answers.Length; i++) answers[i] = reply[i];
        return answers;
    }

    private (RedisKey[] Keys, RedisValue[] Arguments) ListOf(IReadOnlyList<LockerStep> steps)
    {
        var list = new RedisKey[1 + 2 * steps.Count];
        int publications = 0;
        for (int i = 0; i < steps.Count; i++) publications += steps[i].Bytes is null ? 0 : 1;
        var arguments = new RedisValue[3 + steps.Count + publications];
        (arguments[0], arguments[1], arguments[2]) = (Now, Format, keys.LockerChannelEnd);
        int next = 3;
        for (int i = 0; i < steps.Count; i++)
        {
            LockerKeys names = keys.Of(steps[i].Key);
            if (i == 0) list[0] = names.Seal;
            list[1 + 2 * i] = names.Lock;
            list[2 + 2 * i] = names.Data;
            arguments[next++] = steps[i].Operation;
            if (steps[i].Bytes is { } bytes) arguments[next++] = bytes;
        }

        return (list, arguments);
    }

    /// <summary>An answer of a list, unless it is a refusal.</summary>
    private static RedisReply Judge(LockerKey key, RedisReply answer)
    {
        if (answer.IsArray || answer.IsNumber || answer.Bytes is not { Length: > 0, Span: [LockerStep.Refused, ..] } text) return answer;
        var error = new RedisServerException(RedisErrorKind.Unknown, CommandFlags.None, Encoding.UTF8.GetString(text.Span[1..]));
        throw RedisFailures.Judge(error, $"script '{LockerScripts.Step.Name}'").Exception is LatchworkStoreException known
            ? known
            : RedisRefusal.Of(error, LockerScripts.Step, Layout, UnitOf(key.Namespace), key.Key);
    }

    /// <summary>Evaluates a script on one key.</summary>
    internal ValueTask<RedisReply> EvaluateAsync(RedisScript script, LockerKey key, RedisValue[] arguments, CancellationToken cancellationToken) =>
        TranslateAsync(connection.EvaluateAsync(script, keys.Of(key).All, arguments, cancellationToken), script, key.Namespace, key.Key);

    internal ValueTask<RedisReply> EvaluateAsync(RedisScript script, RedisKey[] names, RedisValue[] arguments, CancellationToken cancellationToken) =>
        TranslateAsync(connection.EvaluateAsync(script, names, arguments, cancellationToken), script);

    internal static ValueTask<T> TranslateAsync<T>(ValueTask<T> pending, RedisScript script, string ns = "", string? key = null) =>
        RedisRefusal.TranslateAsync(pending, script, Layout, UnitOf(ns), key);

    private static NamespaceRef UnitOf(string ns) => new(TransferKind.Locks, ns);
}
