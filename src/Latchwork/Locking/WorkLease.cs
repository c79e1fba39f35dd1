using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using Latchwork.Locking;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// The ownership of a key: this process, and no other, is to do the work, as long as the lease is held. It is renewed by itself. Give
/// <see cref="FencingToken"/> along with every write to a resource that can compare it, so that an owner that was overtaken (a pause, a
/// failover) cannot overwrite its successor's work.
/// </summary>
/// <remarks>Disposal releases the key if it was neither published nor failed. Safe for use by many threads.</remarks>
public sealed class WorkLease : IAsyncDisposable
{
    private readonly LockerCore _core;
    private readonly HeldLock _held;
    private readonly bool _isShared;
    private TimeSpan _resultTimeout;

    /// <param name="core">The locker.</param>
    /// <param name="held">The ownership.</param>
    /// <param name="isShared">Whether it belongs to a run: then the run ends it, and disposal does nothing.</param>
    internal WorkLease(LockerCore core, HeldLock held, bool isShared)
    {
        _core = core;
        _held = held;
        _isShared = isShared;
        _resultTimeout = core.Options.ResultTimeout;
    }

    /// <summary>The key.</summary>
    public string Key => _held.Key;

    /// <summary>The fencing token of this ownership: greater than that of every owner before.</summary>
    public long FencingToken => _held.FencingToken;

    /// <summary>Whether the key was taken over from an owner that gave no sign of life any more.</summary>
    public bool TakenOver => _held.TakenOver;

    /// <summary>
    /// Fires when the ownership is lost: overtaken, forgotten, over its <see cref="LockerOptions.LockTimeout"/>, or not renewed in time. It does
    /// not fire when the lease ends by <c>PublishAsync</c>, <c>FailAsync</c> or disposal.
    /// </summary>
    public CancellationToken Lost => _held.Lost;

    /// <summary>Whether this process may still believe that the key is its own. It counts from before the request or renewal was sent.</summary>
    public bool IsHeld => _held.IsHeld;

    /// <summary>How long it may believe so without another renewal; zero when the lease is over.</summary>
    public TimeSpan LeaseLeft => _held.LeaseLeft;

    /// <summary>How long the result will be given to callers that come later: zero to 100 years. Can be changed until it is published.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of that range.</exception>
    public TimeSpan ResultTimeout
    {
        get => _resultTimeout;
        set
        {
            Limits.CheckDuration(value, TimeSpan.Zero, Limits.MaxDelay);
            _resultTimeout = value;
        }
    }

    /// <summary>Publishes a result of bytes and frees the key, in one step.</summary>
    /// <param name="result">The bytes: at most <see cref="LockerOptions.MaxResultBytes"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="PublishOutcome.Superseded"/> if the lease is over; then nothing was changed.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    public Task<PublishOutcome> PublishAsync(ReadOnlyMemory<byte> result, CancellationToken cancellationToken = default) =>
        PublishAsync(RunValue.Of(result), cancellationToken);

    /// <inheritdoc cref="PublishAsync(ReadOnlyMemory{byte}, CancellationToken)"/>
    public Task<PublishOutcome> PublishAsync(byte[]? result, CancellationToken cancellationToken = default) =>
        PublishAsync(result is null ? RunValue.Null : RunValue.Of(result), cancellationToken);

    /// <summary>Publishes a result as JSON and frees the key, in one step.</summary>
    /// <typeparam name="T">The value's type. Its name is not stored. Bytes are published as they are.</typeparam>
    /// <param name="value">The value; null is a result too.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="PublishOutcome.Superseded"/> if the lease is over; then nothing was changed.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    [RequiresUnreferencedCode("Uses reflection-based JSON. Pass a JsonTypeInfo when trimming.")]
    [RequiresDynamicCode("Uses reflection-based JSON. Pass a JsonTypeInfo when compiling ahead of time.")]
    public Task<PublishOutcome> PublishAsync<T>(T value, CancellationToken cancellationToken = default) =>
        PublishAsync(ResultJson.Write(value, _core.Options.SerializerOptions), cancellationToken);

    /// <summary>Publishes a result as JSON, without reflection, and frees the key, in one step.</summary>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="value">The value; null is a result too.</param>
    /// <param name="typeInfo">How to write it.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="PublishOutcome.Superseded"/> if the lease is over; then nothing was changed.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    public Task<PublishOutcome> PublishAsync<T>(T value, JsonTypeInfo<T> typeInfo, CancellationToken cancellationToken = default) =>
        PublishAsync(ResultJson.Write(value, typeInfo), cancellationToken);

    /// <summary>Publishes a result of bytes in a transaction of the application: it is published, and the key freed, by the commit. PostgreSQL only (docs/outbox.md).</summary>
    /// <param name="transaction">The transaction, on the store's database. It is neither committed nor rolled back.</param>
    /// <param name="result">The bytes: at most <see cref="LockerOptions.MaxResultBytes"/>.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>A task that ends when it is a part of the transaction.</returns>
    /// <remarks>
    /// The lease is made full, and not renewed after that: commit within <see cref="LockerOptions.LeaseDuration"/>. Dispose the lease after the transaction has ended: if it
    /// was rolled back, that frees the key.
    /// </remarks>
    /// <exception cref="LeaseLostException">The lease is over: roll the transaction back.</exception>
    /// <exception cref="InvalidOperationException">The lease belongs to a factory of <c>RunOnceAsync</c>, whose result is published when it returns.</exception>
    /// <exception cref="NotSupportedException">The store cannot do anything in a transaction of the application.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer; the transaction is aborted.</exception>
    public Task PublishAsync(DbTransaction transaction, ReadOnlyMemory<byte> result, CancellationToken cancellationToken = default) =>
        PublishInAsync(transaction, RunValue.Of(result), cancellationToken);

