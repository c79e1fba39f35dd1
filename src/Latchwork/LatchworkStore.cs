using System.Diagnostics.CodeAnalysis;
using Latchwork.Storage;

namespace Latchwork;

/// <summary>
/// A place where timers and locks live, and the connection that they share. Create one a process and give it to as many
/// <see cref="DistributedTimer"/>s and <see cref="ProcessLocker"/>s as needed; dispose it after them.
/// </summary>
/// <remarks>The library never chooses a store by itself: tests use <see cref="InMemoryStore"/>, one machine the SQLite store, a cluster the Redis store.</remarks>
public abstract class LatchworkStore : IAsyncDisposable
{
    /// <summary>The timer operations of this store.</summary>
    public abstract ITimerStore Timers { get; }

    /// <summary>The locker operations of this store.</summary>
    public abstract ILockerStore Locks { get; }

    /// <summary>Where the store is, for messages to people: a URI without user name and password.</summary>
    public abstract string Description { get; }

    /// <summary>Timer operations in a transaction of the application; null if this store has no such.</summary>
    [Experimental("LATCHWORK001")]
    public virtual ITimerTransactions? TimerTransactions => null;

    /// <summary>Locker operations in a transaction of the application; null if this store has no such.</summary>
    [Experimental("LATCHWORK001")]
    public virtual ILockerTransactions? LockerTransactions => null;

    /// <summary>Examining and repairing what this store holds, moving namespaces to and from it, and changing their number of partitions; null if it ends with the process.</summary>
    [Experimental("LATCHWORK001")]
    public virtual IStoreMaintenance? Maintenance => null;

    /// <summary>Asks the store whether it answers, and what about it an operator should know. Made for health checks; it may be asked at any time.</summary>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The warnings; empty when all is well. What a store is not allowed to read, it does not warn of.</returns>
    /// <exception cref="LatchworkStoreException">The store does not answer, or cannot be used at all.</exception>
    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public virtual Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default) =>
        Task.FromResult<IReadOnlyList<StoreWarning>>([]);

    /// <summary>How often a connection was made anew after it was lost, since the store was opened. Zero for stores without connections.</summary>
    public virtual long Reconnects => 0;

    /// <summary>Closes the store. Operations still under way fail with <see cref="ObjectDisposedException"/> or <see cref="LatchworkStoreException"/>.</summary>
    /// <returns>A task that ends when everything the store held is released.</returns>
    public abstract ValueTask DisposeAsync();
}
