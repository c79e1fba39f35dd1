using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Another number of partitions, each of which is in a slot of its own.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterPartitionsTests(ClusterFixture fixture)
{
    [Fact]
    public async Task A_namespace_goes_from_one_partition_to_twelve_and_back()
    {
        string ns = $"parted-{Guid.NewGuid():N}";
        string[] ids = [.. Enumerable.Range(0, 300).Select(i => $"id-{i:D3}")];
        await using RedisStore whole = await fixture.ConnectAsync();
        await using var before = new DistributedTimer(whole, new() { Namespace = ns });
        await before.PostAsync([.. ids.Select(id => new TimerPost("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = id }))]);

        PartitionChange change = (await whole.Maintenance.RepartitionAsync(ns, 12, null, CancellationToken.None))!;
        (change.From, change.To, change.Obstacle).ShouldBe((1, 12, null));
        await using (RedisStore parted = await fixture.ConnectAsync(partitions: 12))
        {
            await using var after = new DistributedTimer(parted, new() { Namespace = ns });
            (await after.UpcomingAsync().Select(e => e.Id).ToListAsync()).Order().ShouldBe(ids);
            LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
                () => before.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "late" }));
            error.Message.ShouldContain("12");
            error.Outcome.ShouldBe(StoreOutcome.NotApplied);
            (await parted.Maintenance.RepartitionAsync(ns, 1, null, CancellationToken.None))!.Obstacle.ShouldBeNull();
        }

        (await before.UpcomingAsync().Select(e => e.Id).ToListAsync()).Order().ShouldBe(ids);
    }
}
