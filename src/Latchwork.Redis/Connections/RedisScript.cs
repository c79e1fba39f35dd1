using System.Security.Cryptography;

namespace Latchwork.Redis.Connections;

/// <summary>A Lua script and the hash by which the server knows it.</summary>
internal sealed class RedisScript(string name, string source)
{
    private const string Publish = "'PUBLISH'";
    private RedisScript? _inCluster;

    /// <summary>
    /// The same for a member of a cluster, where messages go through sharded channels if the server has them (from Redis 7 on). The script asks
    /// for that itself when it runs, so that while servers are upgraded each does what its own subscribers expect.
    /// </summary>
    public RedisScript InCluster => _inCluster ??= Source.Contains(Publish, StringComparison.Ordinal)
        ? new RedisScript(Name, Source.Replace(Publish, "redis.REDIS_VERSION_NUM and 'SPUBLISH' or 'PUBLISH'", StringComparison.Ordinal))
        : this;

    public string Name { get; } = name;
    public string Source { get; } = source;

    /// <summary>The SHA-1 of its text: 20 bytes.</summary>
#pragma warning disable CA5350 // Redis names scripts by SHA-1; nothing here is a secret.
    public byte[] Hash { get; } = SHA1.HashData(Encoding.UTF8.GetBytes(source));
#pragma warning restore CA5350

    /// <summary>The same in lower-case hexadecimal digits.</summary>
    public string Sha1 => Convert.ToHexStringLower(Hash);
}
