namespace Latchwork.Redis;

/// <summary>The keys of one key of a locker, and the channel of its bell.</summary>
/// <param name="tag">The prefix and the hash tag, with its braces.</param>
/// <param name="seal">The seal of its namespace; null in a cluster, where it would be in another slot, and no namespace of lockers is moved.</param>
internal readonly struct LockerKeys(string tag, RedisKey? seal)
{
    /// <summary>What the name of every lock ends with.</summary>
    public const string LockEnd = "}:lock";

    /// <summary>What the name of that ends with which outlives a lock.</summary>
    public const string LastEnd = "}:last";

    /// <summary>
    /// The keys <c>lock</c>, <c>last</c>, <c>data</c> and <c>seal</c>, in the order in which every script of the locker takes them (see record.lua).
    /// In a cluster, in place of the seal, one that never exists (see <see cref="RedisKeys.Never"/>).
    /// </summary>
    public RedisKey[] All { get; } = [tag + ":lock", tag + ":last", tag + ":data", seal ?? $"{tag}:{RedisKeys.Never}"];

    /// <summary>The channel on which those who wait for the key are rung.</summary>
    public string Bell { get; } = tag + ":bell";
}
