using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Leases: kept while an event is queued or handled, lost when they must be. On a clock that stands still, so that none is lost by itself.</summary>
public abstract class EngineLeaseSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    private static readonly TimeSpan _lease = Seconds(9);
    private static readonly TimeSpan _third = _lease / 3;

    [Fact]
    public async Task What_is_queued_or_handled_is_extended_as_long_as_it_takes()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var finish = new TaskCompletionSource();
        Node node = await JoinAsync((_, _) => finish.Task, o => (o.LeaseDuration, o.MaxConcurrency) = (_lease, 1));
        await node.Timer.PostAsync([.. ((string[])["a", "b"]).Select(id => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = id }))]);
        TimerDelivery first = await node.NthAsync(1);
        for (int i = 1; i <= 10; i++)
        {
            clock.Advance(_third);
            await EventuallyAsync(() => first.LeaseLeft == _lease, $"extension {i}");
        }

        // Three leases have passed, and the second event still waits behind the first.
        node.Got.Count.ShouldBe(1);
        finish.SetResult();
        await EmptyAsync(node.Timer);
        node.Ids.ShouldBe(["a", "b"], ignoreOrder: true); // they may be of different partitions, which have no order
        node.Got.ShouldAllBe(delivery => delivery.Retries == 0);
        (await node.Timer.GetStatsAsync()).DeadLetters.ShouldBe(0);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_lease_that_cannot_be_extended_is_lost_the_token_fires_and_calls_are_refused_here()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var asserted = new TaskCompletionSource(); // until then no other delivery confirms anything
        Node node = await JoinAsync(
            async (delivery, cancellationToken) =>
            {
                if (delivery.Retries > 0) await asserted.Task;
                else await Task.Delay(Timeout.Infinite, cancellationToken);
            },
            o => o.LeaseDuration = _lease);
        Faults.FailAlways(nameof(Faults.ExtendAsync), Fault.FailsLater);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1000 });
        TimerDelivery delivery = await node.NthAsync(1);
        clock.Advance(_lease - Ms(1));
        delivery.Stopping.IsCancellationRequested.ShouldBeFalse();
        clock.Advance(Ms(1));

        delivery.LeaseLeft.ShouldBe(TimeSpan.Zero);
        delivery.Stopping.IsCancellationRequested.ShouldBeTrue();
        (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
        (await delivery.RetryAsync()).ShouldBe(TimerOutcome.Stale);
        (await delivery.ExtendAsync(Seconds(1))).ShouldBe(TimerOutcome.Stale);
        Faults.Calls(nameof(Faults.ConfirmAsync)).ShouldBe(0);
        asserted.SetResult();

        // The lease ran out in the store, too: a retry is spent, and it comes again.
        await clock.AdvanceUntilAsync(() => node.Got.Count >= 2, Ms(250), "the next delivery");
        node.Got.ElementAt(1).Retries.ShouldBeGreaterThanOrEqualTo(1);
        await EventuallyAsync(() => Errors.Any(e => e.Exception is TimeoutException && e.EventId == "a"), "the lost lease is reported");
        Errors.ShouldNotContain(e => e.Exception is OperationCanceledException);
    }

    [Fact]
    public async Task An_extension_that_fails_a_few_times_loses_nothing()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var finish = new TaskCompletionSource();
        Faults.Fail(nameof(Faults.ExtendAsync), Fault.ThrowsAtOnce, Fault.FailedTask, Fault.FailsLater, Fault.ReplyLost);
        Node node = await JoinAsync((_, _) => finish.Task, o => o.LeaseDuration = _lease);
        await node.Timer.PostAsync(1, TimeSpan.Zero);
        TimerDelivery delivery = await node.NthAsync(1);
        clock.Advance(_third);
        for (int failed = 1; failed <= 4; failed++)
        {
            // Repeated after a short pause, not a third of a lease later.
            await EventuallyAsync(() => Errors.Count == failed, $"failure {failed}");
            clock.Advance(Ms(100));
            Faults.Calls(nameof(Faults.ExtendAsync)).ShouldBe(failed + 1);
        }

        await EventuallyAsync(() => delivery.LeaseLeft == _lease, "extended in spite of the failures");
        delivery.Stopping.IsCancellationRequested.ShouldBeFalse();
        finish.SetResult();
        await EmptyAsync(node.Timer);
        node.Got.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_revoked_or_replaced_delivery_is_told_with_or_without_the_notification(bool notification)
    {
        ManualTimeProvider clock = await StopTimeAsync();
        TimeSpan lease = Seconds(3600);
        var told = new TaskCompletionSource();
        Node node = await JoinAsync(
            async (delivery, cancellationToken) =>
            {
                if (delivery.Payload.Length > 1) return;
                await using CancellationTokenRegistration registration = cancellationToken.Register(told.SetResult);
                await told.Task;
            },
            o => o.LeaseDuration = lease);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        TimerDelivery first = await node.NthAsync(1);
        Faults.DropNotifications = !notification;
        (await NewTimer().PostAsync("new", TimeSpan.Zero, new() { Id = "a" })).Outcome.ShouldBe(PostOutcome.Replaced);
        if (!notification)
        {
            first.Stopping.IsCancellationRequested.ShouldBeFalse();
            clock.Advance(lease / 3); // the extension is refused
        }

        await told.Task.WaitAsync(TestTimeout);
        (await first.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
        if (!notification) await clock.AdvanceUntilAsync(() => node.Got.Count >= 2, Ms(100), "the node's poll slot");
        (await node.NthAsync(2)).Read<string>().ShouldBe("new");
        await EmptyAsync(node.Timer);
    }

    [Fact]
    public async Task A_revocation_that_arrives_before_the_claims_reply_is_not_forgotten()
    {
        await StopTimeAsync();
        DistributedTimer other = NewTimer();
        Faults.AfterClaim = async (_, claim) =>
        {
            if (claim.Events.Count == 0) return;
            (await other.CancelAsync(claim.Events[0].Id, revoke: true)).ShouldBe(TimerOutcome.Done);
            await EventuallyAsync(() => Faults.NotificationsReceived(WakeNotificationKind.Revoked) > 0, "the notification");
        };
        Node node = await JoinAsync(async (_, cancellationToken) => await Task.Delay(Timeout.Infinite, cancellationToken));
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await EventuallyAsync(() => Faults.NotificationsReceived(WakeNotificationKind.Revoked) > 0, "the notification");
        await EventuallyAsync(() => node.Got.All(delivery => delivery.Stopping.IsCancellationRequested), "no handler goes on");
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task With_manual_confirmation_the_lease_is_not_extended_after_the_handler_has_returned()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        Node node = await JoinAsync(configure: o => (o.LeaseDuration, o.Confirmation) = (_lease, Confirmation.Manual));
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1000 });
        TimerDelivery first = await node.NthAsync(1);
        await EventuallyAsync(() => first.HasReturned, "the handler has returned");
        clock.Advance(_lease);
        Faults.Calls(nameof(Faults.ExtendAsync)).ShouldBe(0);
        first.LeaseLeft.ShouldBe(TimeSpan.Zero);

        // A delivery may run out of its lease on the way to us: the last of those that came has not.
        await clock.AdvanceUntilAsync(() => node.Got.Count >= 2 && node.Got.Last().LeaseLeft > TimeSpan.Zero, Ms(100), "the next delivery");
        TimerDelivery next = node.Got.Last();
        next.Retries.ShouldBeGreaterThanOrEqualTo(1);
        (await first.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
        (await next.ExtendAsync(Seconds(60))).ShouldBe(TimerOutcome.Done);
        next.LeaseLeft.ShouldBe(Seconds(60));
        (await next.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task A_handler_is_extended_up_to_the_longest_handling_time_only()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var never = new TaskCompletionSource();
        Node node = await JoinAsync(
            (_, cancellationToken) => never.Task.WaitAsync(cancellationToken),
            o => (o.LeaseDuration, o.MaxHandlingTime) = (_lease, Seconds(20)));
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        TimerDelivery delivery = await node.NthAsync(1);
        for (int i = 1; i <= 6; i++)
        {
            clock.Advance(_third);
            await EventuallyAsync(() => delivery.LeaseLeft == _lease, $"extension {i}");
        }

        int extensions = Faults.Calls(nameof(Faults.ExtendAsync));
        clock.Advance(_lease - Ms(1)); // from the 18th second to the 27th
        delivery.Stopping.IsCancellationRequested.ShouldBeFalse();
        clock.Advance(Ms(1));
        delivery.Stopping.IsCancellationRequested.ShouldBeTrue();
        Faults.Calls(nameof(Faults.ExtendAsync)).ShouldBe(extensions);

        await clock.AdvanceUntilAsync(async () => (await node.Timer.GetStatsAsync()).DeadLetters == 1, Ms(250), "dead");
        (await node.Timer.PeekAsync("a"))!.DeadLetterReason.ShouldBe(DeadLetterReason.LeaseExpired);
    }

    [Fact]
    public async Task An_event_that_is_back_before_the_answer_that_ended_its_delivery_is_no_lost_lease()
    {
        await StopTimeAsync();
        TaskCompletionSource hold = Faults.Hold(nameof(Faults.FailAsync));
        var finish = new TaskCompletionSource();
        Task<TimerOutcome>? retrying = null;
        Node node = await JoinAsync(async (delivery, _) =>
        {
            if (delivery.Retries == 0) retrying = delivery.RetryAsync(TimeSpan.Zero);
            await finish.Task; // it goes on after it has asked for the retry
        });
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        (await node.NthAsync(2)).Retries.ShouldBe(1);
        TimerDelivery first = node.Got.First();
        (await first.ExtendAsync(_lease)).ShouldBe(TimerOutcome.Stale); // nor does that say that it was lost
        (first.Stopping.IsCancellationRequested, first.Lost.IsCancellationRequested, first.StopReason).ShouldBe((false, false, StopReason.None));

        Faults.Release(nameof(Faults.FailAsync));
        hold.SetResult();
        (await retrying!.WaitAsync(TestTimeout)).ShouldBe(TimerOutcome.Done);
        first.Stopping.IsCancellationRequested.ShouldBeFalse();
        finish.SetResult();
        await EmptyAsync(node.Timer);
        await node.Timer.LeaveAsync();
        node.Got.Count.ShouldBe(2);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_delivery_whose_end_fails_after_its_event_came_back_is_lost_and_gives_its_place_back()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var finish = new TaskCompletionSource();
        Node node = await JoinAsync(
            async (delivery, cancellationToken) =>
            {
                if (delivery.Id != "a" || delivery.Retries > 0)
                {
                    if (delivery.Id != "a") await finish.Task;
                    return;
                }

                // It was applied, but nobody knows: the repetition is stale.
                await Should.ThrowAsync<LatchworkStoreException>(() => delivery.RetryAsync(TimeSpan.Zero));
                await Task.Delay(Timeout.Infinite, cancellationToken);
            },
            o => (o.LeaseDuration, o.MaxInFlight) = (Seconds(3600), 2));
        Faults.Fail(nameof(Faults.FailAsync), Fault.ReplyLost);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        await clock.AdvanceUntilAsync(() => node.Got.Count == 2 && node.Got.First().HasReturned, Ms(50), "the first is told, and has returned");
        (node.Got.First().StopReason, node.Got.First().LeaseLeft).ShouldBe((StopReason.LeaseLost, TimeSpan.Zero));

        // Both places are free: two more run at a time.
        foreach (string id in (string[])["b", "c"]) await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = id });
        await clock.AdvanceUntilAsync(() => node.Got.Count == 4, Ms(50), "both run");
        finish.SetResult();
        await EmptyAsync(node.Timer);
    }

    [Theory]
    [InlineData("post")]
    [InlineData("batch")]
    [InlineData("cancel")]
    public async Task Whoever_replaces_or_revokes_what_its_own_node_holds_finds_the_handler_told_and_what_is_queued_not_begun(string how)
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var finish = new TaskCompletionSource();
        Node node = await JoinAsync((_, _) => finish.Task, o => (o.MaxConcurrency, o.MaxInFlight) = (1, 200));
        await WarmUpAsync(node);
        Faults.DropNotifications = true; // so that nothing but the call itself tells
        TimerPost[] posts = [.. ((string[])["x", "y"]).Select(id => new TimerPost("old"u8.ToArray(), TimeSpan.Zero, new() { Id = id, MaxRetries = 1 }))];
        await node.Timer.PostAsync(posts);
        await clock.AdvanceUntilAsync(async () => (await node.Timer.GetStatsAsync()).InFlight == 2, Ms(100), "one runs, one is queued");
        TimerDelivery running = await node.NthAsync(1);

        TimerPost[] next = [.. posts.Select(post => post with { Payload = "new"u8.ToArray(), Due = TimeSpan.FromHours(1) })];
        if (how == "batch")
        {
            (await node.Timer.PostAsync(next)).ShouldAllBe(one => one.Outcome == PostOutcome.Replaced);
        }
        else
        {
            foreach (TimerPost post in next)
            {
                if (how == "post") (await node.Timer.PostAsync(post.Payload, post.Due, post.Options)).Outcome.ShouldBe(PostOutcome.Replaced);
                else (await node.Timer.CancelAsync(post.Options!.Id!, revoke: true)).ShouldBe(TimerOutcome.Done);
            }
        }

        (running.Stopping.IsCancellationRequested, running.StopReason).ShouldBe((true, StopReason.Revoked));
        finish.SetResult();
        await EventuallyAsync(() => running.HasReturned, "the handler has returned");
        await node.Timer.LeaveAsync();
        node.Got.Count.ShouldBe(1); // what was queued did not begin
    }
}
