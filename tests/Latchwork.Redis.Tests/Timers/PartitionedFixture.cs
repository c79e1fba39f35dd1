using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>The same store with several partitions; suites about one partition work on one in the middle.</summary>
public sealed class PartitionedFixture : StoreFixture, IAsyncLifetime
{
    public const int Partitions = 5;

    public RedisServer Server { get; private set; } = null!;

    public override TimeSpan ClockTolerance => TimeSpan.FromMilliseconds(50);

    public override bool LocksNoteTimeWhenSeen => false;

    public override int PartitionOfSuites => 3;

    public override int ModelSequences => 40;

    /// <summary>The client completes what is asynchronous on the pool.</summary>
    public override bool AnswersWithoutPool => false;

    public override async Task<LatchworkStore> OpenAsync(TimeProvider? clock) => await ConnectAsync(Server, Partitions, clock);

    public override async Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => await ConnectAsync(Server, 3, clock, "other:");

    public static Task<RedisStore> ConnectAsync(RedisServer server, int partitions, TimeProvider? clock = null, string prefix = RedisOptions.DefaultKeyPrefix)
    {
        return RedisStore.ConnectAsync(server.LenientUri, new RedisOptions { TimeProvider = clock, KeyPrefix = prefix, Partitions = partitions });
    }

    public async Task InitializeAsync() => Server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });

    public async Task DisposeAsync() => await Server.DisposeAsync();
}
