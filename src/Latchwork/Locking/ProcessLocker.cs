using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using Latchwork.Diagnostics;
using Latchwork.Locking;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>A locker of one namespace on a store: see <see cref="IProcessLocker"/>. One for each process and namespace is enough; it is safe for use by many threads.</summary>
public sealed partial class ProcessLocker : IProcessLocker, IAsyncDisposable
{
    private readonly LockerCore _core;

    /// <summary>Creates a locker on a store. Nothing is sent before the first call.</summary>
    /// <param name="store">The store; it must outlive the locker and is not disposed with it.</param>
    /// <param name="options">The settings; null for the defaults. They are copied.</param>
    /// <exception cref="ArgumentException">A setting is out of its range; all such settings are named.</exception>
    public ProcessLocker(LatchworkStore store, LockerOptions? options = null)
        : this((store ?? throw new ArgumentNullException(nameof(store))).Locks, LiveStores.KindOf(store), options, () => TransactionsOf(store))
    {
        LiveStores.Add(store);
    }

    /// <summary>For tests that stand between the engine and the store.</summary>
    internal ProcessLocker(ILockerStore store, LockerOptions? options = null)
        : this(store, "other", options, static () => throw new NotSupportedException("A store of operations alone takes part in no transaction."))
    {
    }

    private ProcessLocker(ILockerStore store, string kind, LockerOptions? options, Func<ILockerTransactions> transactions)
    {
        _core = new LockerCore(store, kind, (options ?? new LockerOptions()).CheckedCopy(), transactions);
        _registerEvery = _core.Clock.ToTimestamps(TimeSpan.FromSeconds(10));
        _registeredAt = _core.Clock.Now;
    }

    /// <summary>The namespace.</summary>
    public string Namespace => _core.Options.Namespace;

    /// <inheritdoc/>
    public string NodeId => _core.NodeId;

    /// <inheritdoc/>
    [RequiresUnreferencedCode("Uses reflection-based JSON. Pass a JsonTypeInfo when trimming.")]
    [RequiresDynamicCode("Uses reflection-based JSON. Pass a JsonTypeInfo when compiling ahead of time.")]
    public async Task<T> RunOnceAsync<T>(string key, Func<WorkLease, CancellationToken, Task<T>> factory, RunOnceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        LockerResult result = await RunAsync(
            key,
            async (lease, stop) => ResultJson.Write(await factory(lease, stop).ConfigureAwait(false), _core.Options.SerializerOptions),
            options,
            cancellationToken).ConfigureAwait(false);
        return result.Read<T>()!;
    }

    /// <inheritdoc/>
    public async Task<T> RunOnceAsync<T>(string key, JsonTypeInfo<T> typeInfo, Func<WorkLease, CancellationToken, Task<T>> factory, RunOnceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        ArgumentNullException.ThrowIfNull(typeInfo);
        LockerResult result = await RunAsync(
            key,
            async (lease, stop) => ResultJson.Write(await factory(lease, stop).ConfigureAwait(false), typeInfo),
            options,
            cancellationToken).ConfigureAwait(false);
        return result.Read(typeInfo)!;
    }

    /// <inheritdoc/>
    public async Task<byte[]?> RunOnceAsync(string key, Func<WorkLease, CancellationToken, Task<byte[]?>> factory, RunOnceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        LockerResult result = await RunAsync(
            key,
            async (lease, stop) => await factory(lease, stop).ConfigureAwait(false) is { } bytes ? RunValue.Of(bytes) : RunValue.Null,
            options,
            cancellationToken).ConfigureAwait(false);
        return result.IsNull ? null : result.Bytes.ToArray();
    }

    /// <inheritdoc/>
    public async Task<ReadOnlyMemory<byte>> RunOnceAsync(string key, Func<WorkLease, CancellationToken, Task<ReadOnlyMemory<byte>>> factory, RunOnceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        LockerResult result = await RunAsync(
            key,
            async (lease, stop) => RunValue.Of(await factory(lease, stop).ConfigureAwait(false)),
            options,
            cancellationToken).ConfigureAwait(false);
        return result.Bytes;
    }

    /// <inheritdoc/>
    public async Task<RequestResult> RequestAsync(string key, TimeSpan? waitTimeout = null, CancellationToken cancellationToken = default)
    {
        CallerAnswer answer = await JoinAsync(_flights, key, new FlightCaller(_core), waitTimeout, cancellationToken).ConfigureAwait(false);
        return answer.Lock is { } held
            ? new RequestResult(new WorkLease(_core, held, isShared: false))
            : new RequestResult(Read(answer.Outcome!, answer.Original));
    }

