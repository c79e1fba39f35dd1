using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>The cluster that the other tests rely on does what they think it does.</summary>
public sealed class RedisClusterTests
{
    [Fact]
    public async Task A_slot_is_moved_step_by_step()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { NodeTimeout = TimeSpan.FromMinutes(1) });
        int slot = await cluster.SlotOfAsync("{a}");
        RedisServer owner = await cluster.OwnerOfAsync(slot);
        RedisServer target = (await cluster.PrimariesAsync()).First(server => server != owner);
        await owner.CommandAsync("MSET", "{a}1", "one", "{a}2", "two");

        RedisServer source = await cluster.BeginMoveAsync(slot, target);
        source.ShouldBe(owner);
        await RedisCluster.MoveKeysAsync(source, target, "{a}1");
        (await source.CommandAsync("GET", "{a}1")).ShouldStartWith($"ASK {slot} ");
        // Before Redis 7 it sends to the new owner even what this one must refuse.
        (await source.CommandAsync("MGET", "{a}1", "{a}2")).ShouldStartWith((await source.VersionAsync()).Major < 7 ? $"ASK {slot} " : "TRYAGAIN");
        (await source.CommandAsync("GET", "{a}2")).ShouldBe("two");

        (await RedisCluster.MoveKeysAsync(slot, source, target, int.MaxValue)).ShouldBe(1);
        await cluster.EndMoveAsync(slot, source, target);
        await cluster.AgreementAsync(slot, target);
        (await target.CommandAsync("MGET", "{a}1", "{a}2")).ShouldBe("one\ntwo");
        (await source.CommandAsync("GET", "{a}2")).ShouldStartWith($"MOVED {slot} ");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_replica_takes_over_from_a_primary_that_is_gone(bool isFrozen)
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        (await cluster.PrimariesAsync()).ShouldBe(cluster.Servers.Take(3));
        RedisServer old = cluster.Servers[1];
        RedisServer replica = await cluster.ReplicaOfAsync(old);
        if (isFrozen)
            old.Freeze();
        else
            old.Kill();
        (await cluster.NewOwnerAsync(8191, old)).ShouldBe(replica);

        if (isFrozen)
            old.Resume();
        else
            await old.StartAgainAsync();
        await cluster.AgreementAsync(8191, replica);
        await Eventually.ReadsAsync(() => old.CommandAsync("ROLE"), role => role.StartsWith("slave", StringComparison.Ordinal), "it follows the new primary");
    }
}
