using Latchwork.Storage;

namespace Latchwork;

/// <summary>The store on Redis 6.2 or later, or Valkey.</summary>
public sealed class RedisStore : LatchworkStore
{
    private RedisStore()
    {
    }

    /// <inheritdoc/>
    public override ITimerStore Timers => throw new NotImplementedException();

    /// <inheritdoc/>
    public override ILockerStore Locks => throw new NotSupportedException("The Redis store has no locker operations yet.");

    /// <inheritdoc/>
    public override string Description => throw new NotImplementedException();

    /// <summary>Connects to a server.</summary>
    /// <param name="connection">A URI (<c>redis://user:password@host:port/database</c>, <c>unix:///path</c>) or a connection string.</param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    /// <returns>The store.</returns>
    /// <exception cref="ArgumentException">The text is not a valid address; what is wrong is named, without the password.</exception>
    /// <exception cref="LatchworkStoreException">The server cannot be reached, refuses, or cannot be worked with.</exception>
    public static Task<RedisStore> ConnectAsync(string connection, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => throw new NotImplementedException();
}
