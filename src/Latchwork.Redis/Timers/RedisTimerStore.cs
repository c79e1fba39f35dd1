namespace Latchwork.Redis.Timers;

/// <summary>
/// Timers in Redis. Each operation is one Lua script on one partition (see <c>Scripts/Timers</c>): it decides, this class translates.
/// The scripts of renewals are sent over the connection for renewals. The connection stays its owner's; a time provider is a clock to use
/// instead of the server's.
/// </summary>
internal sealed partial class RedisTimerStore(IRedisConnection connection, RedisKeys keySpace, TimeProvider? timeProvider = null, int partitions = 1) : ITimerStore
{
    /// <summary>The version of the layout of keys and records.</summary>
    internal const int Format = 1;

    /// <summary>To how many partitions something is sent without waiting for the replies in between.</summary>
    private const int MaxAtOnce = 64;

    /// <summary>What the post script gets instead of what to do if the id exists: it cannot.</summary>
    private const int IdIsNew = 3;

    /// <summary>How long a backup waker waits for the primary waker, in ms: random, so that the backup wakers of many partitions do not come together.</summary>
    private const int MinGrace = 50, MaxGrace = 200;

    private readonly string _layout = string.Create(CultureInfo.InvariantCulture, $"format={Format} partitions={partitions}");
    private readonly ConcurrentDictionary<string, bool> _registered = new();
    private readonly ConcurrentDictionary<string, bool> _opened = new();
    private RedisScheduleStore? _schedules;

    /// <summary>How many partitions a namespace has.</summary>
    public int Partitions => partitions;

    public IScheduleStore Schedules => ScheduleStore;

    internal RedisScheduleStore ScheduleStore => LazyInitializer.EnsureInitialized(ref _schedules, () => new RedisScheduleStore(this));

    /// <summary>Where it is said what nobody waits for and yet failed.</summary>
    public ILogger Log { get; init; } = Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

    /// <summary>Is told of namespaces that the server has lost; null if nobody wants to know.</summary>
    public LossMonitor? Losses { get; init; }

    /// <summary>Where posts go that wait for replicas; null if they do not wait.</summary>
    public ReplicatedWriter? Replicated { get; init; }

    public async Task<int> OpenAsync(string ns, CancellationToken cancellationToken)
    {
        await RegisterAsync(ns, cancellationToken).ConfigureAwait(false);

        // The first decides: whoever has another number is refused there, before it has touched any other partition.
        bool isNew = await OpenAsync(new TimerPartition(ns, 0)).ConfigureAwait(false);
        isNew |= (await EachAsync(PartitionsOf(ns, from: 1), OpenAsync).ConfigureAwait(false)).Contains(true);
        if (!_opened.TryAdd(ns, true) && isNew) Losses?.OnLost(ns);
        return partitions;

        async Task<bool> OpenAsync(TimerPartition partition) =>
            (await SendAsync(TimerScript.Open, partition, cancellationToken).ConfigureAwait(false)).Number == 1;
    }

    // Of several partitions the first decides, as when it is opened.
    public async Task<int?> FindAsync(string ns, CancellationToken cancellationToken) =>
        await ExistsAsync(new TimerPartition(ns, 0), cancellationToken).ConfigureAwait(false) ? partitions : null;

