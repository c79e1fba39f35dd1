using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork;

/// <summary>
/// A distributed single-flight: of all the callers on all the nodes that ask for a key, one does the work, and everybody gets its result.
/// Services inject this; <see cref="ProcessLocker"/> is it.
/// </summary>
/// <remarks>
/// <para>
/// Callers in one process for one key share one request to the store. A caller that cancels disturbs nobody else. A key whose owner dies is
/// taken over by one of those who wait, when the owner's lease has run out.
/// </para>
/// <para>
/// There is one owner per live lease. A pause of a process or a failover of the store can still start a second execution: fencing
/// (<see cref="WorkLease.FencingToken"/>) keeps the stale one from publishing here, and from writing wherever the token is compared. This is
/// not "exactly once".
/// </para>
/// </remarks>
public interface IProcessLocker
{
    /// <summary>This node's name: the given one, or the generated one.</summary>
    string NodeId { get; }

    /// <summary>Runs the factory for a key unless somebody has done so or is doing so, and returns the one result, of JSON.</summary>
    /// <typeparam name="T">The result's type. Its name is not stored; bytes are stored as they are.</typeparam>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="factory">
    /// The work. Of the callers that wait, one has its factory run, on a thread of the pool. Its token fires when the lease is lost and when no
    /// caller in this process is left.
    /// </param>
    /// <param name="options">Lifetime of the result, treatment of failures; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the wait. The work continues while another caller in this process waits for it.</param>
    /// <returns>The result; each caller gets an object of its own.</returns>
    /// <exception cref="RunFailedException">The work failed, here or elsewhere.</exception>
    /// <exception cref="LockTimeoutException">The wait took longer than the wait timeout, or the work longer than the lock timeout.</exception>
    /// <exception cref="LockRecursionException">It is called inside the factory that runs for the same key, and would wait for itself.</exception>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    [RequiresUnreferencedCode("Uses reflection-based JSON. Pass a JsonTypeInfo when trimming.")]
    [RequiresDynamicCode("Uses reflection-based JSON. Pass a JsonTypeInfo when compiling ahead of time.")]
    Task<T> RunOnceAsync<T>(string key, Func<WorkLease, CancellationToken, Task<T>> factory, RunOnceOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Runs the factory for a key unless somebody has done so or is doing so, and returns the one result, of JSON without reflection.</summary>
    /// <typeparam name="T">The result's type. Its name is not stored.</typeparam>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="typeInfo">How to write and read the result.</param>
    /// <param name="factory">The work, as in the overload without <paramref name="typeInfo"/>.</param>
    /// <param name="options">Lifetime of the result, treatment of failures; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the wait. The work continues while another caller in this process waits for it.</param>
    /// <returns>The result; each caller gets an object of its own.</returns>
    /// <exception cref="RunFailedException">The work failed, here or elsewhere.</exception>
    /// <exception cref="LockTimeoutException">The wait took longer than the wait timeout, or the work longer than the lock timeout.</exception>
    /// <exception cref="LockRecursionException">It is called inside the factory that runs for the same key, and would wait for itself.</exception>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    Task<T> RunOnceAsync<T>(string key, JsonTypeInfo<T> typeInfo, Func<WorkLease, CancellationToken, Task<T>> factory, RunOnceOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Runs the factory for a key unless somebody has done so or is doing so, and returns the one result, of bytes.</summary>
    /// <inheritdoc cref="RunOnceAsync{T}(string, Func{WorkLease, CancellationToken, Task{T}}, RunOnceOptions?, CancellationToken)"/>
    Task<byte[]?> RunOnceAsync(string key, Func<WorkLease, CancellationToken, Task<byte[]?>> factory, RunOnceOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Runs the factory for a key unless somebody has done so or is doing so, and returns the one result, of bytes that all callers share.</summary>
    /// <inheritdoc cref="RunOnceAsync{T}(string, Func{WorkLease, CancellationToken, Task{T}}, RunOnceOptions?, CancellationToken)"/>
    Task<ReadOnlyMemory<byte>> RunOnceAsync(string key, Func<WorkLease, CancellationToken, Task<ReadOnlyMemory<byte>>> factory, RunOnceOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Asks for a key: either it is the caller's to process, or, perhaps after a wait, the result is there.</summary>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="waitTimeout">How long to wait: 1 ms to 100 years. Default: null, as in <see cref="LockerOptions.WaitTimeout"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The lease, which the caller has to publish, fail or dispose; or the result.</returns>
    /// <exception cref="RunFailedException">The work that the caller waited for failed.</exception>
    /// <exception cref="LockTimeoutException">The wait took longer than the wait timeout.</exception>
    /// <exception cref="LockRecursionException">It is called inside the factory that runs for the same key, and would wait for itself.</exception>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    Task<RequestResult> RequestAsync(string key, TimeSpan? waitTimeout = null, CancellationToken cancellationToken = default);

    /// <summary>Reads the result of a key if there is one that is fresh. Never waits for work.</summary>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The result, or null if there is none (a null result is a result: see <see cref="LockerResult.IsNull"/>).</returns>
    /// <exception cref="RunFailedException">The last run failed, and that is remembered (<see cref="FailurePolicy.CacheFor"/>).</exception>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    Task<LockerResult?> TryGetAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Publishes a result from anywhere, on behalf of the owner that has the fencing token, and frees the key, in one step.</summary>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="fencingToken">The owner's <see cref="WorkLease.FencingToken"/>.</param>
    /// <param name="result">The bytes, at most <see cref="LockerOptions.MaxResultBytes"/>; null is a result too.</param>
    /// <param name="resultTimeout">How long it is given to callers that come later: zero to 100 years. Default: null, as in <see cref="LockerOptions.ResultTimeout"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="PublishOutcome.Superseded"/> if the key is not that owner's any more; then nothing was changed.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    Task<PublishOutcome> PublishAsync(string key, long fencingToken, ReadOnlyMemory<byte>? result, TimeSpan? resultTimeout = null, CancellationToken cancellationToken = default);

    /// <summary>Fails the work from anywhere, on behalf of the owner that has the fencing token, and frees the key, in one step.</summary>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="fencingToken">The owner's <see cref="WorkLease.FencingToken"/>.</param>
    /// <param name="kind">What kind of failure: 1 to 512 bytes of UTF-8.</param>
    /// <param name="message">What went wrong; up to 1 KiB of it is kept.</param>
    /// <param name="cacheFor">How long callers that come later get it too: zero to 100 years; default zero.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="PublishOutcome.Superseded"/> if the key is not that owner's any more; then nothing was changed.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    Task<PublishOutcome> FailAsync(string key, long fencingToken, string kind, string message, TimeSpan cacheFor = default, CancellationToken cancellationToken = default);

    /// <summary>Takes a key as a plain lock, without a result: waits until it is free. Renewed and fenced like every ownership.</summary>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="waitTimeout">How long to wait: 1 ms to 100 years. Default: null, as in <see cref="LockerOptions.WaitTimeout"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The lease; dispose it to release the key.</returns>
    /// <exception cref="LockTimeoutException">The wait took longer than the wait timeout.</exception>
    /// <exception cref="LockRecursionException">It is called inside the factory that runs for the same key, and would wait for itself.</exception>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    Task<WorkLease> AcquireAsync(string key, TimeSpan? waitTimeout = null, CancellationToken cancellationToken = default);

    /// <summary>Takes a key as a plain lock if it is free now.</summary>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="cancellationToken">A token that cancels the wait for the store.</param>
    /// <returns>The lease; null if the key is somebody's.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    Task<WorkLease?> TryAcquireAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Forgets a key: its result is dropped, and work in progress is superseded immediately (its publication will be refused, and one of those who
    /// wait starts anew). Nobody who asks afterwards gets the result of work that began before.
    /// </summary>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether there was anything to forget.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    Task<bool> ForgetAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Looks at a key and changes nothing.</summary>
    /// <param name="key">The key: 1 to 512 bytes of UTF-8.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The key; null if it is neither locked, nor has a fresh outcome, nor is waited for here.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked, or its answer never came.</exception>
    Task<KeySnapshot?> PeekAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Lists the keys of the namespace that are locked, in pages, in no particular order. A key that stays locked during the listing appears at least once.</summary>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The keys.</returns>
    IAsyncEnumerable<KeySnapshot> ListAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Reads what the lockers of the namespace have done since it was first used: runs, takeovers, failures. What this one did is written first; that of others may be a second old.
    /// </summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The counts.</returns>
    /// <exception cref="LatchworkStoreException">The store could not be asked.</exception>
    Task<LockerStats> GetStatsAsync(CancellationToken cancellationToken = default);
}
