using System.Security.Cryptography;

namespace Latchwork.Redis.Multiplexing;

/// <summary>A Lua script and the hash by which the server knows it.</summary>
internal sealed class RedisScript
{
    private const string Publish = "'PUBLISH'";
    private RedisScript? _inCluster;

    /// <param name="name">Its name, for messages.</param>
    /// <param name="source">Its text.</param>
    public RedisScript(string name, string source)
    {
        Name = name;
        Source = source;
#pragma warning disable CA5350 // Redis names scripts by SHA-1; nothing here is a secret.
        Hash = SHA1.HashData(Encoding.UTF8.GetBytes(source));
#pragma warning restore CA5350
    }

    /// <summary>
    /// The same for a member of a cluster, where messages go through sharded channels if the server has them (from Redis 7 on). The script asks
    /// for that itself when it runs, so that while servers are upgraded each does what its own subscribers expect.
    /// </summary>
    public RedisScript InCluster => _inCluster ??= Source.Contains(Publish, StringComparison.Ordinal)
        ? new RedisScript(Name, Source.Replace(Publish, "redis.REDIS_VERSION_NUM and 'SPUBLISH' or 'PUBLISH'", StringComparison.Ordinal))
        : this;

    /// <summary>Its name, for messages.</summary>
    public string Name { get; }

    /// <summary>Its text.</summary>
    public string Source { get; }

    /// <summary>The SHA-1 of its text: 20 bytes.</summary>
    public byte[] Hash { get; }

    /// <summary>The same in lower-case hexadecimal digits.</summary>
    public string Sha1 => Convert.ToHexStringLower(Hash);
}
