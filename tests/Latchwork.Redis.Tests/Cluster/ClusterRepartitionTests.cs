using System.Text;
using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Changing the number of partitions and examining them where they are on several servers.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterRepartitionTests(ClusterFixture fixture)
{
    [Fact]
    public async Task A_namespace_is_repartitioned_and_examined_over_all_servers()
    {
        string ns = $"re-{Guid.NewGuid():N}";
        await using RedisStore one = await fixture.ConnectAsync(), twelve = await fixture.ConnectAsync(partitions: 12), five = await fixture.ConnectAsync(partitions: 5);
        await using (var timer = new DistributedTimer(one, new() { Namespace = ns }))
            await timer.PostAsync([.. Enumerable.Range(0, 300).Select(i => new TimerPost(Encoding.UTF8.GetBytes($"{i}"), TimeSpan.FromHours(1), new() { Id = $"id{i}" }))]);

        (await one.Maintenance.RepartitionAsync(ns, 12, null, default)).ShouldNotBeNull().Obstacle.ShouldBeNull();
        await using (var timer = new DistributedTimer(twelve, new() { Namespace = ns }))
        {
            (await timer.GetStatsAsync()).Scheduled.ShouldBe(300);
            (await timer.UpcomingAsync().ToListAsync()).Select(e => e.Id).Order().ShouldBe(Enumerable.Range(0, 300).Select(i => $"id{i}").Order());
            await twelve.Timers.PostAsync(new(ns, Home("stray", 12) == 3 ? 4 : 3), [new("stray", TimeSpan.FromHours(1), "x"u8.ToArray(), 0, IfExists.Fail, null, false)], default);
            StoreFinding stray = (await twelve.Maintenance.ExamineAsync(ns, true, default).ToListAsync()).ShouldHaveSingleItem();
            (stray.Problem, stray.IsRepaired).ShouldBe((StoreProblem.WrongPartition, true));
            (await timer.PeekAsync("stray")).ShouldNotBeNull();
        }

        (await one.Maintenance.RepartitionAsync(ns, 5, null, default)).ShouldNotBeNull().Obstacle.ShouldBeNull();
        (await five.Maintenance.ExamineAsync(ns, false, default).ToListAsync()).ShouldBeEmpty();
        await using (var timer = new DistributedTimer(five, new() { Namespace = ns })) (await timer.GetStatsAsync()).Scheduled.ShouldBe(301);
    }

    private static int Home(string id, int partitions) => TimerPartition.Of("", id, partitions).Index;
}
