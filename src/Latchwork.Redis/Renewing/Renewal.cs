namespace Latchwork.Redis.Renewing;

/// <summary>A renewal that waits for its thread. What awaits it goes on on that thread: it must be short, and no code of a user.</summary>
internal sealed class Renewal(RedisScript script, RedisKey[] keys, RedisValue[] arguments, TimeSpan bound) : TaskCompletionSource<RedisReply>
{
    private readonly long _due = Environment.TickCount64 + (long)bound.TotalMilliseconds;

    public RedisScript Script { get; } = script;

    public RedisKey[] Keys { get; } = keys;

    public RedisValue[] Arguments { get; } = arguments;

    /// <summary>How long its reply may take.</summary>
    public TimeSpan Bound { get; } = bound;

    /// <summary>How often it was refused: the server said "not now", or there was no connection.</summary>
    public int Refusals { get; set; }

    /// <summary>Why it was refused the last time.</summary>
    public string? Refusal { get; set; }

    /// <summary>When it may be sent, on the clock of <see cref="Environment.TickCount64"/>.</summary>
    public long NotBefore { get; set; }

    /// <summary>Whether its time was up before it was sent: the engine has asked again, or given up.</summary>
    public bool IsLate => Environment.TickCount64 > _due;
}
