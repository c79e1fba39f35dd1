using Latchwork.Redis.Connections;

namespace Latchwork.Redis.Tests.Partitioning;

/// <summary>Ends a process in the tests' stead: from its n-th script on, nothing gets through any more.</summary>
/// <param name="inner">The connection.</param>
/// <param name="stopAt">The number of the script; 0: never.</param>
/// <param name="afterEffect">Whether that script still runs, its reply being lost.</param>
internal sealed class StoppingConnection(IRedisConnection inner, int stopAt, bool afterEffect) : IRedisConnection
{
    private int _scripts;

    public string Description => inner.Description;

    /// <summary>Whether it came to that.</summary>
    public bool Happened { get; private set; }

    /// <summary>Called before each script, with its number.</summary>
    public Func<int, Task>? Before { get; init; }

    public ValueTask<RedisReply> EvaluateAsync(
        RedisScript script, ReadOnlySpan<RedisArgument> keys, ReadOnlySpan<RedisArgument> arguments, CancellationToken cancellationToken)
    {
        if (Happened) throw new StoppedException();
        int number = Interlocked.Increment(ref _scripts);
        if (Before is not null) return LaterAsync(number, script, keys.ToArray(), arguments.ToArray(), cancellationToken);
        if (number != stopAt) return inner.EvaluateAsync(script, keys, arguments, cancellationToken);
        Happened = true;
        return afterEffect ? LoseAsync(inner.EvaluateAsync(script, keys, arguments, cancellationToken)) : throw new StoppedException();
    }

    public ValueTask<IAsyncDisposable> SubscribeAsync(
        string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, CancellationToken cancellationToken) =>
        inner.SubscribeAsync(channel, onMessage, onRestored, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private static async ValueTask<RedisReply> LoseAsync(ValueTask<RedisReply> pending)
    {
        await pending;
        throw new StoppedException();
    }

    private async ValueTask<RedisReply> LaterAsync(int number, RedisScript script, RedisArgument[] keys, RedisArgument[] arguments, CancellationToken cancellationToken)
    {
        await Before!(number);
        return await inner.EvaluateAsync(script, keys, arguments, cancellationToken);
    }
}

internal sealed class StoppedException : Exception;