    /// <inheritdoc/>
    public async Task<WorkLease> AcquireAsync(string key, TimeSpan? waitTimeout = null, CancellationToken cancellationToken = default)
    {
        CallerAnswer answer = await JoinAsync(_lockFlights, key, new FlightCaller(_core), waitTimeout, cancellationToken).ConfigureAwait(false);
        return new WorkLease(_core, answer.Lock!, isShared: false);
    }

    /// <inheritdoc/>
    public async Task<LockerResult?> TryGetAsync(string key, CancellationToken cancellationToken = default)
    {
        LockerOutcome? outcome = await SendAsync(key, k => _core.Store.TryGetAsync(k, cancellationToken), cancellationToken).ConfigureAwait(false);
        return outcome is null ? null : Read(outcome, null);
    }

    /// <inheritdoc/>
    public Task<PublishOutcome> PublishAsync(string key, long fencingToken, ReadOnlyMemory<byte>? result, TimeSpan? resultTimeout = null, CancellationToken cancellationToken = default)
    {
        if (resultTimeout is { } timeout) Limits.CheckDuration(timeout, TimeSpan.Zero, Limits.MaxDelay, nameof(resultTimeout));
        Limits.CheckPayload(result?.Length ?? 0, _core.Options.MaxResultBytes, nameof(result));
        return PublishAsync(key, fencingToken, result is { } bytes ? RunValue.Of(bytes) : RunValue.Null, resultTimeout ?? _core.Options.ResultTimeout, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<PublishOutcome> FailAsync(string key, long fencingToken, string kind, string message, TimeSpan cacheFor = default, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(kind);
        ArgumentNullException.ThrowIfNull(message);
        Limits.CheckDuration(cacheFor, TimeSpan.Zero, Limits.MaxDelay);
        return PublishAsync(key, fencingToken, RunValue.Failure(kind, message), cacheFor, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<bool> ForgetAsync(string key, CancellationToken cancellationToken = default)
    {
        // What we own by now is what the store will take from us; what we are granted afterwards is not.
        HeldLock[] held = [.. _core.Held.Where(h => h.Key == key)];
        bool known = await SendAsync(key, k => _core.Store.ForgetAsync(k, _core.Options.LockTimeout, cancellationToken), cancellationToken).ConfigureAwait(false);
        foreach (HeldLock one in held) one.Supersede();
        return known;
    }

    /// <inheritdoc/>
    public async Task<KeySnapshot?> PeekAsync(string key, CancellationToken cancellationToken = default)
    {
        KeySnapshot? snapshot = await SendAsync(key, k => _core.Store.PeekAsync(k, cancellationToken), cancellationToken).ConfigureAwait(false);
        int waiters = CountWaiters(key);
        if (snapshot is not null) return snapshot with { Waiters = waiters };
        return waiters == 0 ? null : new KeySnapshot { Key = key, IsLocked = false, FencingToken = 0, Waiters = waiters };
    }

    /// <inheritdoc/>
    public async Task<LockerStats> GetStatsAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_disposed, this);
        await _core.Counter.WriteAsync(cancellationToken).OffStoreThread().ConfigureAwait(false);
        return await _core.Store.GetStatsAsync(Namespace, cancellationToken).OffStoreThread().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<KeySnapshot> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_disposed, this);
        string? cursor = null;
        do
        {
            string? from = cursor;
            LockerPage page = await _core.RepeatAsync(
                () => _core.Store.ListAsync(Namespace, from, Limits.MaxBatch, cancellationToken),
                ShouldRetry,
                cancellationToken,
                isNew: from is null).OffStoreThread().ConfigureAwait(false);
            foreach (KeySnapshot snapshot in page.Items) yield return snapshot with { Waiters = CountWaiters(snapshot.Key) };
            cursor = page.Cursor;
        }
        while (cursor is not null);
    }

    private static ILockerTransactions TransactionsOf(LatchworkStore store) => store.LockerTransactions ?? throw new NotSupportedException(
        $"The store at {store.Description} cannot publish in a transaction of the application. The PostgreSQL store can, in a transaction on its database.");

    private async Task<LockerResult> RunAsync(string key, Work work, RunOnceOptions? options, CancellationToken cancellationToken)
    {
        options?.Check();
        CallerAnswer answer = await JoinAsync(_flights, key, new FlightCaller(_core, work, options), options?.WaitTimeout, cancellationToken).ConfigureAwait(false);
        return Read(answer.Outcome!, answer.Original);
    }

    private LockerResult Read(LockerOutcome outcome, Exception? original) => outcome.Kind == LockerOutcomeKind.Failure
        ? throw RunValue.ReadFailure(outcome.Data.Span, original)
        : new LockerResult(outcome.Kind == LockerOutcomeKind.Null, outcome.Data, outcome.FencingToken, _core.Options.SerializerOptions);
}