    public async Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken)
    {
        var namespaces = new SortedSet<string>(StringComparer.Ordinal);
        string cursor = "0";
        do
        {
            RedisReply reply = await EvaluateAsync(TimerScript.Namespaces, cursor, cancellationToken).ConfigureAwait(false);
            cursor = reply[0].Text;
            namespaces.UnionWith(reply[1].Texts);
        }
        while (cursor != "0");
        return [.. namespaces];
    }

    public async Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0) return [];
        await RegisterAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        (RedisReply reply, LatchworkStoreException? shortfall) =
            await WriteAsync(TimerScript.Post, partition, PostArguments(partition, entries), cancellationToken).ConfigureAwait(false);
        PostOutcome[] outcomes = TimerCodec.Outcomes(reply[1], static digit => (PostOutcome)digit);
        if (reply[0].Number == 1) await RegisterAgainAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        bool wrote = Array.Exists(outcomes, outcome => outcome is PostOutcome.Created or PostOutcome.Replaced);
        return wrote && shortfall is not null ? throw shortfall : outcomes;
    }

    public async Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken)
    {
        const int WasDead = 10;
        long outcome = (await SendAsync(TimerScript.Cancel, partition, cancellationToken, ChannelOf(partition), id, revoke ? 1 : 0).ConfigureAwait(false)).Number;
        if (outcome == 0 && OccurrenceId.Is(id)) await ScheduleStore.EndedAsync(partition, [id], OccurrenceOutcome.Cancelled).ConfigureAwait(false);
        return outcome == WasDead ? TimerOutcome.Done : (TimerOutcome)outcome;
    }

    public async Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        (TimerOutcome)(await SendAsync(TimerScript.ChangeDelay, partition, cancellationToken, ChannelOf(partition), id, TimerCodec.Encode(due)).ConfigureAwait(false)).Number;

    public async Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
    {
        await RegisterAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        ValueTask<RedisReply> pending = SendAsync(
            TimerScript.Claim,
            partition,
            cancellationToken,
            ChannelOf(partition),
            request.NodeId,
            request.ClaimToken,
            Math.Clamp(request.Max, 0, Limits.MaxBatch),
            Math.Max(request.Capacity, 0),
            Math.Max(request.Held, 0),
            TimerCodec.Microseconds(request.LeaseDuration),
            (long)request.DeadLetters.Retention.TotalMilliseconds,
            request.DeadLetters.MaxCount,
            Random.Shared.Next(MinGrace, MaxGrace),
            request.BeginsWithOldest ? 1 : 0,
            request.Yields ? 1 : 0,
            RetentionOf(request.Completed),
            request.Completed.MaxCount,
            Math.Clamp(request.MaxLastAttempts ?? Limits.MaxBatch, 0, Limits.MaxBatch));
        RedisReply reply = await pending.ConfigureAwait(false);
        TimerClaim claim = ReadClaim(reply, out bool fresh);
        if (reply[5].Length > 0) await ScheduleStore.EndedAsync(partition, reply[5].Texts, OccurrenceOutcome.DeadLettered).ConfigureAwait(false);
        if (fresh) await RegisterAgainAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        return claim;
    }

    public async Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        await SendAsync(TimerScript.Leave, partition, cancellationToken, ChannelOf(partition), nodeId).ConfigureAwait(false);

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(
        TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        NoteEndsAsync(
            partition,
            deliveries,
            static one => one.Id,
            (TimerOutcome.Done, OccurrenceOutcome.Succeeded),
            SettleAsync(TimerScript.Confirm, partition, deliveries, TokenOf, cancellationToken, RetentionOf(completed), completed.MaxCount, (int)completed.Outcome));

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(
        TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken)
    {
        if (deliveries.Count == 0) return Nothing();
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<IReadOnlyList<TimerOutcome>>(cancellationToken);
        RedisValue[] arguments = Pairs(deliveries, TokenOf, TimerCodec.Microseconds(lease));
        (RedisScript script, RedisKey[] keys) = (TimerScript.Extend.Script, keySpace.Of(partition).Select(TimerScript.Extend.Keys));
        return ReadOutcomesAsync(TranslateAsync(connection.RenewAsync(script, keys, arguments, lease), script, partition.Namespace));
    }

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        SettleAsync(TimerScript.Release, partition, deliveries, TokenOf, cancellationToken, ChannelOf(partition));

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(
        TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken)
    {
        if (failures.Count == 0) return Nothing();
        CheckBatch(failures.Count);
        RedisValue retention = (long)deadLetters.Retention.TotalMilliseconds;
        ArgumentList arguments = Begin(partitions, 7 * failures.Count, ChannelOf(partition), retention, deadLetters.MaxCount);
        foreach (TimerFailure failure in failures)
        {
            RedisValue retryIn = failure.RetryIn is TimeSpan delay ? TimerCodec.Microseconds(delay) : -1;
            arguments.Add(failure.Delivery.Id, failure.Delivery.Token, failure.NodeId, ErrorText.Clip(failure.Error), retryIn, (int)failure.Reason, failure.IsInterruption ? 1 : 0);
        }

        return NoteEndsAsync(
            partition,
            failures,
            static one => one.Delivery.Id,
            (TimerOutcome.DeadLettered, OccurrenceOutcome.DeadLettered),
            ReadOutcomesAsync(SendAsync(TimerScript.Fail, partition, arguments.All, cancellationToken)));
    }

    /// <summary>Of occurrences that have ended it is noted in their schedules, by a step of its own: nothing needs it to be done (see <see cref="IScheduleStore"/>).</summary>
    private async Task<IReadOnlyList<TimerOutcome>> NoteEndsAsync<T>(
        TimerPartition partition, IReadOnlyList<T> items, Func<T, string> idOf, (TimerOutcome If, OccurrenceOutcome As) end, Task<IReadOnlyList<TimerOutcome>> settling)
    {
        IReadOnlyList<TimerOutcome> outcomes = await settling.ConfigureAwait(false);
        if (OccurrenceId.EndedAmong(items, idOf, outcomes, end.If) is { } ended) await ScheduleStore.EndedAsync(partition, ended, end.As).ConfigureAwait(false);
        return outcomes;
    }

    // What is kept at all is kept for a millisecond at least: zero would say that nothing is.
    private static long RetentionOf(CompletedLimits completed) => completed.Keeps ? Math.Max(1, (long)completed.Retention.TotalMilliseconds) : 0;

    internal async Task<bool> ExistsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        (await SendAsync(TimerScript.Find, partition, cancellationToken).ConfigureAwait(false)).Number == 1;

    private RedisValue[] PostArguments(TimerPartition partition, IReadOnlyList<TimerEntry> entries)
    {
        CheckBatch(entries.Count);
        byte[] modes = new byte[entries.Count];
        byte[][] bodies = new byte[entries.Count][];
        int largest = 0;
        for (int i = 0; i < modes.Length; i++)
        {
            TimerEntry entry = entries[i];
            modes[i] = (byte)('0' + (entry.IdIsNew ? IdIsNew : (int)entry.IfExists));
            bodies[i] = TimerCodec.EncodeBody(entry.MaxRetries, entry.Headers, entry.Payload.Span);
            largest = Math.Max(largest, bodies[i].Length - TimerCodec.BodyPrefix);
        }

        ArgumentList arguments = Begin(partitions, 3 * modes.Length, ChannelOf(partition), modes, largest);
        for (int i = 0; i < modes.Length; i++) arguments.Add(entries[i].Id, TimerCodec.Encode(entries[i].Due), bodies[i]);
        return arguments.All;
    }

    private static TimerClaim ReadClaim(RedisReply reply, out bool fresh)
    {
        const int First = 8, Width = 5;
        StoreTime now = TimerCodec.Now(reply[1], reply[6]);
        fresh = reply[2].Number == 1;
        var events = new List<ClaimedEvent>((reply.Length - First) / Width);
        for (int at = First; at < reply.Length; at += Width)
        {
            // What was damaged after it was claimed, and is asked for again, is left to its lease: the next claim finds it.
            if (!TimerCodec.TryDecodeBody(reply[at + 3].Bytes, out EventBody body)) continue;
            long due = reply[at + 1].Number;
            events.Add(new ClaimedEvent(
                reply[at].Text, body.Payload, body.Headers, (int)reply[at + 2].Number, body.MaxRetries, now.Show(due), now.Since(due))
            {
                FirstClaimedAt = reply[at + 4].Bytes.Length > 0 ? TimerCodec.Now(reply[at + 4], reply[6]).ToDateTimeOffset() : null,
            });
        }

        return new TimerClaim(events, TimerCodec.Span(reply[0].Number)) { DeadLettered = (int)reply[3].Number, Pause = PauseText.Parse(reply[4].Text), IsCut = reply[7].Number == 1 };
    }

    private static Task<IReadOnlyList<TimerOutcome>> Nothing() => Task.FromResult<IReadOnlyList<TimerOutcome>>([]);

    /// <summary>Evaluates a script that takes pairs and answers with an outcome for each of them.</summary>
    private Task<IReadOnlyList<TimerOutcome>> SettleAsync<T>(
        TimerScript script,
        TimerPartition partition,
        IReadOnlyList<T> items,
        Func<T, (RedisValue Id, RedisValue Mark)> pair,
        CancellationToken cancellationToken,
        params ReadOnlySpan<RedisValue> first) =>
        items.Count == 0 ? Nothing() : ReadOutcomesAsync(SendAsync(script, partition, Pairs(items, pair, first), cancellationToken));

    private static async Task<IReadOnlyList<TimerOutcome>> ReadOutcomesAsync(ValueTask<RedisReply> pending) =>
        TimerCodec.Outcomes(await pending.ConfigureAwait(false), static digit => (TimerOutcome)digit);

    /// <summary>The bound that keeps every script short. The engine splits what is larger.</summary>
    internal static void CheckBatch(int count)
    {
        if (count > Limits.MaxBatch)
            throw new ArgumentOutOfRangeException(nameof(count), count, $"A batch holds at most {Limits.MaxBatch} elements.");
    }

    private IEnumerable<TimerPartition> PartitionsOf(string ns, int from = 0) => Enumerable.Range(from, partitions - from).Select(i => new TimerPartition(ns, i));

    /// <summary>Does something with every partition of a namespace.</summary>
    internal Task<T[]> EachAsync<T>(string ns, Func<TimerPartition, Task<T>> body) => EachAsync(PartitionsOf(ns), body);

    /// <summary>Does something with several partitions: up to <see cref="MaxAtOnce"/> at a time, so that they share round trips.</summary>
    internal static async Task<T[]> EachAsync<T>(IEnumerable<TimerPartition> all, Func<TimerPartition, Task<T>> body)
    {
        var results = new List<T>();
        foreach (TimerPartition[] some in all.Chunk(MaxAtOnce)) results.AddRange(await Task.WhenAll(some.Select(body)).ConfigureAwait(false));
        return [.. results];
    }

    internal RedisValue ChannelOf(TimerPartition partition) => keySpace.Of(partition).Channel;

    private static (RedisValue Id, RedisValue Mark) TokenOf(DeliveryKey delivery) => (delivery.Id, delivery.Token);

    /// <summary>The arguments of a script that takes two for each event: its id, and what it must still have for the script to change it.</summary>
    private RedisValue[] Pairs<T>(IReadOnlyList<T> items, Func<T, (RedisValue Id, RedisValue Mark)> pair, params ReadOnlySpan<RedisValue> first)
    {
        CheckBatch(items.Count);
        ArgumentList arguments = Begin(partitions, 2 * items.Count, first);
        for (int i = 0; i < items.Count; i++)
        {
            (RedisValue id, RedisValue mark) = pair(items[i]);
            arguments.Add(id, mark);
        }

        return arguments.All;
    }

    /// <summary>
    /// Begins the arguments of a script with those that every script has (time, format, number of partitions as recorded) and then the
    /// <paramref name="first"/> ones. The caller adds <paramref name="count"/> more.
    /// </summary>
    internal ArgumentList Begin(RedisValue number, int count, params ReadOnlySpan<RedisValue> first)
    {
        const int Common = 3;
        var arguments = new ArgumentList(Common + first.Length + count);
        arguments.Add(timeProvider is null ? "" : timeProvider.GetMicroseconds(), Format, number);
        arguments.Add(first);
        return arguments;
    }

    internal ValueTask<RedisReply> SendAsync(
        TimerScript script, TimerPartition partition, CancellationToken cancellationToken, params ReadOnlySpan<RedisValue> arguments) =>
        SendAsync(script, partition, Begin(partitions, 0, arguments).All, cancellationToken);

    /// <summary>The same where the namespace has another number of partitions, or where that is being changed.</summary>
    internal ValueTask<RedisReply> SendAsync(
        TimerScript script, TimerPartition partition, PartitionNumber number, CancellationToken cancellationToken, params ReadOnlySpan<RedisValue> arguments) =>
        SendAsync(script, partition, Begin(number.ToString(), 0, arguments).All, cancellationToken);

    private ValueTask<RedisReply> SendAsync(TimerScript script, TimerPartition partition, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            RedisKey[] keys = keySpace.Of(partition).Select(script.Keys);
            return TranslateAsync(connection.EvaluateAsync(script.Script, keys, arguments, cancellationToken), script.Script, partition.Namespace);
        }
        catch (LatchworkStoreException e)
        {
            return ValueTask.FromException<RedisReply>(e); // nobody knows yet whether it is a cluster
        }
    }

    /// <summary>Evaluates a script that waits for replicas, if writes do.</summary>
    /// <returns>Its reply, and what to throw if it has written something; null if enough replicas have it.</returns>
    internal async Task<(RedisReply Reply, LatchworkStoreException? Shortfall)> WriteAsync(
        TimerScript script, TimerPartition partition, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        if (Replicated is null) return (await SendAsync(script, partition, arguments, cancellationToken).ConfigureAwait(false), null);
        RedisKey[] keys = keySpace.Of(partition).Select(script.Keys);
        return await TranslateAsync(Replicated.EvaluateAsync(script.Script, keys, arguments, cancellationToken), script.Script, partition.Namespace).ConfigureAwait(false);
    }

    /// <summary>Evaluates a script on the list of namespaces.</summary>
    internal ValueTask<RedisReply> EvaluateAsync(RedisScript script, RedisValue argument, CancellationToken cancellationToken) =>
        TranslateAsync(connection.EvaluateAsync(script, [keySpace.TimerNamespaces], [argument], cancellationToken), script);

    private ValueTask<T> TranslateAsync<T>(ValueTask<T> pending, RedisScript script, string ns = "") =>
        RedisRefusal.TranslateAsync(pending, script, _layout, new NamespaceRef(TransferKind.Timers, ns));

    /// <summary>Notes the namespace in the list of all, before this process first writes to it.</summary>
    internal async ValueTask RegisterAsync(string ns, CancellationToken cancellationToken)
    {
        if (_registered.ContainsKey(ns)) return;
        await EvaluateAsync(TimerScript.Register, ns, cancellationToken).ConfigureAwait(false);
        _registered.TryAdd(ns, true);
    }

    /// <summary>The namespace was dropped: whoever writes to it next notes it anew, and nothing was lost.</summary>
    internal void Forget(string ns)
    {
        _registered.TryRemove(ns, out _);
        _opened.TryRemove(ns, out _);
    }

    /// <summary>
    /// A partition turned out to be new. If this process has opened the namespace, whose partitions then all had a layout, the server has lost it, the list of
    /// namespaces included: it is begun anew in all of them, so that each loss is reported once.
    /// </summary>
    internal async ValueTask RegisterAgainAsync(string ns, CancellationToken cancellationToken)
    {
        _registered.TryRemove(ns, out _);
        bool isLost = _opened.TryRemove(ns, out _);
        if (isLost) Losses?.OnLost(ns);
        try
        {
            if (isLost) await OpenAsync(ns, cancellationToken).ConfigureAwait(false);
            else await RegisterAsync(ns, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException)
        {
            // What was asked for has been done, so its answer must not be lost; the next write notes the namespace first.
            _registered.TryRemove(ns, out _);
            if (isLost) _opened.TryAdd(ns, true);
        }
    }
}

/// <summary>The arguments of a script in their order. How many there will be is known, so that no batch is copied.</summary>
internal struct ArgumentList(int count)
{
    private int _next;

    public RedisValue[] All { get; } = new RedisValue[count];

    public void Add(params ReadOnlySpan<RedisValue> values)
    {
        values.CopyTo(All.AsSpan(_next));
        _next += values.Length;
    }
}
