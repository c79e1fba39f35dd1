using Latchwork.Redis.Connections.Cluster;
using Latchwork.Redis.Tests.Connecting;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>The user of docs/redis.md with the additions of docs/cluster.md, both taken from there word for word.</summary>
public sealed class ClusterRightsTests
{
    [Fact]
    public async Task The_documented_user_can_do_everything_and_is_never_denied_anything()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Replicas = 0, NodeTimeout = TimeSpan.FromMinutes(1) });
        foreach (RedisServer server in cluster.Servers)
        {
            (await server.CommandAsync(LeastRightsTests.Line())).ShouldBe("OK");
            (await server.CommandAsync(LeastRightsTests.Line("cluster.md"))).ShouldBe("OK");
        }

        await using RedisStore store = await RedisStore.ConnectAsync(cluster.PatientUri.Replace("//", "//latchwork:SECRET@", StringComparison.Ordinal) + "&partitions=3");
        await using (var timer = new DistributedTimer(store, new() { Namespace = "orders" }))
        {
            int count = 0;
            await timer.JoinAsync((_, _) =>
            {
                Interlocked.Increment(ref count);
                return Task.CompletedTask;
            });
            for (int i = 0; i < 30; i++) await timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}" });
            await Eventually.HoldsAsync(() => Volatile.Read(ref count) == 30, "all are delivered");

            int slot = HashSlot.Of(new RedisKeys("lw:").Of(new TimerPartition("orders", 0)).BellPrefix);
            RedisServer source = await cluster.OwnerOfAsync(slot);
            RedisServer target = cluster.Servers.First(server => server != source);
            await cluster.BeginMoveAsync(slot, target);
            await RedisCluster.MoveKeysAsync(slot, source, target, int.MaxValue);
            Task<PostResult> during = timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "during" });
            await cluster.EndMoveAsync(slot, source, target);
            await during;
            for (int i = 30; i < 60; i++) await timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}" });
            await Eventually.HoldsAsync(() => Volatile.Read(ref count) == 61, "all are delivered");
        }

        await using (var locker = new ProcessLocker(store))
        {
            (await locker.RunOnceAsync("key", (_, _) => Task.FromResult("done"), new() { ResultTimeout = TimeSpan.FromMinutes(1) })).ShouldBe("done");
            await using (await locker.AcquireAsync("other")) (await locker.ListAsync().ToListAsync()).ShouldNotBeEmpty();
            await locker.ForgetAsync("key");
        }

        foreach (RedisServer server in cluster.Servers)
        {
            (await server.CommandAsync("ACL", "LOG")).ShouldBe("", "nothing was denied");
            (await server.CommandAsync("ACL", "DRYRUN", "latchwork", "CLUSTER", "FAILOVER")).ShouldContain("no permissions");
        }
    }

    [Fact]
    public async Task A_right_that_only_a_cluster_needs_is_named_when_it_is_missing()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Replicas = 0, NodeTimeout = TimeSpan.FromMinutes(1) });
        foreach (RedisServer server in cluster.Servers) await server.CommandAsync(LeastRightsTests.Line());
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => RedisStore.ConnectAsync(cluster.PatientUri.Replace("//", "//latchwork:SECRET@", StringComparison.Ordinal)));
        error.Message.ShouldContain("ACL");
        error.Message.ShouldNotContain("SECRET");
        error.IsTransient.ShouldBeFalse();
    }
}
