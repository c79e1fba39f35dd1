using Latchwork.StoreConformance.Support;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>One server and one connection of the application for all tests of a class; each test has a store of its own on them.</summary>
public sealed class SharedFixture : StoreFixture, IAsyncLifetime
{
    private RedisServer _server = null!;
    private ConnectionMultiplexer _multiplexer = null!;

    /// <summary>The store notes its time every 50 ms.</summary>
    public override TimeSpan ClockTolerance => TimeSpan.FromMilliseconds(50);

    /// <summary>Scripts that only read write nothing.</summary>
    public override bool LocksNoteTimeWhenSeen => false;

    /// <summary>Subscriptions have a connection of their own.</summary>
    public override bool OrdersSubscriptions => false;

    /// <summary>The same scripts as over connections of the store's own, so fewer will do.</summary>
    public override int ModelSequences => 100;

    public override Task<LatchworkStore> OpenAsync(TimeProvider? clock) => Open(clock, RedisOptions.DefaultKeyPrefix);

    public override Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => Open(clock, "other:");

    public async Task InitializeAsync()
    {
        _server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });
        _multiplexer = await ConnectionMultiplexer.ConnectAsync($"!{_server.UnixSocketPath},connectTimeout=60000");
    }

    public async Task DisposeAsync()
    {
        await _multiplexer.DisposeAsync();
        await _server.DisposeAsync();
    }

    private Task<LatchworkStore> Open(TimeProvider? clock, string prefix) =>
        Task.FromResult<LatchworkStore>(RedisStore.Create(_multiplexer, new RedisOptions { TimeProvider = clock, KeyPrefix = prefix, CommandTimeout = TimeSpan.FromMinutes(2) }));
}