    /// <summary>Publishes a result as JSON in a transaction of the application: it is published, and the key freed, by the commit. PostgreSQL only (docs/outbox.md).</summary>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="transaction">The transaction, on the store's database. It is neither committed nor rolled back.</param>
    /// <param name="value">The value; null is a result too.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>A task that ends when it is a part of the transaction.</returns>
    /// <inheritdoc cref="PublishAsync(DbTransaction, ReadOnlyMemory{byte}, CancellationToken)" path="/*[self::remarks or self::exception]"/>
    [RequiresUnreferencedCode("Uses reflection-based JSON. Pass a JsonTypeInfo when trimming.")]
    [RequiresDynamicCode("Uses reflection-based JSON. Pass a JsonTypeInfo when compiling ahead of time.")]
    public Task PublishAsync<T>(DbTransaction transaction, T value, CancellationToken cancellationToken = default) =>
        PublishInAsync(transaction, ResultJson.Write(value, _core.Options.SerializerOptions), cancellationToken);

    /// <summary>Publishes a result as JSON in a transaction of the application, without reflection: it is published, and the key freed, by the commit. PostgreSQL only (docs/outbox.md).</summary>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="transaction">The transaction, on the store's database. It is neither committed nor rolled back.</param>
    /// <param name="value">The value; null is a result too.</param>
    /// <param name="typeInfo">How to write it.</param>
    /// <param name="cancellationToken">A token that cancels the statement, which aborts the transaction.</param>
    /// <returns>A task that ends when it is a part of the transaction.</returns>
    /// <inheritdoc cref="PublishAsync(DbTransaction, ReadOnlyMemory{byte}, CancellationToken)" path="/*[self::remarks or self::exception]"/>
    public Task PublishAsync<T>(DbTransaction transaction, T value, JsonTypeInfo<T> typeInfo, CancellationToken cancellationToken = default) =>
        PublishInAsync(transaction, ResultJson.Write(value, typeInfo), cancellationToken);

    /// <summary>Fails the work and frees the key, in one step: everybody who waits gets a <see cref="RunFailedException"/>.</summary>
    /// <param name="kind">What kind of failure: 1 to 512 bytes of UTF-8.</param>
    /// <param name="message">What went wrong; up to 1 KiB of it is kept.</param>
    /// <param name="policy">Who gets the failure. Default: null, <see cref="FailurePolicy.Share"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="PublishOutcome.Superseded"/> if the lease is over; then nothing was changed.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    public Task<PublishOutcome> FailAsync(string kind, string message, FailurePolicy? policy = null, CancellationToken cancellationToken = default)
    {
        Limits.CheckId(kind);
        ArgumentNullException.ThrowIfNull(message);
        return FailAsync(RunValue.Failure(kind, message), null, policy ?? FailurePolicy.Share, cancellationToken);
    }

    /// <summary>Fails the work and frees the key, in one step: everybody who waits gets a <see cref="RunFailedException"/>.</summary>
    /// <param name="exception">Its type's name and message are shared; callers in this process find it as the inner exception.</param>
    /// <param name="policy">Who gets the failure. Default: null, <see cref="FailurePolicy.Share"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="PublishOutcome.Superseded"/> if the lease is over; then nothing was changed.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    public Task<PublishOutcome> FailAsync(Exception exception, FailurePolicy? policy = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return FailAsync(RunValue.Failure(exception), exception, policy ?? FailurePolicy.Share, cancellationToken);
    }

    /// <summary>Releases the key if it is still held: the next one who waits gets it. If the store cannot be reached, the lease runs out instead.</summary>
    /// <returns>A task that ends when the key is free, or left to its lease.</returns>
    public ValueTask DisposeAsync() => _isShared ? ValueTask.CompletedTask : new ValueTask(_held.ReleaseAsync().OffStoreThread());

    private Task<PublishOutcome> PublishAsync(RunValue value, CancellationToken cancellationToken)
    {
        Limits.CheckPayload(value.Data.Length, _core.Options.MaxResultBytes, "result");
        return _held.PublishAsync(value, _resultTimeout, null, cancellationToken, isForUser: true);
    }

    private Task PublishInAsync(DbTransaction transaction, RunValue value, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        Limits.CheckPayload(value.Data.Length, _core.Options.MaxResultBytes, nameof(value));
        return _isShared
            ? throw new InvalidOperationException("The result of a factory is published when it returns. To publish in a transaction, ask for the key with RequestAsync.")
            : _held.PublishInAsync(transaction, value, _resultTimeout, cancellationToken);
    }

    private async Task<PublishOutcome> FailAsync(RunValue failure, Exception? original, FailurePolicy policy, CancellationToken cancellationToken)
    {
        if (policy.IsShared)
        {
            return await _held.PublishAsync(failure, policy.CacheDuration, original, cancellationToken, isForUser: true).ConfigureAwait(false);
        }

        if (!_held.IsHeld) return PublishOutcome.Superseded;
        await _held.ReleaseAsync().OffStoreThread().ConfigureAwait(false);
        return PublishOutcome.Accepted;
    }
}
