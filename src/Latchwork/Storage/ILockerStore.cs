using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>
/// What the locker engine needs of a store. Every method is one atomic step on one key, decided by the store's own clock; none takes a
/// <c>now</c>. Arguments were checked by the engine; a store checks only the bounds that protect it.
/// </summary>
/// <remarks>
/// <para>
/// A key has two independent parts. The <b>lock</b>: owner, nonce, fencing token, the deadline of its lease, when it started, and its ceiling
/// (start + lock timeout), beyond which it is no lock any more. The <b>last outcome</b>: fencing token, what it was, its bytes, fresh until,
/// handed over until. Besides, the highest fencing token ever given is kept for the lock timeout after the key was freed, and with it the
/// fencing token and nonce of the last publication that was accepted.
/// </para>
/// <para>
/// An outcome that is neither fresh nor handed over any more is none: its bytes go without another operation on the key (up to 1 KiB may stay with
/// what is kept of it).
/// </para>
/// <para>
/// A lock whose lease has run out, but which nobody has taken over, is still good for renewal, publication and release until its ceiling.
/// A deadline that lies further ahead than its own length (the clock went back) is cut to it.
/// </para>
/// <para>
/// A method throws <see cref="LatchworkStoreException"/> when the store cannot answer, and says whether the outcome is known. Every method
/// can be repeated after an unknown outcome. Tasks complete on a thread of the store, so that no free thread of the pool is needed:
/// continuations must be short, must not block, and must never be code of a user.
/// </para>
/// </remarks>
[Experimental("LATCHWORK001")]
public interface ILockerStore
{
    /// <summary>Prepares a namespace: records it and its format when first used, else checks that this client can work with it.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>A task that ends when the namespace can be used.</returns>
    /// <exception cref="LatchworkStoreException">The namespace has a format that this client cannot work with; it is named.</exception>
    Task OpenAsync(string ns, CancellationToken cancellationToken);

    /// <summary>Asks for the lock of a key, or for the outcome that its caller may have instead. In this order:</summary>
    /// <remarks>
    /// <list type="number">
    /// <item>The lock is held with the same nonce (the reply was lost): the same grant, its lease renewed.</item>
    /// <item>Unless <see cref="LockerRequest.LockOnly"/>: an outcome that is fresh; or one of fencing token ≥ <see cref="LockerRequest.WaitingFor"/>
    /// within its hand-over time: <see cref="LockerOutcome"/>.</item>
    /// <item>The lock is held and its lease has not run out: <see cref="LockHeld"/>.</item>
    /// <item>Else the lock is granted with fencing token max(highest + 1, now in µs): <see cref="LockGranted"/>. The outcome stays as it is.</item>
    /// </list>
    /// </remarks>
    /// <param name="key">The key.</param>
    /// <param name="request">Who asks, and for what.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns><see cref="LockGranted"/>, <see cref="LockerOutcome"/> or <see cref="LockHeld"/>.</returns>
    Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken);

    /// <summary>Renews a lease: its deadline is now + <paramref name="lease"/>, but never beyond the lock's ceiling.</summary>
    /// <param name="key">The key.</param>
    /// <param name="fencingToken">The fencing token that was granted.</param>
    /// <param name="nonce">The nonce that it was granted to.</param>
    /// <param name="lease">The length of the lease.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether the lock is still that owner's; if not, nothing was changed.</returns>
    Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Replaces the outcome of a key and frees its lock, in one step, and notifies the waiters.</summary>
    /// <param name="key">The key.</param>
    /// <param name="publication">What is published, and by whom.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>
    /// <see cref="PublishOutcome.Accepted"/>, also when the same publication was accepted before (the last one of the key is remembered, for its lock timeout at least);
    /// <see cref="PublishOutcome.Superseded"/> if the lock is not that owner's any more, and nothing was changed.
    /// </returns>
    Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken);

    /// <summary>Frees a lock without an outcome (the last outcome stays as it is), and notifies the waiters.</summary>
    /// <param name="key">The key.</param>
    /// <param name="fencingToken">The fencing token that was granted; null if the reply to the request was never seen.</param>
    /// <param name="nonce">The nonce that it was granted to.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether the lock was that owner's; if not, nothing was changed.</returns>
    Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken);

    /// <summary>Reads the outcome of a key if it is fresh.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The outcome, or null.</returns>
    Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken);

    /// <summary>
    /// Drops the outcome and takes the lock, if there is one, from its owner; the highest fencing token grows as for a grant, and whoever has subscribed
    /// is notified, the owner as well as those who wait. So a run that began before can never publish.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="lockTimeout">How long to keep the fencing token.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether there was a lock or a fresh outcome.</returns>
    Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken);

    /// <summary>Looks at a key and changes nothing.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The key, with no <see cref="KeySnapshot.Waiters"/>; null if it is neither locked nor has a fresh outcome.</returns>
    Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken);

    /// <summary>Lists the keys of a namespace that are locked, in no particular order. A key that stays locked while all pages are read appears at least once.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="cursor">Null for the first page, then the cursor of the page before.</param>
    /// <param name="limit">About how many keys to read for the page: 1 to <see cref="Limits.MaxBatch"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>A page; it may be empty and yet not be the last.</returns>
    Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken);

    /// <summary>Adds what a process has counted to the counts of a namespace. The one operation that is not repeated after an unknown outcome.</summary>
    /// <param name="ns">The namespace, which was opened.</param>
    /// <param name="counts">What is added; none is below zero.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>A task that ends when it is added.</returns>
    Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken);

    /// <summary>Reads the counts of a namespace.</summary>
    /// <param name="ns">The namespace; it need not exist.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The counts.</returns>
    Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken);

    /// <summary>
    /// Subscribes to the notifications of one key: there is one when its lock is freed or taken from its owner while somebody waits for it (a
    /// request was answered with <see cref="LockHeld"/> since the last one), when it is taken by <see cref="ForgetAsync"/>, and when some may have been
    /// missed (the connection was away).
    /// </summary>
    /// <remarks>
    /// <para>
    /// A request that is made after this method was called (it need not be awaited in between) is decided after the subscription took effect,
    /// so "start to subscribe, request, await both" misses nothing and is one round trip.
    /// </para>
    /// <para>
    /// A notification is a hint: it may be lost, late, doubled or forged. It may carry the outcome that was published. Whoever waits may take that
    /// only if its fencing token and nonce are those of the owner in an answer (<see cref="LockHeld"/>) to a request that was sent after the waiter
    /// called; else the key is asked.
    /// </para>
    /// </remarks>
    /// <param name="key">The key.</param>
    /// <param name="onNotified">Called for each notification, on a thread of the store: it must return immediately and must not throw. It gets null for a mere hint.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>Ends the subscription when disposed.</returns>
    Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken);
}
