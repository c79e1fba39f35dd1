using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>One cluster for the classes of the collection; each test has a namespace of its own. Its members are patient, so that none is replaced.</summary>
public sealed class ClusterFixture : StoreFixture, IAsyncLifetime
{
    public RedisCluster Cluster { get; private set; } = null!;

    public override TimeSpan ClockTolerance => TimeSpan.FromMilliseconds(50);

    public override bool LocksNoteTimeWhenSeen => false;

    /// <summary>Fewer than for a single server: the store is the same, and only the way to it is another.</summary>
    public override int ModelSequences => 60;

    /// <summary>The client completes what is asynchronous on the pool.</summary>
    public override bool AnswersWithoutPool => false;

    /// <summary>Subscriptions have a connection of their own, so that a slot that moves cannot mix up the replies to scripts.</summary>
    public override bool OrdersSubscriptions => false;

    public override async Task<LatchworkStore> OpenAsync(TimeProvider? clock) => await ConnectAsync(clock);

    public override async Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => await ConnectAsync(clock, "other:");

    public Task<RedisStore> ConnectAsync(TimeProvider? clock = null, string prefix = RedisOptions.DefaultKeyPrefix, int partitions = 1)
    {
        return RedisStore.ConnectAsync(Cluster.LenientUri, new RedisOptions { TimeProvider = clock, KeyPrefix = prefix, Partitions = partitions });
    }

    public async Task InitializeAsync() => Cluster = await RedisCluster.StartAsync(new() { Replicas = 0, NodeTimeout = TimeSpan.FromMinutes(1) });

    public async Task DisposeAsync() => await Cluster.DisposeAsync();
}

/// <summary>
/// The classes that share a cluster. A collection runs one test after the other, and most of a test is waiting: so there are three clusters, which cost little
/// while they wait.
/// </summary>
[CollectionDefinition(Name)]
public sealed class ClusterCollection : ICollectionFixture<ClusterFixture>
{
    public const string Name = "a cluster";
}

/// <summary>The suites of timers.</summary>
[CollectionDefinition(Name)]
public sealed class ClusterTimers : ICollectionFixture<ClusterFixture>
{
    public const string Name = "a cluster of timers";
}

/// <summary>The suites of lockers and of the engines.</summary>
[CollectionDefinition(Name)]
public sealed class ClusterEngines : ICollectionFixture<ClusterFixture>
{
    public const string Name = "a cluster of engines";
}
