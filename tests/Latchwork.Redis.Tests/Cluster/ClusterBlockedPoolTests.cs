using System.Diagnostics;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Connections.Cluster;
using Latchwork.Redis.Tests.Connections;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Following slots and waiting for them needs no free thread of the pool.</summary>
[Collection(BlockedPoolAlone.Name)]
public sealed class ClusterBlockedPoolTests(ClusterFixture fixture) : IClassFixture<ClusterFixture>
{
    private static readonly RedisScript _both = new("both", "return redis.call('INCR', KEYS[1]) + redis.call('INCR', KEYS[2])");

    [Fact]
    public async Task Scripts_and_subscriptions_follow_a_slot_while_the_pool_is_blocked()
    {
        RedisCluster cluster = fixture.Cluster;
        await using ClusterConnection connection = await ClusterConnection.ConnectAsync(RedisOptions.Parse(cluster.PatientUri), CancellationToken.None);
        string tag = $"{{{Guid.NewGuid():N}}}";
        (string one, string two) = (tag + "1", tag + "2");
        int slot = await cluster.SlotOfAsync(tag);
        RedisServer source = await cluster.OwnerOfAsync(slot);
        RedisServer target = cluster.Servers.First(server => server != source);
        string targetId = await target.CommandAsync("CLUSTER", "MYID");
        using var restored = new ManualResetEventSlim();
        await using IAsyncDisposable subscription = await connection.SubscribeAsync(tag + "bell", _ => { }, restored.Set, CancellationToken.None);
        (await connection.EvaluateAsync(_both, [one, two], [], CancellationToken.None)).Number.ShouldBe(2);
        await cluster.BeginMoveAsync(slot, target);
        await RedisCluster.MoveKeysAsync(source, target, one);

        await Task.Factory.StartNew(
            () =>
            {
                using var blockade = new BlockedPool();
                Task<RedisReply> waiting = connection.EvaluateAsync(_both, [one, two], [], CancellationToken.None).AsTask();
                waiting.Wait(TimeSpan.FromMilliseconds(100)).ShouldBeFalse("half of the keys are elsewhere");
                Cli(source, "MIGRATE", "127.0.0.1", $"{target.Port}", two, "0", "60000").ShouldBe("OK");
                Cli(target, "CLUSTER", "SETSLOT", $"{slot}", "NODE", targetId).ShouldBe("OK");
                Cli(source, "CLUSTER", "SETSLOT", $"{slot}", "NODE", targetId).ShouldBe("OK");
                waiting.Wait(TimeSpan.FromMinutes(1)).ShouldBeTrue("it runs where the keys are now");
                waiting.Result.Number.ShouldBe(4);
                restored.Wait(TimeSpan.FromMinutes(1)).ShouldBeTrue("the subscription is made anew");
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    private static string Cli(RedisServer server, params string[] command)
    {
        using Process cli = Process.Start(new ProcessStartInfo("redis-cli", ["-p", $"{server.Port}", .. command]) { RedirectStandardOutput = true })!;
        string answer = cli.StandardOutput.ReadToEnd();
        cli.WaitForExit();
        return answer.Trim();
    }
}
