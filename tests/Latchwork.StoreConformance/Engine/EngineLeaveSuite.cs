using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Joining, leaving, crashing and coming back.</summary>
public abstract class EngineLeaveSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    /// <summary>A lease that no wait in small steps can use up.</summary>
    private static readonly TimeSpan _longLease = TimeSpan.FromHours(10);

    [Fact]
    public async Task What_has_not_begun_is_handed_back_at_once_and_a_running_handler_may_finish()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var finish = new TaskCompletionSource();
        Node leaving = await JoinAsync(
            (_, _) => finish.Task, o => (o.MaxConcurrency, o.ShutdownTimeout, o.LeaseDuration) = (1, TimeSpan.FromHours(20), _longLease));
        await WarmUpAsync(leaving);
        await leaving.Timer.PostAsync([.. Enumerable.Range(0, 5).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}", MaxRetries = 1 }))]);
        await leaving.NthAsync(1);
        await Eventually.ReadsAsync(() => leaving.Timer.GetStatsAsync(), stats => stats.InFlight == 5, "all held");
        Node other = await JoinAsync(configure: o => o.LeaseDuration = _longLease);

        Task left = leaving.Timer.LeaveAsync();
        await clock.AdvanceUntilAsync(() => other.Got.Count >= 4, Ms(10), "what has not begun comes to the other");
        left.IsCompleted.ShouldBeFalse();
        leaving.Timer.IsJoined.ShouldBeFalse();
        finish.SetResult();
        await left;
        await EmptyAsync(other.Timer);
        leaving.Got.Count.ShouldBe(1);
        other.Got.Select(delivery => delivery.Retries).ShouldBe([0, 0, 0, 0]);
        (await other.Timer.GetNodesAsync()).Select(node => node.NodeId).ShouldBe([other.Timer.NodeId]);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_token_fires_as_soon_as_the_node_leaves_and_a_handler_that_obeys_is_handed_back_with_no_retry_spent()
    {
        await StopTimeAsync(); // no bound runs out
        Node leaving = await JoinAsync(async (_, cancellationToken) => await Task.Delay(Timeout.Infinite, cancellationToken), o => o.LeaseDuration = _longLease);
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 0 });
        TimerDelivery delivery = await leaving.NthAsync(1);
        (delivery.Stopping.IsCancellationRequested, delivery.StopReason).ShouldBe((false, StopReason.None));
        await leaving.Timer.LeaveAsync().WaitAsync(TestTimeout);
        (delivery.Stopping.IsCancellationRequested, delivery.StopReason).ShouldBe((true, StopReason.NodeLeaving));
        delivery.Lost.IsCancellationRequested.ShouldBeFalse();
        TimerSnapshot back = (await leaving.Timer.PeekAsync("a"))!;
        (back.State, back.Retries, back.Interruptions, back.Failures.Count).ShouldBe((TimerState.Scheduled, 0, 1, 0));

        Node other = await JoinAsync();
        (await other.NthAsync(1)).Retries.ShouldBe(0);
        await EmptyAsync(other.Timer);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Whatever_an_interrupted_handler_throws_spends_no_retry_and_is_reported()
    {
        await StopTimeAsync();
        Node leaving = await JoinAsync(async (_, cancellationToken) =>
        {
            await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new TimeoutException("the connection was closed under it");
        });
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 0 });
        await leaving.NthAsync(1);
        await leaving.Timer.LeaveAsync().WaitAsync(TestTimeout);
        TimerSnapshot back = (await leaving.Timer.PeekAsync("a"))!;
        (back.State, back.Retries, back.Interruptions).ShouldBe((TimerState.Scheduled, 0, 1));
        await EventuallyAsync(() => Errors.Any(e => e.Exception is TimeoutException && e.EventId == "a"), "the exception is reported");
    }

    [Fact]
    public async Task A_handler_may_finish_although_its_token_has_fired_and_is_told_when_there_is_no_time_left()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var finish = new TaskCompletionSource();
        Node leaving = await JoinAsync(
            async (delivery, _) =>
            {
                if (delivery.Id == "finishes") await finish.Task;
                else await Task.Delay(Timeout.Infinite, delivery.Lost);
            },
            o => (o.ShutdownTimeout, o.LeaseDuration) = (Seconds(20), _longLease));
        foreach (string id in (string[])["finishes", "gives up"]) await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = id });
        await leaving.NthAsync(2);
        TimerDelivery givesUp = leaving.Got.Single(delivery => delivery.Id == "gives up");

        Task left = leaving.Timer.LeaveAsync();
        givesUp.Stopping.IsCancellationRequested.ShouldBeTrue();
        finish.SetResult();
        await Eventually.ReadsAsync(() => leaving.Timer.PeekAsync("finishes"), one => one is null, "what finished is confirmed");
        await Eventually.ReadsAsync(() => leaving.Timer.GetNodesAsync(), nodes => nodes.Count == 0, "nobody wakes a node that leaves");
        clock.Advance(Seconds(20) - Ms(1));
        (givesUp.Lost.IsCancellationRequested, left.IsCompleted).ShouldBe((false, false));
        clock.Advance(Ms(1));
        await EventuallyAsync(() => givesUp.Lost.IsCancellationRequested, "there is no time left");
        await left.WaitAsync(TestTimeout); // with no time passing: handed back immediately
        (await leaving.Timer.PeekAsync("gives up"))!.State.ShouldBe(TimerState.Scheduled);
        givesUp.StopReason.ShouldBe(StopReason.NodeLeaving);
        Errors.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task When_the_time_of_the_handlers_is_over_everything_else_has_two_seconds_in_all(bool storeAnswers)
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var never = new TaskCompletionSource();
        Node leaving = await JoinAsync((_, _) => never.Task, o => (o.ShutdownTimeout, o.LeaseDuration) = (Seconds(5), _longLease));
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await leaving.NthAsync(1);
        if (!storeAnswers)
        {
            foreach (string operation in (string[])["ClaimAsync", "ConfirmAsync", "ExtendAsync", "ReleaseAsync", "LeaveAsync"]) Faults.Hold(operation);
        }

        Task left = leaving.Timer.LeaveAsync();
        clock.Advance(Seconds(5) - Ms(1));
        left.IsCompleted.ShouldBeFalse();

        // From here on each step of the clock is taken when the engine waits for it, so that all that passes is seen.
        DateTimeOffset over = clock.GetUtcNow() + Ms(1);
        clock.Advance(Ms(1));
        await clock.AdvanceUntilAsync(() => left.IsCompleted, Ms(4), "it has left");
        await left;
        (clock.GetUtcNow() - over).ShouldBeLessThan(Seconds(3));
        foreach (string operation in (string[])["ClaimAsync", "ConfirmAsync", "ExtendAsync", "ReleaseAsync", "LeaveAsync"]) Faults.Release(operation);
        never.SetResult();
    }

    [Fact]
    public async Task A_handler_that_never_ends_does_not_hold_up_the_leave()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var never = new TaskCompletionSource();
        Node leaving = await JoinAsync((_, _) => never.Task, o => (o.ShutdownTimeout, o.LeaseDuration) = (TimeSpan.FromHours(20), _longLease));
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        await leaving.NthAsync(1);
        using var cut = new CancellationTokenSource();
        Task left = leaving.Timer.LeaveAsync(cut.Token);
        await cut.CancelAsync();
        await clock.AdvanceUntilAsync(() => left.IsCompleted, Ms(20), "it has left");
        await left;
        clock.Advance(_longLease);
        Node other = await JoinAsync();
        (await other.NthAsync(1)).Retries.ShouldBe(1);
        never.SetResult();
    }

    [Fact]
    public async Task What_a_claim_under_way_brings_is_handed_back()
    {
        await StopTimeAsync(); // so that no claim is under way but that for which a notification comes
        Node leaving = await JoinAsync();
        TaskCompletionSource hold = Faults.Hold(nameof(Faults.ClaimAsync));
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await Eventually.ReadsAsync(() => leaving.Timer.GetStatsAsync(), stats => stats.InFlight == 1, "claimed");

        Task left = leaving.Timer.LeaveAsync();
        Faults.Release(nameof(Faults.ClaimAsync));
        hold.SetResult();
        await left;
        TimerSnapshot back = (await leaving.Timer.PeekAsync("a"))!;
        (back.State, back.Retries, back.Interruptions).ShouldBe((TimerState.Scheduled, 0, 0)); // it had not begun
        leaving.Got.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_lost_claim_is_asked_for_again_on_leave_so_that_nothing_waits_for_its_lease()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        Node leaving = await JoinAsync();
        Faults.Fail(nameof(Faults.ClaimAsync), Fault.ReplyLost);
        await leaving.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await EventuallyAsync(() => !Errors.IsEmpty, "the lost reply");
        leaving.Got.ShouldBeEmpty();
        Task left = leaving.Timer.LeaveAsync();
        await clock.AdvanceUntilAsync(() => left.IsCompleted, Ms(1), "it has left");
        await left;
        leaving.Got.ShouldBeEmpty();
        (await leaving.Timer.PeekAsync("a"))!.State.ShouldBe(TimerState.Scheduled);
    }

    [Fact]
    public async Task Leaving_a_store_that_does_not_answer_ends_all_the_same()
    {
        Node leaving = await JoinAsync();
        foreach (string operation in (string[])["ClaimAsync", "ConfirmAsync", "ExtendAsync", "ReleaseAsync", "LeaveAsync"]) Faults.Hold(operation);
        await leaving.Timer.PostAsync(1, TimeSpan.Zero);
        await leaving.Timer.LeaveAsync().WaitAsync(TestTimeout);
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
        ManualTimeProvider clock = await StopTimeAsync();
        var never = new TaskCompletionSource();
        Node crashing = await JoinAsync((_, _) => never.Task, o => (o.LeaseDuration, o.MaxConcurrency) = (Seconds(10), 1));
        await WarmUpAsync(crashing);
        await crashing.Timer.PostAsync([.. Enumerable.Range(0, 3).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}", MaxRetries = 1 }))]);
        await Eventually.ReadsAsync(() => crashing.Timer.GetStatsAsync(), stats => stats.InFlight == 3, "all held");
        Node other = await JoinAsync(configure: o => o.LeaseDuration = _longLease);
        crashing.Timer.Abandon();
        crashing.Timer.IsJoined.ShouldBeFalse();
        await clock.AdvanceUntilAsync(() => other.Got.Count >= 3, Ms(100), "all come to the other");
        await EmptyAsync(other.Timer);
        other.Ids.Order().ShouldBe(["0", "1", "2"]);
        other.Got.ShouldAllBe(delivery => delivery.Retries == 1);
        never.SetResult();
    }
}
