using Latchwork.Redis.Tests.Timers;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Partitioning;

/// <summary>Changing the number of partitions takes the history along.</summary>
public sealed class RepartitionHistoryTests(PartitionedFixture fixture) : IClassFixture<PartitionedFixture>
{
    [Theory]
    [InlineData(1, 5)]
    [InlineData(5, 2)]
    [InlineData(7, 1)]
    public async Task Each_line_is_there_once_and_found_by_its_id(int from, int to)
    {
        const int Count = 500;
        string ns = $"history-{Guid.NewGuid():N}";
        var clock = new ManualTimeProvider();
        await using RedisStore old = await PartitionedFixture.ConnectAsync(fixture.Server, from, clock);
        List<string> before;
        await using (var timer = new DistributedTimer(old, new() { Namespace = ns, CompletedRetention = TimeSpan.FromDays(1), LeaseDuration = TimeSpan.FromHours(1), TimeProvider = clock }))
        {
            await timer.PostAsync([.. Enumerable.Range(0, Count).Select(i => new TimerPost(new byte[1], TimeSpan.Zero, new() { Id = $"e{i}" }))]);
            int left = Count;
            while (left > 0)
            {
                IReadOnlyList<TimerDelivery> some = await timer.ReceiveAsync(100, TimeSpan.Zero);
                await Task.WhenAll(some.Select(delivery => delivery.ConfirmAsync()));
                left -= some.Count;
                clock.Advance(TimeSpan.FromMilliseconds(10));
            }

            before = await LinesAsync(timer);
        }

        before.Count.ShouldBe(Count);
        clock.Advance(TimeSpan.FromMinutes(1));
        foreach (int number in (int[])[to, from, to]) (await old.Maintenance.RepartitionAsync(ns, number, null, default)).ShouldNotBeNull().Obstacle.ShouldBeNull();

        await using RedisStore next = await PartitionedFixture.ConnectAsync(fixture.Server, to, clock);
        await using var after = new DistributedTimer(next, new() { Namespace = ns });
        (await LinesAsync(after)).ShouldBe(before);
        (await after.PeekAsync("e123")).ShouldNotBeNull().State.ShouldBe(TimerState.Completed);
    }

    private static async Task<List<string>> LinesAsync(DistributedTimer timer)
    {
        var lines = new List<string>();
        await foreach (TimerSnapshot line in timer.CompletedAsync()) lines.Add($"{line.Id} due {line.Due:O} claimed {line.ClaimedAt:O} completed {line.CompletedAt:O} on {line.NodeId}");
        return lines;
    }
}
