using System.Text.Json.Nodes;
using RedLockNet;
using RedLockNet.SERedis;
using RedLockNet.SERedis.Configuration;
using StackExchange.Redis;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>RedLock.net on one server, with the times of its documentation: it expires after 30 s and is extended, and waiters try again every second.</summary>
internal sealed class RedLockContender : IContender
{
    private static readonly TimeSpan _expiry = TimeSpan.FromSeconds(30), _wait = TimeSpan.FromMinutes(2), _retry = TimeSpan.FromSeconds(1);
    private readonly ConnectionMultiplexer _multiplexer;
    private readonly RedLockFactory _factory;

    private RedLockContender(ConnectionMultiplexer multiplexer)
    {
        _multiplexer = multiplexer;
        _factory = RedLockFactory.Create([new RedLockMultiplexer(multiplexer)]);
        var verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>();
        new LockCallers(async key =>
        {
            IRedLock acquired = await _factory.CreateLockAsync(key, _expiry, _wait, _retry);
            return acquired.IsAcquired ? acquired : throw new InvalidOperationException($"The key was not acquired: {acquired.Status}.");
        }).AddTo(verbs);
        Verbs = verbs;
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public static async Task<RedLockContender> OpenAsync(string store) => new(await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{store}"));

    public async ValueTask DisposeAsync()
    {
        _factory.Dispose();
        await _multiplexer.DisposeAsync();
    }
}
