using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Redis.Connections;

/// <summary>
/// What the stores need of a connection to Redis: evaluate a script, and subscribe to a channel. Everything that is sent goes out in the
/// order of the calls on one connection, so a script evaluated after <see cref="SubscribeAsync"/> was called (not awaited) is answered after
/// the subscription took effect.
/// </summary>
[Experimental("LATCHWORK001")]
public interface IRedisConnection : IAsyncDisposable
{
    /// <summary>Where the server is: a URI without user name and password.</summary>
    string Description { get; }

    /// <summary>How often a connection was made anew after it was lost. Zero where that is not known.</summary>
    long Reconnects => 0;

    /// <summary>Evaluates a script by its hash, and loads it when the server does not have it.</summary>
    /// <param name="script">The script.</param>
    /// <param name="keys">The keys that it touches.</param>
    /// <param name="arguments">Its arguments. Keys and arguments are copied before the method returns.</param>
    /// <param name="cancellationToken">Gives up waiting; a script that was sent may still run.</param>
    /// <returns>
    /// The reply. It completes on the connection's own thread, so that no free thread of the pool is needed: continuations must be short, must
    /// not block, and must never be code of a user.
    /// </returns>
    /// <exception cref="RedisServerException">The server answered with an error of the script itself, or one that says nothing of the server's state.</exception>
    /// <exception cref="LatchworkStoreException">
    /// No answer came, or the server refused because of its state or the user's rights (<c>LOADING</c>, <c>READONLY</c>, <c>OOM</c>, <c>NOPERM</c>, …;
    /// the inner exception is then the <see cref="RedisServerException"/>). <see cref="LatchworkStoreException.Outcome"/> says whether the script
    /// may have run.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The connection is closed.</exception>
    ValueTask<RedisReply> EvaluateAsync(RedisScript script, ReadOnlySpan<RedisArgument> keys, ReadOnlySpan<RedisArgument> arguments, CancellationToken cancellationToken);

    /// <summary>Subscribes to a channel, and again after every reconnect.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="onMessage">Called for each message, one at a time, on the connection's thread: it must return at once.</param>
    /// <param name="onRestored">Called after a reconnect, when the subscription is in force again: messages may have been missed.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>Ends the subscription when disposed; that waits for nothing.</returns>
    /// <exception cref="LatchworkStoreException">The server refused, or no answer came; there is no subscription then.</exception>
    /// <exception cref="ObjectDisposedException">The connection is closed.</exception>
    ValueTask<IAsyncDisposable> SubscribeAsync(string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken);
}
