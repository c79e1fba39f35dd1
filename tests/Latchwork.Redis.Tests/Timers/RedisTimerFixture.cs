using System.Globalization;
using Latchwork.StoreConformance.Support;
using Xunit;

// Most of a test's time is waiting. What measures, counts or blocks the thread pool is in collections that run alone.
[assembly: CollectionBehavior(MaxParallelThreads = 6)]
[assembly: TestCollectionOrderer(LongestFirst.Name, LongestFirst.Assembly)]

namespace Latchwork.Redis.Tests.Timers;

/// <summary>One server for all tests of a class; each test has a namespace of its own.</summary>
public sealed class RedisTimerFixture : StoreFixture, IAsyncLifetime
{
    public RedisServer Server { get; private set; } = null!;

    /// <summary>The store notes its time every 50 ms.</summary>
    public override TimeSpan ClockTolerance => TimeSpan.FromMilliseconds(50);

    /// <summary>Scripts that only read write nothing.</summary>
    public override bool LocksNoteTimeWhenSeen => false;

    /// <summary>The client completes what is asynchronous on the pool.</summary>
    public override bool AnswersWithoutPool => false;

    public override async Task<long> OutcomeBytesAsync(LatchworkStore store, string ns) => long.Parse(
        await Server.CommandAsync(
            "EVAL",
            "local sum = 0 for _, key in ipairs(redis.call('KEYS', ARGV[1])) do sum = sum + redis.call('STRLEN', key) end return sum",
            "0",
            $"{RedisOptions.DefaultKeyPrefix}{{l:{ns}:*:data"),
        CultureInfo.InvariantCulture);

    public override async Task<LatchworkStore> OpenAsync(TimeProvider? clock) => await ConnectAsync(Server, clock);

    public override async Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => await ConnectAsync(Server, clock, "other:");

    public static Task<RedisStore> ConnectAsync(RedisServer server, TimeProvider? clock = null, string prefix = RedisOptions.DefaultKeyPrefix)
    {
        return RedisStore.ConnectAsync(server.LenientUri, new RedisOptions { TimeProvider = clock, KeyPrefix = prefix });
    }

    public async Task InitializeAsync() => Server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });

    public async Task DisposeAsync() => await Server.DisposeAsync();
}
