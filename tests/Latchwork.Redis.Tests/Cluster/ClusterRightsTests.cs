using Latchwork.Redis.Tests.Connecting;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>The user of docs/redis.md with its additions for a cluster, both taken from there word for word.</summary>
public sealed class ClusterRightsTests
{
    [Fact]
    public async Task The_documented_user_can_do_everything_and_is_never_denied_anything()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { NodeTimeout = TimeSpan.FromMinutes(1) });
        foreach (RedisServer server in cluster.Servers)
        {
            (await server.CommandAsync(LeastRightsTests.Line())).ShouldBe("OK");
            IEnumerable<string> more = LeastRightsTests.Line("ACL SETUSER latchwork +");
            if ((await server.VersionAsync()).Major < 7) more = more.Except(["+ssubscribe", "+sunsubscribe", "+spublish"]); // It does not know them.
            (await server.CommandAsync([.. more])).ShouldBe("OK");
        }

        await using RedisStore store = await RedisStore.ConnectAsync(cluster.LenientUri.Replace("//", "//latchwork:SECRET@", StringComparison.Ordinal) + "&partitions=3");
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

            int slot = HashSlot.Of(new RedisKeys("lw:").Of(new TimerPartition("orders", 0)).ChannelPrefix);
            RedisServer source = await cluster.OwnerOfAsync(slot);
            RedisServer target = cluster.Servers.Take(3).First(server => server != source);
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
            (await server.CommandAsUserAsync("latchwork", "SECRET", "CLUSTER", "FAILOVER")).ShouldContain("no permissions");
        }
    }

    [Fact]
    public async Task A_right_without_which_the_slots_are_not_known_is_named_when_it_is_missing()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Replicas = 0, NodeTimeout = TimeSpan.FromMinutes(1) });
        foreach (RedisServer server in cluster.Servers) (await server.CommandAsync([.. LeastRightsTests.Line(), "-cluster|nodes", "-cluster|slots"])).ShouldBe("OK");
        Check(await Should.ThrowAsync<LatchworkStoreException>(() => ConnectAsync(cluster)));
    }

    [Fact]
    public async Task A_right_that_only_a_cluster_needs_is_named_when_it_is_missing()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Replicas = 0, NodeTimeout = TimeSpan.FromMinutes(1) });
        foreach (RedisServer server in cluster.Servers) (await server.CommandAsync(LeastRightsTests.Line())).ShouldBe("OK");
        Check(await Should.ThrowAsync<LatchworkStoreException>(async () =>
        {
            await using RedisStore store = await ConnectAsync(cluster);
            await using var timer = new DistributedTimer(store, new() { Namespace = "orders" });
            await timer.JoinAsync((_, _) => Task.CompletedTask);
        }));
    }

    private static Task<RedisStore> ConnectAsync(RedisCluster cluster) => RedisStore.ConnectAsync(cluster.LenientUri.Replace("//", "//latchwork:SECRET@", StringComparison.Ordinal));

    private static void Check(LatchworkStoreException error)
    {
        error.Message.ShouldContain("ACL");
        error.ToString().ShouldNotContain("SECRET");
        error.IsTransient.ShouldBeFalse();
    }
}
