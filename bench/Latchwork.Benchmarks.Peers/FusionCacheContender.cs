using System.Text.Json.Nodes;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using StackExchange.Redis;
using ZiggyCreatures.Caching.Fusion;
using ZiggyCreatures.Caching.Fusion.Backplane.StackExchangeRedis;
using ZiggyCreatures.Caching.Fusion.Locking.Distributed.Redis;
using ZiggyCreatures.Caching.Fusion.Serialization.SystemTextJson;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>FusionCache with a distributed cache, a backplane and a distributed locker, all on Redis: its protection against stampedes across nodes.</summary>
internal sealed class FusionCacheContender : IContender
{
    private readonly IConnectionMultiplexer _multiplexer;
    private readonly FusionCache _cache;

    private FusionCacheContender(IConnectionMultiplexer multiplexer)
    {
        _multiplexer = multiplexer;
        Task<IConnectionMultiplexer> Connection() => Task.FromResult(_multiplexer);
        _cache = new FusionCache(new FusionCacheOptions { DefaultEntryOptions = new FusionCacheEntryOptions(TimeSpan.FromMinutes(10)) });
        _cache.SetupDistributedCache(new RedisCache(new RedisCacheOptions { ConnectionMultiplexerFactory = Connection }), new FusionCacheSystemTextJsonSerializer());
        _cache.SetupBackplane(new RedisBackplane(new RedisBackplaneOptions { ConnectionMultiplexerFactory = Connection }));
        _cache.SetupDistributedLocker(new RedisDistributedLocker(new RedisDistributedLockerOptions { ConnectionMultiplexerFactory = Connection }));
        var verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>();
        new StampedeCallers(async (key, run) => await _cache.GetOrSetAsync<byte[]>(key, async (_, _) => await run())).AddTo(verbs);
        Verbs = verbs;
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public static async Task<FusionCacheContender> OpenAsync(string store) => new(await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{store}"));

    public async ValueTask DisposeAsync()
    {
        _cache.Dispose();
        await _multiplexer.DisposeAsync();
    }
}
