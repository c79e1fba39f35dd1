using System.Collections.Concurrent;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Receiving: callers ask for events, and end the deliveries themselves.</summary>
public abstract partial class EngineReceiveSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    [Fact]
    public async Task What_is_due_is_taken_and_confirmed_and_what_is_not_stays()
    {
        DistributedTimer timer = NewTimer();
        await timer.PostAsync("a", TimeSpan.Zero, new() { Id = "a" });
        await timer.PostAsync("b", Seconds(3600), new() { Id = "b" });

        TimerDelivery delivery = (await timer.ReceiveAsync(10, TimeSpan.Zero)).ShouldHaveSingleItem();
        delivery.Id.ShouldBe("a");
        delivery.Read<string>().ShouldBe("a");
        (await timer.GetStatsAsync()).ShouldSatisfyAllConditions(stats => stats.InFlight.ShouldBe(1), stats => stats.Scheduled.ShouldBe(1));
        (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
        (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.NotFound);
        (await timer.ReceiveAsync(10, TimeSpan.Zero)).ShouldBeEmpty();
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_caller_that_waits_is_given_what_another_node_posts()
    {
        DistributedTimer timer = NewTimer();
        Task<IReadOnlyList<TimerDelivery>> waiting = timer.ReceiveAsync(10, TestTimeout);
        await Eventually.HoldsAsync(() => timer.IsJoined, "it listens");
        waiting.IsCompleted.ShouldBeFalse();
        await NewTimer().PostAsync("x", Ms(200), new() { Id = "x" });
        TimerDelivery delivery = (await waiting).ShouldHaveSingleItem();
        delivery.Id.ShouldBe("x");
        await delivery.ConfirmAsync();
        await EmptyAsync(timer);
    }

    [Fact]
    public async Task Callers_share_what_comes_each_with_what_it_wants_at_most()
    {
        DistributedTimer timer = NewTimer();
        for (int i = 0; i < 30; i++) await timer.PostAsync(i, TimeSpan.Zero, new() { Id = $"{i}" });
        IReadOnlyList<TimerDelivery>[] got = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => timer.ReceiveAsync(5, TestTimeout)));
        got.ShouldAllBe(deliveries => deliveries.Count >= 1 && deliveries.Count <= 5);
        List<TimerDelivery> all = [.. got.SelectMany(deliveries => deliveries)];
        while (await timer.ReceiveAsync(200, TimeSpan.Zero) is { Count: > 0 } more) all.AddRange(more);
        all.Select(delivery => delivery.Id).ShouldBe(Enumerable.Range(0, 30).Select(i => $"{i}"), ignoreOrder: true);
        await Task.WhenAll(all.Select(delivery => delivery.ConfirmAsync()));
        (await timer.GetNodesAsync()).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_caller_that_goes_away_after_the_claim_hands_back_with_no_retry_spent()
    {
        DistributedTimer timer = NewTimer(options => options.MaxRetries = 3);
        var claimed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Faults.AfterClaim = async (_, claim) =>
        {
            if (claim.Events.Count == 0) return;
            claimed.TrySetResult();
            await go.Task;
        };
        using CancellationTokenSource leaves = new();
        Task<IReadOnlyList<TimerDelivery>> waiting = timer.ReceiveAsync(1, TestTimeout, leaves.Token);
        await NewTimer().PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        await claimed.Task.WaitAsync(TestTimeout);
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        Faults.AfterClaim = null;
        go.SetResult();
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats is { Scheduled: 1, InFlight: 0 }, "handed back");

        TimerDelivery delivery = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();
        delivery.Retries.ShouldBe(0);
        await delivery.ConfirmAsync();
    }

    [Fact]
    public async Task A_lease_is_as_long_as_asked_for_and_is_not_extended_unless_the_caller_does()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        DistributedTimer timer = NewTimer(options => options.MaxRetries = 5);
        await timer.PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        TimerDelivery first = (await timer.ReceiveAsync(1, TimeSpan.Zero, Seconds(5))).ShouldHaveSingleItem();
        first.LeaseLeft.ShouldBe(Seconds(5));
        clock.Advance(Seconds(4));
        (await first.ExtendAsync(Seconds(5))).ShouldBe(TimerOutcome.Done);
        clock.Advance(Seconds(4));
        first.LeaseLeft.ShouldBe(Seconds(1));
        first.Lost.IsCancellationRequested.ShouldBeFalse();
        clock.Advance(Seconds(2));
        await EventuallyAsync(() => first.Lost.IsCancellationRequested, "the lease is over");
        (await first.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);

        TimerDelivery? second = null;
        await clock.AdvanceUntilAsync(async () => (second = (await timer.ReceiveAsync(1, TimeSpan.Zero)).SingleOrDefault()) is not null, Ms(10), "it comes again");
        second!.Retries.ShouldBe(1);
        second.LeaseLeft.ShouldBe(Seconds(300));
        (await second.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Of_two_callers_of_one_claim_each_has_its_own_lease()
    {
        await StopTimeAsync();
        DistributedTimer timer = NewTimer();
        Task<IReadOnlyList<TimerDelivery>> brief = timer.ReceiveAsync(1, TestTimeout, Seconds(2));
        Task<IReadOnlyList<TimerDelivery>> longer = timer.ReceiveAsync(1, TestTimeout, Seconds(200));
        await Eventually.HoldsAsync(() => timer.IsJoined, "it listens");
        await NewTimer().PostAsync("a", TimeSpan.Zero);
        await NewTimer().PostAsync("b", TimeSpan.Zero);
        (await brief).ShouldHaveSingleItem().LeaseLeft.ShouldBe(Seconds(2));
        (await longer).ShouldHaveSingleItem().LeaseLeft.ShouldBe(Seconds(200));
    }

    [Fact]
    public async Task Whoever_wants_a_short_lease_is_not_given_a_long_one_that_was_claimed_for_another()
    {
        await StopTimeAsync();
        DistributedTimer timer = NewTimer();
        var claimed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Faults.AfterClaim = async (_, claim) =>
        {
            if (claim.Events.Count == 0) return;
            claimed.TrySetResult();
            await go.Task;
        };
        using CancellationTokenSource leaves = new();
        Task<IReadOnlyList<TimerDelivery>> longer = timer.ReceiveAsync(1, TestTimeout, Seconds(200), leaves.Token);
        await NewTimer().PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        await claimed.Task.WaitAsync(TestTimeout);
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(longer);
        Task<IReadOnlyList<TimerDelivery>> brief = timer.ReceiveAsync(1, TestTimeout, Seconds(2));
        Faults.AfterClaim = null;
        go.SetResult();
        await AdvanceUntilAsync(() => Task.FromResult(brief.IsCompleted), Ms(1), "it is claimed anew");
        TimerDelivery delivery = (await brief).ShouldHaveSingleItem();
        delivery.LeaseLeft.ShouldBeLessThanOrEqualTo(Seconds(2));
        delivery.Retries.ShouldBe(0);
        (await timer.PeekAsync("x"))!.LeaseLeft!.Value.ShouldBeLessThanOrEqualTo(Seconds(2));
    }

    [Fact]
    public async Task What_a_caller_has_received_stays_its_own_when_the_timer_leaves()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        DistributedTimer timer = NewTimer(options => options.MaxRetries = 5);
        foreach (string id in new[] { "a", "b", "c" }) await timer.PostAsync(id, TimeSpan.Zero, new() { Id = id });
        TimerDelivery[] held = [.. (await timer.ReceiveAsync(3, TimeSpan.Zero, Seconds(20))).OrderBy(delivery => delivery.Id)];
        held.Length.ShouldBe(3);
        await timer.LeaveAsync();
        held.ShouldAllBe(delivery => delivery.LeaseLeft == Seconds(20) && !delivery.Lost.IsCancellationRequested);
        (await held[0].ExtendAsync(Seconds(30))).ShouldBe(TimerOutcome.Done);
        (await held[0].ConfirmAsync()).ShouldBe(TimerOutcome.Done);
        (await held[1].ReleaseAsync()).ShouldBe(TimerOutcome.Done);
        (await timer.PeekAsync("b"))!.ShouldSatisfyAllConditions(found => found.State.ShouldBe(TimerState.Scheduled), found => found.Retries.ShouldBe(0));

        // Its lease is not extended, and its end is told as before.
        clock.Advance(Seconds(21));
        await EventuallyAsync(() => held[2].Lost.IsCancellationRequested, "the lease is over");
        (await held[2].ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_delivery_that_is_no_longer_held_takes_no_place_and_is_ended_as_before()
    {
        DistributedTimer timer = NewTimer(options => options.MaxInFlight = 1);
        await timer.PostAsync("a", TimeSpan.Zero, new() { Id = "a" });
        await timer.PostAsync("b", TimeSpan.Zero, new() { Id = "b" });
        TimerDelivery first = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();
        (await timer.ReceiveAsync(1, TimeSpan.Zero)).ShouldBeEmpty("the node is full");
        first.StopHolding();
        TimerDelivery second = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();
        (await first.ExtendAsync(Seconds(300))).ShouldBe(TimerOutcome.Done);
        (await first.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
        (await second.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
        Faults.Claims.Last().Held.ShouldBe(0);
    }

    [Fact]
    public async Task A_wait_that_is_ended_returns_what_was_given_and_hands_nothing_back()
    {
        DistributedTimer timer = NewTimer();
        using CancellationTokenSource end = new();
        Task<IReadOnlyList<TimerDelivery>> waiting = timer.ReceiveUntilAsync(1, TestTimeout, Seconds(300), end.Token, CancellationToken.None);
        await Eventually.HoldsAsync(() => timer.IsJoined, "it listens");
        await end.CancelAsync();
        (await waiting).ShouldBeEmpty();
        await timer.PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        TimerDelivery delivery = (await timer.ReceiveUntilAsync(1, TestTimeout, Seconds(300), CancellationToken.None, CancellationToken.None)).ShouldHaveSingleItem();
        (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task What_callers_share_runs_in_the_context_of_none_of_them()
    {
        var caller = new AsyncLocal<string?>();
        ConcurrentBag<string?> seen = [];
        Faults.OnClaim = _ => seen.Add(caller.Value);
        DistributedTimer timer = NewTimer();
        caller.Value = "the first caller";
        (await timer.ReceiveAsync(1, TimeSpan.Zero)).ShouldBeEmpty();
        caller.Value.ShouldBe("the first caller");
        seen.ShouldNotBeEmpty();
        seen.ShouldAllBe(one => one == null);
    }

    [Fact]
    public async Task A_delivery_is_released_retried_or_given_up()
    {
        DistributedTimer timer = NewTimer(options => options.MaxRetries = 1);
        await timer.PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        TimerDelivery one = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();
        (await one.ReleaseAsync()).ShouldBe(TimerOutcome.Done);
        (await one.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
        TimerDelivery two = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();
        two.Retries.ShouldBe(0);
        (await two.RetryAsync(TimeSpan.Zero, "not now")).ShouldBe(TimerOutcome.Done);
        TimerDelivery three = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();
        three.Retries.ShouldBe(1);
        (await three.DeadLetterAsync("never")).ShouldBe(TimerOutcome.DeadLettered);
        TimerSnapshot dead = (await timer.PeekAsync("x"))!;
        dead.State.ShouldBe(TimerState.DeadLettered);
        dead.Failures.Select(failure => failure.Error).ShouldBe(["not now", "never"]);
    }

    [Fact]
    public async Task Whoever_has_id_and_token_ends_a_delivery_from_anywhere()
    {
        DistributedTimer timer = NewTimer(options => options.MaxRetries = 5);
        DistributedTimer other = NewTimer();
        await timer.PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        TimerDelivery one = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();
        (await other.ExtendAsync("x", "another", Seconds(1000))).ShouldBe(TimerOutcome.Stale);
        (await other.ExtendAsync("x", one.Token, Seconds(1000))).ShouldBe(TimerOutcome.Done);
        (await other.PeekAsync("x"))!.LeaseLeft!.Value.ShouldBeGreaterThan(Seconds(500));
        (await other.ReleaseAsync("x", one.Token)).ShouldBe(TimerOutcome.Done);
        TimerDelivery two = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();
        two.Retries.ShouldBe(0);
        (await other.RetryAsync("x", two.Token)).ShouldBe(TimerOutcome.Done);
        (await other.RetryAsync("x", two.Token)).ShouldBe(TimerOutcome.Stale);
        TimerDelivery three = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();
        three.Retries.ShouldBe(1);
        (await other.DeadLetterAsync("x", three.Token, "broken")).ShouldBe(TimerOutcome.DeadLettered);
        (await other.ReleaseAsync("unknown", three.Token)).ShouldBe(TimerOutcome.NotFound);
    }

    [Fact]
    public async Task A_hundred_callers_that_wait_cost_no_more_than_a_listener()
    {
        DistributedTimer timer = NewTimer(options => options.MaxInFlight = 1_000);
        using CancellationTokenSource end = new();
        Task[] waiting = [.. Enumerable.Range(0, 100).Select(_ => timer.ReceiveAsync(1, TestTimeout, end.Token))];
        await Eventually.HoldsAsync(() => timer.IsJoined && Faults.Claims.Any(claim => claim.Capacity == 100), "all wait");
        int before = Faults.Claims.Count;
        DateTime start = DateTime.UtcNow;
        await Eventually.HoldsAsync(() => DateTime.UtcNow - start > Seconds(3), "three seconds have passed");
        (Faults.Claims.Count - before).ShouldBeLessThanOrEqualTo(8, "one listener asks about once a second");
        (await timer.GetNodesAsync()).ShouldHaveSingleItem();
        await end.CancelAsync();
        foreach (Task task in waiting) await Should.ThrowAsync<OperationCanceledException>(task);
    }

    [Fact]
    public async Task In_a_pause_nothing_is_given_away_and_afterwards_it_is()
    {
        DistributedTimer timer = NewTimer();
        await timer.PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        await timer.PauseAsync("deploy");
        (await timer.ReceiveAsync(1, TimeSpan.Zero)).ShouldBeEmpty();
        Task<IReadOnlyList<TimerDelivery>> waiting = timer.ReceiveAsync(1, TestTimeout);
        await timer.ResumeAsync();
        (await waiting).ShouldHaveSingleItem().Retries.ShouldBe(0);
    }

    [Fact]
    public async Task A_timer_receives_or_has_a_handler_and_when_it_leaves_nobody_waits_on()
    {
        DistributedTimer timer = NewTimer();
        Task<IReadOnlyList<TimerDelivery>> waiting = timer.ReceiveAsync(1, TestTimeout);
        await Eventually.HoldsAsync(() => timer.IsJoined, "it listens");
        await Should.ThrowAsync<InvalidOperationException>(() => timer.JoinAsync((_, _) => Task.CompletedTask));
        await timer.LeaveAsync();
        (await waiting).ShouldBeEmpty();
        (await timer.GetNodesAsync()).ShouldBeEmpty();
        await timer.JoinAsync((_, _) => Task.CompletedTask);
        await Should.ThrowAsync<InvalidOperationException>(() => timer.ReceiveAsync(1, TimeSpan.Zero));
    }

    [Fact]
    public async Task When_nobody_has_waited_for_a_while_it_leaves_and_comes_again_with_the_next_caller()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        DistributedTimer timer = NewTimer();
        (await timer.ReceiveAsync(1, TimeSpan.Zero)).ShouldBeEmpty();
        (await timer.GetNodesAsync()).ShouldHaveSingleItem();
        await clock.AdvanceUntilAsync(async () => (await timer.GetNodesAsync()).Count == 0, Seconds(1), "it left");
        await timer.PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        TimerDelivery held = (await timer.ReceiveAsync(1, TestTimeout)).ShouldHaveSingleItem();

        // While something is held it stays.
        for (int i = 0; i < 60; i++) clock.Advance(Seconds(1));
        await Eventually.HoldsAsync(() => timer.IsJoined, "it listens");
        (await held.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_told_when_the_wait_is_over()
    {
        DistributedTimer timer = NewTimer();
        Faults.FailAlways("OpenAsync", Fault.FailedTask);
        (await Should.ThrowAsync<LatchworkStoreException>(() => timer.ReceiveAsync(1, TestTimeout))).Outcome.ShouldBe(StoreOutcome.NotApplied);
        Faults.FailAlways("OpenAsync", null);
        (await timer.ReceiveAsync(1, TimeSpan.Zero)).ShouldBeEmpty();

        Faults.FailAlways("ClaimAsync", Fault.FailedTask);
        await Should.ThrowAsync<LatchworkStoreException>(() => timer.ReceiveAsync(1, TimeSpan.Zero));
        Task<IReadOnlyList<TimerDelivery>> waiting = timer.ReceiveAsync(1, TestTimeout);
        await timer.PostAsync("x", TimeSpan.Zero, new() { Id = "x" });
        Faults.FailAlways("ClaimAsync", null);
        (await waiting).ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData("OpenAsync")]
    [InlineData("SubscribeAsync")]
    [InlineData("ClaimAsync")]
    public async Task A_join_that_fails_is_told_and_is_not_an_empty_answer(string operation)
    {
        DistributedTimer timer = NewTimer();
        Faults.FailAlways(operation, Fault.FailedTask);
        await Should.ThrowAsync<LatchworkStoreException>(() => timer.ReceiveAsync(1, TestTimeout));
        Faults.FailAlways(operation, null);
        (await timer.ReceiveAsync(1, TimeSpan.Zero)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Arguments_out_of_their_bounds_are_refused_before_anything_is_sent()
    {
        DistributedTimer timer = NewTimer();
        (await Should.ThrowAsync<ArgumentOutOfRangeException>(() => timer.ReceiveAsync(0, TimeSpan.Zero))).ParamName.ShouldBe("max");
        (await Should.ThrowAsync<ArgumentOutOfRangeException>(() => timer.ReceiveAsync(201, TimeSpan.Zero))).ParamName.ShouldBe("max");
        (await Should.ThrowAsync<ArgumentOutOfRangeException>(() => timer.ReceiveAsync(1, Ms(-1)))).ParamName.ShouldBe("wait");
        (await Should.ThrowAsync<ArgumentOutOfRangeException>(() => timer.ReceiveAsync(1, TimeSpan.Zero, Ms(99)))).ParamName.ShouldBe("lease");
        Faults.Calls("OpenAsync").ShouldBe(0);
    }
}
