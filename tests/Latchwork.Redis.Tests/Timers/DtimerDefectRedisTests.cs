using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>The defect of dtimer that only a store with scripts can have.</summary>
public sealed class DtimerDefectRedisTests
{
    [Fact]
    public async Task Defect_19_After_SCRIPT_FLUSH_a_post_is_stored_and_a_join_listens()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisStore store = await RedisStore.ConnectAsync(server.LenientUri);
        await using var timer = new DistributedTimer(store, new() { Namespace = "flushed" });
        var delivered = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);

        (await timer.PostAsync(new byte[1], TimeSpan.FromHours(1))).Outcome.ShouldBe(PostOutcome.Created);
        await server.CommandAsync("SCRIPT", "FLUSH");
        (await timer.PostAsync(new byte[1], TimeSpan.FromMilliseconds(50), new() { Id = "a" })).Outcome.ShouldBe(PostOutcome.Created);
        await server.CommandAsync("SCRIPT", "FLUSH");
        await timer.JoinAsync((delivery, _) =>
        {
            delivered.TrySetResult(delivery.Id);
            return Task.CompletedTask;
        });

        (await delivered.Task.WaitAsync(TimeSpan.FromSeconds(20))).ShouldBe("a");
        await server.CommandAsync("SCRIPT", "FLUSH");
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => (stats.Scheduled, stats.InFlight, stats.DeadLetters) == (1, 0, 0), "the event is confirmed");
    }
}
