using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>What holds even if every notification is lost: poll slots, and backup wakers.</summary>
public abstract class TimerPollSlotsSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(50)]
    public async Task Idle_listeners_ask_about_once_a_second_in_all(int nodes)
    {
        ListenerSimulation listeners = await JoinAsync(nodes);
        await listeners.RunAsync(Seconds(nodes + 5));
        await listeners.RunAsync(Seconds(60));
        listeners.AsksWithin(Seconds(60)).ShouldBeInRange(50, 75);
        LongestGap(listeners, Seconds(60)).ShouldBeLessThanOrEqualTo(Seconds(2));
    }

    [Fact]
    public async Task Fifty_that_join_at_once_do_not_ask_at_once_again()
    {
        ListenerSimulation listeners = await JoinAsync(50);
        await listeners.RunAsync(Seconds(50));
        listeners.Asks.Count(ask => ask.At > Clock.GetUtcNow() - Seconds(49.9)).ShouldBeInRange(40, 70);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(20)]
    public async Task With_every_notification_lost_each_event_is_found_within_three_seconds(int nodes)
    {
        ListenerSimulation listeners = await JoinAsync(nodes);
        await listeners.RunAsync(Seconds(nodes + 1));
        var random = new Random(nodes);
        for (int i = 0; i < 60; i++)
        {
            await PostAsync($"e{i}", random.Next(4_000));
            await listeners.RunAsync(Ms(random.Next(2_500)));
        }

        await listeners.RunAsync(Seconds(10));
        listeners.Deliveries.Count.ShouldBe(60);
        listeners.Deliveries.Max(d => d.Event.Lateness).ShouldBeLessThanOrEqualTo(Seconds(3));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public async Task An_event_that_is_known_ahead_is_punctual_without_any_notification(int nodes)
    {
        await PostAsync([.. Enumerable.Range(0, 100).Select(i => Entry($"e{i}", 20_000 + i * 37))]);
        ListenerSimulation listeners = await JoinAsync(nodes);
        await listeners.RunAsync(Seconds(40));
        listeners.Deliveries.Count.ShouldBe(100);
        listeners.Deliveries.Max(d => d.Event.Lateness).ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task Dead_nodes_have_no_turns()
    {
        ListenerSimulation listeners = await JoinAsync(31);
        await listeners.RunAsync(Seconds(40));
        for (int i = 1; i <= 30; i++) listeners.Kill($"n{i:D2}");
        await listeners.RunAsync(Seconds(70));

        await listeners.RunAsync(Seconds(60));
        listeners.AsksWithin(Seconds(60)).ShouldBeInRange(50, 75);
        LongestGap(listeners, Seconds(60)).ShouldBeLessThanOrEqualTo(Seconds(3));
    }

    [Fact]
    public async Task When_nodes_come_and_go_the_gaps_stay_short()
    {
        ListenerSimulation listeners = await JoinAsync(6);
        var random = new Random(3);
        for (int i = 0; i < 40; i++)
        {
            await listeners.RunAsync(Seconds(random.Next(1, 8)));
            await listeners.JoinAsync($"more{i}");
            if (i % 2 == 1) await Timers.LeaveAsync(Partition, $"more{i - 1}", CancellationToken.None);
            if (i % 2 == 1) listeners.Kill($"more{i - 1}");
        }

        await listeners.RunAsync(Seconds(60));
        LongestGap(listeners, Seconds(60)).ShouldBeLessThanOrEqualTo(Seconds(3));
        listeners.AsksWithin(Seconds(60)).ShouldBeLessThanOrEqualTo(120);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public async Task What_a_dead_node_holds_is_delivered_within_lease_and_a_second(int nodes)
    {
        await PostAsync([.. Enumerable.Range(0, 10).Select(i => Entry($"e{i}", 5_000, maxRetries: 3))]);
        ListenerSimulation listeners = await JoinAsync(nodes);
        foreach (int i in Enumerable.Range(0, nodes)) listeners.Hoarders.Add($"n{i:D2}");
        while (listeners.Deliveries.Count == 0) await listeners.RunAsync(Ms(10));

        string dead = listeners.Deliveries[0].Node;
        listeners.Kill(dead);
        listeners.Hoarders.Clear();
        int held = listeners.Deliveries.Count;
        await listeners.RunAsync(listeners.Lease + Seconds(1));
        listeners.Deliveries.Skip(held).Select(d => d.Event.Id).ShouldBe(Enumerable.Range(0, 10).Select(i => $"e{i}"), ignoreOrder: true);
        listeners.Deliveries.Skip(held).ShouldAllBe(d => d.Node != dead && d.Event.Retries == 1);
    }

    [Fact]
    public async Task A_primary_that_dies_costs_a_quarter_of_a_second_at_most()
    {
        ListenerSimulation listeners = await JoinAsync(6);
        await listeners.RunAsync(Seconds(7));
        for (int i = 0; i < 4; i++)
        {
            await PostAsync($"e{i}", 10_333); // between the poll slots, which lie at whole seconds
            DateTimeOffset due = Clock.GetUtcNow() + Seconds(10.333);
            await listeners.RunAsync(Seconds(10.3));

            // The primary waker is the one that is to ask exactly at the due time.
            string primary = listeners.NextAsks.Single(pair => pair.Value == due).Key;
            listeners.Kill(primary);
            await listeners.RunAsync(Seconds(1));
            (string node, ClaimedEvent e) = listeners.Deliveries[^1];
            e.Id.ShouldBe($"e{i}");
            node.ShouldNotBe(primary);
            e.Lateness.ShouldBeLessThanOrEqualTo(Ms(250));
        }
    }

    private async Task<ListenerSimulation> JoinAsync(int nodes)
    {
        var listeners = new ListenerSimulation(Timers, Partition, Clock);
        for (int i = 0; i < nodes; i++) await listeners.JoinAsync($"n{i:D2}");
        return listeners;
    }

    private TimeSpan LongestGap(ListenerSimulation listeners, TimeSpan within)
    {
        DateTimeOffset[] asks = [.. listeners.Asks.Select(ask => ask.At).Where(at => at > Clock.GetUtcNow() - within), Clock.GetUtcNow()];
        return asks.Zip(asks.Skip(1), (a, b) => b - a).Max();
    }
}
