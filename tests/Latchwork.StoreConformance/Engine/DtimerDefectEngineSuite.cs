using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>The defects of the ancestor dtimer 0.3.3 that need an engine to be seen, each ruled out. The numbers are those of the list of its defects.</summary>
public abstract class DtimerDefectEngineSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    [Fact]
    public async Task Defect_01_without_retries_a_crash_loses_no_payload()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var never = new TaskCompletionSource();
        Node crashing = await JoinAsync((_, _) => never.Task, o => o.LeaseDuration = Seconds(10));
        await crashing.Timer.PostAsync("precious", TimeSpan.Zero, new() { Id = "a", MaxRetries = 0 });
        await crashing.NthAsync(1);
        crashing.Timer.Abandon();
        Node other = await JoinAsync();
        await clock.AdvanceUntilAsync(async () => (await other.Timer.PeekAsync("a"))?.State == TimerState.DeadLettered, Ms(100), "dead");
        TimerSnapshot dead = (await other.Timer.PeekAsync("a"))!;
        dead.DeadLetterReason.ShouldBe(DeadLetterReason.LeaseExpired);
        System.Text.Encoding.UTF8.GetString(dead.Payload.Span).ShouldBe("\"precious\"");
        never.SetResult();
    }

    [Fact]
    public async Task Defect_02_an_event_whose_retries_are_spent_is_kept()
    {
        Node node = await JoinAsync((_, _) => throw new TimeoutException());
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        await node.NthAsync(2);
        (await Eventually.ReadsAsync(() => node.Timer.PeekAsync("a"), s => s?.State == TimerState.DeadLettered, "dead"))!.Failures.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Defect_03_an_event_reposted_while_in_flight_fires_although_the_first_delivery_is_confirmed()
    {
        var confirm = new TaskCompletionSource();
        Node node = await JoinAsync((delivery, _) => delivery.Read<int>() == 1 ? confirm.Task : Task.CompletedTask);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await node.NthAsync(1);
        await node.Timer.PostAsync(2, Ms(50), new() { Id = "a" });
        confirm.SetResult();
        (await node.NthAsync(2)).Read<int>().ShouldBe(2);
        await EmptyAsync(node.Timer);
    }

    [Fact]
    public async Task Defect_04_an_event_in_flight_cannot_be_rescheduled_and_lost()
    {
        TimerOutcome changed = default;
        DistributedTimer? timer = null;
        Node node = await JoinAsync(async (delivery, _) =>
        {
            changed = await timer!.ChangeDelayAsync(delivery.Id, TimeSpan.Zero);
            if (delivery.Retries == 0) await delivery.RetryAsync(TimeSpan.Zero, "postponed by the handler itself");
        });
        timer = node.Timer;
        await timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        await node.NthAsync(2);
        await EmptyAsync(timer);
        changed.ShouldBe(TimerOutcome.InFlight);
        (await timer.GetStatsAsync()).DeadLetters.ShouldBe(0);
    }

    [Fact]
    public async Task Defect_05_a_poison_payload_costs_the_rest_of_its_batch_nothing()
    {
        Node node = await JoinAsync((delivery, _) =>
        {
            delivery.Read<Dictionary<string, int>>();
            return Task.CompletedTask;
        });
        await node.Timer.PostAsync([.. Enumerable.Range(0, 8).Select(i => new TimerPost(i == 2 ? "\0poison"u8.ToArray() : "{}"u8.ToArray(), Ms(50), new() { Id = $"{i}" }))]);
        await EmptyAsync(node.Timer);
        node.Got.Count.ShouldBe(8);
        (await node.Timer.GetStatsAsync()).DeadLetters.ShouldBe(1);
        (await node.Timer.PeekAsync("2"))!.Failures.Single().Error.ShouldStartWith("JsonException");
    }

    [Fact]
    public async Task Defect_06_a_throwing_handler_costs_the_rest_of_its_batch_nothing()
    {
        Node node = await JoinAsync((delivery, _) => delivery.Id == "0" ? throw new TimeoutException() : Task.CompletedTask);
        await node.Timer.PostAsync([.. Enumerable.Range(0, 8).Select(i => new TimerPost("{}"u8.ToArray(), Ms(50), new() { Id = $"{i}", MaxRetries = 1 }))]);
        await Eventually.ReadsAsync(() => node.Timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0, DeadLetters: 1 }, "seven done, one dead");
        node.Ids.Distinct().Count().ShouldBe(8);
    }

    [Fact]
    public async Task Defect_09_a_stale_owner_cannot_confirm_the_next_owners_delivery()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        Node first = await JoinAsync(configure: o => (o.Confirmation, o.LeaseDuration) = (Confirmation.Manual, Seconds(10)));
        await first.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        TimerDelivery stale = await first.NthAsync(1);
        await EventuallyAsync(() => stale.HasReturned, "the handler has returned");
        await first.Timer.LeaveAsync();
        clock.Advance(Seconds(10));
        Node second = await JoinAsync(configure: o => o.Confirmation = Confirmation.Manual);
        TimerDelivery live = await second.NthAsync(1);
        (await stale.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
        (await first.Timer.ConfirmAsync("a", stale.Token)).ShouldBe(TimerOutcome.Stale);
        (await live.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task Defect_10_an_event_in_flight_can_be_seen_and_revoked()
    {
        Node node = await JoinAsync(async (_, cancellationToken) => await Task.Delay(Timeout.Infinite, cancellationToken));
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        TimerDelivery delivery = await node.NthAsync(1);
        TimerSnapshot seen = (await node.Timer.PeekAsync("a"))!;
        (seen.State, seen.NodeId, seen.Token).ShouldBe((TimerState.InFlight, node.Timer.NodeId, delivery.Token));
        (await node.Timer.CancelAsync("a")).ShouldBe(TimerOutcome.InFlight);
        (await node.Timer.CancelAsync("a", revoke: true)).ShouldBe(TimerOutcome.Done);
        await EventuallyAsync(() => delivery.Stopping.IsCancellationRequested, "the token fires");
        (await node.Timer.PeekAsync("a")).ShouldBeNull();
    }

    [Fact]
    public async Task Defect_12_the_first_delivery_knows_its_retries()
    {
        Node node = await JoinAsync((delivery, _) => delivery.Retries < 2 ? throw new TimeoutException() : Task.CompletedTask);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { MaxRetries = 2 });
        await node.NthAsync(3);
        node.Got.Select(delivery => delivery.Retries).ShouldBe([0, 1, 2]);
    }

    [Fact]
    public async Task Defect_13_a_node_that_wakes_a_little_early_asks_again_at_once()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var fast = new ManualTimeProvider(); // the node's clock, a little ahead of the store's
        Node node = await JoinAsync(configure: o => o.TimeProvider = fast);
        await node.Timer.PostAsync(1, Ms(100));
        await EventuallyAsync(() => Faults.NotificationsReceived(WakeNotificationKind.Due) == 1, "the notification");
        int asked = Faults.Claims.Count;
        clock.Advance(Ms(99));
        fast.Advance(Ms(100));
        await EventuallyAsync(() => Faults.Claims.Count > asked, "it asks, too early");

        // Seconds late in the ancestor.
        await EventuallyAsync(() => fast.NextDueIn is { } next && next > TimeSpan.Zero && next <= Ms(5), "it sleeps for the moment that is left");
        node.Got.ShouldBeEmpty();
        clock.Advance(Ms(1));
        await fast.AdvanceToNextAsync(Ms(5), "the moment that is left");
        (await node.NthAsync(1)).Lateness.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task Defect_14_cancelling_the_earliest_event_does_not_delay_the_next()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        Node node = await JoinAsync();
        await node.Timer.PostAsync(1, Ms(100), new() { Id = "first" });
        await node.Timer.PostAsync(2, Ms(150), new() { Id = "second" });
        await EventuallyAsync(() => Faults.NotificationsReceived(WakeNotificationKind.Due) == 1, "the notification for the first");
        (await node.Timer.CancelAsync("first")).ShouldBe(TimerOutcome.Done);
        await clock.AdvanceToNextAsync(Ms(100), "it looks when the first was due");
        await clock.AdvanceToNextAsync(Ms(50), "it looks when the second is due");
        (await node.NthAsync(1)).Lateness.ShouldBe(TimeSpan.Zero);
        node.Ids.ShouldBe(["second"]);
    }

    [Fact]
    public async Task Defect_15_if_the_notified_node_is_frozen_another_takes_over()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        Node frozen = await JoinAsync();
        Node backup = await JoinAsync();
        DistributedTimer poster = NewTimer();
        frozen.Timer.Abandon();
        for (int i = 1; i <= 3; i++)
        {
            // The living one is notified to claim, or to look after the one who is. (Its poll slot is later than all that passes here.)
            await poster.PostAsync(i, Ms(50));
            await EventuallyAsync(() => clock.NextDueIn <= Ms(250), "it knows when to look");
            clock.Advance(Ms(50));
            await EventuallyAsync(
                () => backup.Got.Count == i || (clock.NextDueIn is { } next && next > TimeSpan.Zero && next <= Ms(200)), "it has come, or comes soon");
            if (backup.Got.Count < i) clock.Advance(Ms(200));
            await backup.NthAsync(i);
            await EmptyAsync(poster);
        }

        backup.Got.ShouldAllBe(delivery => delivery.Lateness <= Ms(250));
        frozen.Got.ShouldBeEmpty();
    }

    [Fact]
    public async Task Defect_16_an_expired_lease_wakes_a_node_by_itself()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        var never = new TaskCompletionSource();
        Node crashing = await JoinAsync((_, _) => never.Task, o => o.LeaseDuration = Ms(400));
        await crashing.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        await crashing.NthAsync(1);
        Node other = await JoinAsync();
        crashing.Timer.Abandon();

        // Nobody notifies it; it polls when the lease is over, or a moment later if the dead one was to look first.
        clock.Advance(Ms(600));
        (await other.NthAsync(1)).Lateness.ShouldBeLessThanOrEqualTo(Ms(200));
        never.SetResult();
    }

    [Fact]
    public async Task Defect_17_a_failed_poll_does_not_end_the_polling()
    {
        Node node = await JoinAsync();
        Faults.Fail(nameof(Faults.ClaimAsync), Fault.ThrowsAtOnce, Fault.FailsLater, Fault.RequestLost);
        for (int i = 1; i <= 3; i++)
        {
            await node.Timer.PostAsync(i, TimeSpan.Zero);
            await node.NthAsync(i);
        }
    }

    [Fact]
    public async Task Defect_18_a_node_that_left_consumes_nothing_even_if_a_poll_was_under_way()
    {
        DistributedTimer poster = NewTimer();
        for (int i = 0; i < 10; i++)
        {
            Node node = await JoinAsync();
            TaskCompletionSource hold = Faults.Hold(nameof(Faults.ClaimAsync));
            await poster.PostAsync(i, TimeSpan.Zero, new() { Id = "a" });
            Task left = node.Timer.LeaveAsync();
            Faults.Release(nameof(Faults.ClaimAsync));
            hold.SetResult();
            await left;
            int claims = Faults.Claims.Count(claim => claim.NodeId == node.Timer.NodeId);
            await poster.PostAsync(i, TimeSpan.Zero, new() { Id = "b" });
            (await poster.PeekAsync("b"))!.State.ShouldBe(TimerState.Scheduled);
            Faults.Claims.Count(claim => claim.NodeId == node.Timer.NodeId).ShouldBe(claims);
            (await poster.CancelAsync("b")).ShouldBe(TimerOutcome.Done);
            await poster.CancelAsync("a");
        }
    }
}
