using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using StackExchange.Redis;

namespace Latchwork.Redis.Tests.Partitioning;

/// <summary>Ends a process in the tests' stead: from its n-th script on, nothing gets through any more.</summary>
/// <param name="inner">The connection.</param>
/// <param name="stopAt">The number of the script; 0: never.</param>
/// <param name="afterEffect">Whether that script still runs, its reply being lost.</param>
internal sealed class StoppingConnection(IRedisConnection inner, int stopAt, bool afterEffect) : PassingConnection(inner)
{
    private int _scripts;

    /// <summary>Whether it came to that.</summary>
    public bool Happened { get; private set; }

    /// <summary>Called before each script, with its number.</summary>
    public Func<int, Task>? Before { get; init; }

    public override ValueTask<RedisReply> EvaluateAsync(RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        if (Happened) throw new StoppedException();
        int number = Interlocked.Increment(ref _scripts);
        if (Before is not null) return LaterAsync(number, script, keys, arguments, cancellationToken);
        if (number != stopAt) return base.EvaluateAsync(script, keys, arguments, cancellationToken);
        Happened = true;
        return afterEffect ? LoseAsync(base.EvaluateAsync(script, keys, arguments, cancellationToken)) : throw new StoppedException();
    }

    private static async ValueTask<RedisReply> LoseAsync(ValueTask<RedisReply> pending)
    {
        await pending;
        throw new StoppedException();
    }

    private async ValueTask<RedisReply> LaterAsync(int number, RedisScript script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken)
    {
        await Before!(number);
        return await base.EvaluateAsync(script, keys, arguments, cancellationToken);
    }
}

internal sealed class StoppedException : Exception;
