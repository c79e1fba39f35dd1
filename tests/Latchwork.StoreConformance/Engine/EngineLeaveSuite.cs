using System.Diagnostics;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Joining, leaving, crashing and coming back.</summary>
public abstract class EngineLeaveSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    [Fact]
    public async Task What_has_not_begun_is_handed_back_at_once_and_a_running_handler_may_finish()
    {
        var finish = new TaskCompletionSource();
        Node leaving = await JoinAsync((_, _) => finish.Task, o => (o.MaxConcurrency, o.LeaveTimeout, o.ConfirmTimeout) = (1, Seconds(30), Seconds(60)));
        await leaving.Timer.PostAsync([.. Enumerable.Range(0, 5).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}" }))]);
        await leaving.NthAsync(1);
        await Eventually.ReadsAsync(() => leaving.Timer.StatsAsync(), stats => stats.InFlight == 5, "all held");
        Node other = await JoinAsync();

        Task left = leaving.Timer.LeaveAsync();
        (await other.NthAsync(4)).Retries.ShouldBe(0);
        left.IsCompleted.ShouldBeFalse();
        leaving.Timer.IsJoined.ShouldBeFalse();
        finish.SetResult();
        await left;
        await EmptyAsync(other.Timer);
        leaving.Got.Count.ShouldBe(1);
        other.Got.Select(delivery => delivery.Retries).ShouldBe([0, 0, 0, 0]);
        (await other.Timer.NodesAsync()).Select(node => node.NodeId).ShouldBe([other.Timer.NodeId]);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_handler_that_overruns_is_cancelled_and_its_lease_is_left_to_run_out()
    {
        Node leaving = await JoinAsync(
            async (_, stop) => await Task.Delay(Timeout.Infinite, stop), o => (o.LeaveTimeout, o.ConfirmTimeout) = (Ms(50), Seconds(1)));
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        TimerDelivery delivery = await leaving.NthAsync(1);
        await leaving.Timer.LeaveAsync();
        delivery.Stopping.IsCancellationRequested.ShouldBeTrue();
        (await leaving.Timer.PeekAsync("a"))!.State.ShouldBe(TimerState.InFlight);
        Faults.Calls(nameof(Faults.ReleaseAsync)).ShouldBe(0);
        Faults.Calls(nameof(Faults.FailAsync)).ShouldBe(0);

        Node other = await JoinAsync();
        (await other.NthAsync(1)).Retries.ShouldBe(1);
    }

    [Fact]
    public async Task A_handler_that_never_ends_does_not_hold_up_the_leave()
    {
        var never = new TaskCompletionSource();
        Node leaving = await JoinAsync((_, _) => never.Task, o => (o.LeaveTimeout, o.ConfirmTimeout) = (Seconds(60), Seconds(1)));
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        await leaving.NthAsync(1);
        using var cut = new CancellationTokenSource();
        Task left = leaving.Timer.LeaveAsync(cut.Token);
        await cut.CancelAsync();
        await left.WaitAsync(Seconds(20));
        Node other = await JoinAsync();
        (await other.NthAsync(1)).Retries.ShouldBe(1);
        never.SetResult();
    }

    [Fact]
    public async Task What_a_claim_under_way_brings_is_handed_back()
    {
        Node leaving = await JoinAsync(configure: o => o.ConfirmTimeout = Seconds(60));
        await EventuallyAsync(() => Faults.Calls(nameof(Faults.ClaimAsync)) >= 1, "the first claim");
        TaskCompletionSource hold = Faults.Hold(nameof(Faults.ClaimAsync));
        int claims = Faults.Calls(nameof(Faults.ClaimAsync));
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await EventuallyAsync(() => Faults.Calls(nameof(Faults.ClaimAsync)) > claims, "a claim under way");
        await Eventually.ReadsAsync(() => leaving.Timer.StatsAsync(), stats => stats.InFlight == 1, "claimed");

        Task left = leaving.Timer.LeaveAsync();
        Faults.Release(nameof(Faults.ClaimAsync));
        hold.SetResult();
        await left;
        TimerSnapshot back = (await leaving.Timer.PeekAsync("a"))!;
        (back.State, back.Retries).ShouldBe((TimerState.Scheduled, 0));
        leaving.Got.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_lost_claim_is_asked_for_again_on_leave_so_that_nothing_waits_for_its_lease()
    {
        Node leaving = await JoinAsync(configure: o => o.ConfirmTimeout = Seconds(60));
        Faults.Fail(nameof(Faults.ClaimAsync), Fault.ReplyLost);
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await EventuallyAsync(() => !Errors.IsEmpty, "the lost reply");
        await leaving.Timer.LeaveAsync();
        if (leaving.Got.IsEmpty) (await leaving.Timer.PeekAsync("a"))!.State.ShouldBe(TimerState.Scheduled);
    }

    [Fact]
    public async Task Leaving_a_store_that_does_not_answer_ends_all_the_same()
    {
        Node leaving = await JoinAsync();
        foreach (string operation in (string[])["ClaimAsync", "ConfirmAsync", "ExtendAsync", "ReleaseAsync", "LeaveAsync"]) Faults.Hold(operation);
        await leaving.Timer.PostAsync(1, TimeSpan.Zero);
        long start = Stopwatch.GetTimestamp();
        await leaving.Timer.LeaveAsync().WaitAsync(Seconds(20));
        Stopwatch.GetElapsedTime(start).ShouldBeLessThan(Seconds(20));
        foreach (string operation in (string[])["ClaimAsync", "ConfirmAsync", "ExtendAsync", "ReleaseAsync", "LeaveAsync"]) Faults.Release(operation);
    }

    [Fact]
    public async Task A_timer_can_join_again_and_only_once_at_a_time()
    {
        Node node = await JoinAsync();
        await Should.ThrowAsync<InvalidOperationException>(() => node.Timer.JoinAsync(node.HandleAsync));
        for (int i = 1; i <= 3; i++)
        {
            await node.Timer.PostAsync(1, TimeSpan.Zero);
            await node.NthAsync(i);
            await node.Timer.LeaveAsync();
            await node.Timer.LeaveAsync();
            node.Timer.IsJoined.ShouldBeFalse();
            await node.Timer.JoinAsync(node.HandleAsync);
            node.Timer.IsJoined.ShouldBeTrue();
        }
    }

    [Fact]
    public async Task A_disposed_timer_refuses_everything()
    {
        Node node = await JoinAsync();
        await node.Timer.DisposeAsync();
        await node.Timer.DisposeAsync();
        await Should.ThrowAsync<ObjectDisposedException>(async () => await node.Timer.PostAsync(1, Seconds(1)));
        await Should.ThrowAsync<ObjectDisposedException>(async () => await node.Timer.JoinAsync(node.HandleAsync));
        await Should.ThrowAsync<ObjectDisposedException>(async () => await node.Timer.PeekAsync("a"));
    }

    [Fact]
    public async Task What_a_crashed_node_held_is_delivered_again_when_its_lease_has_run_out()
    {
        var never = new TaskCompletionSource();
        Node crashing = await JoinAsync((_, _) => never.Task, o => (o.ConfirmTimeout, o.MaxConcurrency) = (Ms(500), 1));
        Node other = await JoinAsync(configure: o => o.ConfirmTimeout = Ms(500));
        await other.Timer.LeaveAsync();
        await crashing.Timer.PostAsync([.. Enumerable.Range(0, 3).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}", MaxRetries = 1 }))]);
        await Eventually.ReadsAsync(() => crashing.Timer.StatsAsync(), stats => stats.InFlight == 3, "all held");
        await other.Timer.JoinAsync(other.HandleAsync);
        crashing.Timer.Abandon();
        crashing.Timer.IsJoined.ShouldBeFalse();
        await other.NthAsync(3);
        await EmptyAsync(other.Timer);
        other.Ids.Order().ShouldBe(["0", "1", "2"]);
        other.Got.ShouldAllBe(delivery => delivery.Retries == 1);
        never.SetResult();
    }
}
