using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>The history as the engine asks for it: of what its own node confirms.</summary>
public abstract class EngineCompletedSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    private static void Keep(TimerOptions options) => options.CompletedRetention = TimeSpan.FromDays(1);

    [Theory]
    [InlineData(Confirmation.AfterHandler, CompletedOutcome.Succeeded)]
    [InlineData(Confirmation.OnDelivery, CompletedOutcome.Delivered)]
    [InlineData(Confirmation.Manual, CompletedOutcome.Succeeded)]
    public async Task What_a_node_confirms_is_listed_and_shown(Confirmation confirmation, CompletedOutcome outcome)
    {
        Node node = await JoinAsync(
            (delivery, _) => confirmation == Confirmation.Manual ? delivery.ConfirmAsync() : Task.CompletedTask,
            options =>
            {
                Keep(options);
                options.Confirmation = confirmation;
                options.NodeId = "here";
            });
        DistributedTimer poster = NewTimer();
        await poster.PostAsync("value", TimeSpan.Zero, new() { Id = "a" });
        await node.NthAsync(1);
        await EmptyAsync(poster);

        TimerSnapshot line = (await ReadAsync(poster.CompletedAsync())).ShouldHaveSingleItem();
        (line.Id, line.State, line.NodeId, line.Outcome).ShouldBe(("a", TimerState.Completed, "here", outcome));
        line.CompletedAt!.Value.ShouldBeGreaterThanOrEqualTo(line.ClaimedAt!.Value);
        (await poster.PeekAsync("a"))!.State.ShouldBe(TimerState.Completed);
        (await poster.CancelAsync("a")).ShouldBe(TimerOutcome.NotFound);
        (await poster.ChangeDelayAsync("a", TimeSpan.Zero)).ShouldBe(TimerOutcome.NotFound);
    }

    [Fact]
    public async Task By_default_nothing_is_kept()
    {
        Node node = await JoinAsync();
        await node.Timer.PostAsync("value", TimeSpan.Zero, new() { Id = "a" });
        await node.NthAsync(1);
        await EmptyAsync(node.Timer);
        (await ReadAsync(node.Timer.CompletedAsync())).ShouldBeEmpty();
        (await node.Timer.PeekAsync("a")).ShouldBeNull();
        Faults.Claims.ShouldAllBe(claim => !claim.Completed.Keeps);
    }

    [Fact]
    public async Task What_was_received_counts_as_handled_when_it_is_confirmed_whatever_the_timer_does_with_handlers()
    {
        DistributedTimer timer = NewTimer(options =>
        {
            Keep(options);
            options.Confirmation = Confirmation.OnDelivery;
        });
        await timer.PostAsync("value", TimeSpan.Zero, new() { Id = "a" });
        await (await timer.ReceiveAsync(10, TestTimeout)).ShouldHaveSingleItem().ConfirmAsync();
        (await ReadAsync(timer.CompletedAsync())).ShouldHaveSingleItem().Outcome.ShouldBe(CompletedOutcome.Succeeded);
    }

    [Fact]
    public async Task Several_partitions_are_merged_into_one_order_and_each_keeps_its_share()
    {
        Faults.Partitions = 3;
        DistributedTimer timer = NewTimer(options =>
        {
            Keep(options);
            options.MaxEvents = 7;
        });
        await timer.PostAsync([.. Enumerable.Range(0, 90).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}" }))]);
        await timer.JoinAsync((_, _) => Task.CompletedTask);
        await EmptyAsync(timer);

        List<TimerSnapshot> all = await ReadAsync(timer.CompletedAsync());
        all.Select(line => line.Id).Order().ShouldBe(Enumerable.Range(0, 90).Select(i => $"{i}").Order());
        all.Select(line => line.CompletedAt).ShouldBe(all.Select(line => line.CompletedAt).OrderDescending());
        (await ReadAsync(timer.CompletedAsync(limit: 40))).Select(line => line.Id).ShouldBe(all.Take(40).Select(line => line.Id));
        (await ReadAsync(timer.CompletedAsync(limit: 0))).ShouldBeEmpty();
        Faults.Claims.ShouldAllBe(claim => claim.Completed.MaxCount == 3_334);
    }

    [Fact]
    public async Task A_namespace_that_was_never_used_has_no_history_and_is_not_made()
    {
        DistributedTimer timer = NewTimer();
        (await ReadAsync(timer.CompletedAsync())).ShouldBeEmpty();
        (await Store.Timers.NamespacesAsync(CancellationToken.None)).ShouldNotContain(Namespace);
        Should.Throw<ArgumentOutOfRangeException>(() => timer.CompletedAsync(limit: -1)).Message.ShouldContain("it is -1");
    }

    private static async Task<List<TimerSnapshot>> ReadAsync(IAsyncEnumerable<TimerSnapshot> listing)
    {
        var all = new List<TimerSnapshot>();
        await foreach (TimerSnapshot item in listing) all.Add(item);
        return all;
    }
}
