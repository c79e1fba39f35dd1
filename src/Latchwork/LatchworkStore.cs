using Latchwork.Storage;

namespace Latchwork;

/// <summary>
/// A place where timers and locks live, and the connection that they share. Create one a process and give it to as many
/// <see cref="DistributedTimer"/>s and <see cref="ProcessLocker"/>s as needed; dispose it after them.
/// </summary>
/// <remarks>The library never chooses a store by itself: tests use <see cref="InMemoryStore"/>, a cluster the Redis store.</remarks>
public abstract class LatchworkStore : IAsyncDisposable
{
    /// <summary>The timer operations of this store.</summary>
    public abstract ITimerStore Timers { get; }

    /// <summary>The locker operations of this store.</summary>
    public abstract ILockerStore Locks { get; }

    /// <summary>Where the store is, for messages to people: a URI without user name and password.</summary>
    public abstract string Description { get; }

    /// <summary>Closes the store. Operations still under way fail with <see cref="ObjectDisposedException"/> or <see cref="LatchworkStoreException"/>.</summary>
    /// <returns>A task that ends when everything the store held is released.</returns>
    public abstract ValueTask DisposeAsync();
}
