using System.Text.Json.Nodes;
using Medallion.Threading.Redis;
using StackExchange.Redis;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>DistributedLock.Redis with its defaults: a lock of 30 s that is extended, waiters that poll.</summary>
internal sealed class DistributedLockContender : IContender
{
    private readonly IConnectionMultiplexer _multiplexer;

    private DistributedLockContender(IConnectionMultiplexer multiplexer)
    {
        _multiplexer = multiplexer;
        IDatabase database = multiplexer.GetDatabase();
        var verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>();
        new LockCallers(async key => await new RedisDistributedLock(key, database).AcquireAsync(TimeSpan.FromMinutes(2))).AddTo(verbs);
        Verbs = verbs;
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public static async Task<DistributedLockContender> OpenAsync(string store) => new(await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{store}"));

    public async ValueTask DisposeAsync() => await _multiplexer.DisposeAsync();
}
