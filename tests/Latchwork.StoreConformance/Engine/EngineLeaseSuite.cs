using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Leases: kept while an event is queued or handled, lost when they must be, and never by a busy process.</summary>
public abstract class EngineLeaseSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    private static readonly TimeSpan _lease = Ms(300);

    [Fact]
    public async Task What_is_queued_or_handled_is_extended_as_long_as_it_takes()
    {
        var finish = new TaskCompletionSource();
        Node node = await JoinAsync((_, _) => finish.Task, o => (o.ConfirmTimeout, o.MaxConcurrency) = (_lease, 1));
        Node other = await JoinAsync();
        await other.Timer.LeaveAsync();
        await node.Timer.PostAsync("first", TimeSpan.Zero, new() { Id = "a" });
        await node.Timer.PostAsync("queued behind it", TimeSpan.Zero, new() { Id = "b" });
        await node.NthAsync(1);
        await EventuallyAsync(() => Faults.Calls(nameof(Faults.ExtendAsync)) >= 10, "ten extensions");
        finish.SetResult();
        await EmptyAsync(node.Timer);
        node.Got.Count.ShouldBe(2);
        node.Got.ShouldAllBe(delivery => delivery.Retries == 0);
        (await node.Timer.StatsAsync()).Dead.ShouldBe(0);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_lease_that_cannot_be_extended_is_lost_the_token_fires_and_calls_are_refused_here()
    {
        var told = new TaskCompletionSource();
        var asserted = new TaskCompletionSource(); // until then the second delivery confirms nothing
        Node node = await JoinAsync(
            async (delivery, stop) =>
            {
                if (delivery.Retries > 0)
                {
                    await asserted.Task;
                    return;
                }

                await using CancellationTokenRegistration registration = stop.Register(told.SetResult);
                await told.Task;
                stop.ThrowIfCancellationRequested();
            },
            o => o.ConfirmTimeout = _lease);
        Faults.FailAlways(nameof(Faults.ExtendAsync), Fault.FailsLater);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        TimerDelivery delivery = await node.NthAsync(1);
        await told.Task.WaitAsync(Seconds(10));

        delivery.LeaseLeft.ShouldBe(TimeSpan.Zero);
        delivery.Stopping.IsCancellationRequested.ShouldBeTrue();
        (await delivery.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
        (await delivery.RetryAsync()).ShouldBe(TimerOutcome.Stale);
        (await delivery.ExtendAsync(Seconds(1))).ShouldBe(TimerOutcome.Stale);
        Faults.Calls(nameof(Faults.ConfirmAsync)).ShouldBe(0);
        asserted.SetResult();

        // The lease ran out in the store, too: a retry is spent, and it comes again.
        (await node.NthAsync(2)).Retries.ShouldBe(1);
        await EventuallyAsync(() => Errors.Any(e => e.Exception is TimeoutException && e.EventId == "a"), "the lost lease is reported");
        Errors.ShouldNotContain(e => e.Exception is OperationCanceledException);
    }

    [Fact]
    public async Task An_extension_that_fails_a_few_times_loses_nothing()
    {
        var finish = new TaskCompletionSource();
        Faults.Fail(nameof(Faults.ExtendAsync), Fault.ThrowsAtOnce, Fault.FailedTask, Fault.FailsLater, Fault.ReplyLost);
        Node node = await JoinAsync((_, _) => finish.Task, o => o.ConfirmTimeout = Seconds(1));
        await node.Timer.PostAsync(1, TimeSpan.Zero);
        TimerDelivery delivery = await node.NthAsync(1);
        await EventuallyAsync(() => Faults.Calls(nameof(Faults.ExtendAsync)) >= 7, "extensions after the failed ones");
        delivery.Stopping.IsCancellationRequested.ShouldBeFalse();
        finish.SetResult();
        await EmptyAsync(node.Timer);
        node.Got.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_revoked_or_replaced_delivery_is_told_with_or_without_the_bell(bool bell)
    {
        var told = new TaskCompletionSource();
        Node node = await JoinAsync(
            async (delivery, stop) =>
            {
                if (delivery.Payload.Length > 1) return;
                await using CancellationTokenRegistration registration = stop.Register(told.SetResult);
                await told.Task;
            },
            o => o.ConfirmTimeout = bell ? Seconds(60) : _lease);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        TimerDelivery first = await node.NthAsync(1);
        Faults.DropBells = !bell;
        (await NewTimer().PostAsync("new", TimeSpan.Zero, new() { Id = "a" })).Outcome.ShouldBe(PostOutcome.Replaced);
        await told.Task.WaitAsync(Seconds(10));
        (await first.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
        (await node.NthAsync(2)).Read<string>().ShouldBe("new");
        await EmptyAsync(node.Timer);
    }

    [Fact]
    public async Task A_revocation_that_arrives_before_the_claims_reply_is_not_forgotten()
    {
        DistributedTimer other = NewTimer();
        Faults.AfterClaim = async claim =>
        {
            if (claim.Events.Count == 0) return;
            (await other.CancelAsync(claim.Events[0].Id, revoke: true)).ShouldBe(TimerOutcome.Done);
            await EventuallyAsync(() => Faults.BellsHeard(TimerBellKind.Revoked) > 0, "the bell");
        };
        Node node = await JoinAsync(async (_, stop) => await Task.Delay(Timeout.Infinite, stop), o => o.ConfirmTimeout = Seconds(60));
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await EventuallyAsync(() => Faults.BellsHeard(TimerBellKind.Revoked) > 0, "the bell");
        await EventuallyAsync(() => node.Got.All(delivery => delivery.Stopping.IsCancellationRequested), "no handler goes on");
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task With_manual_confirmation_the_lease_is_not_extended_after_the_handler_has_returned()
    {
        Node node = await JoinAsync(configure: o => (o.ConfirmTimeout, o.Confirmation) = (_lease, Confirmation.Manual));
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 1 });
        TimerDelivery first = await node.NthAsync(1);
        TimerDelivery second = await node.NthAsync(2);
        second.Retries.ShouldBe(1);
        (await first.ConfirmAsync()).ShouldBe(TimerOutcome.Stale);
        (await second.ExtendAsync(Seconds(60))).ShouldBe(TimerOutcome.Done);
        second.LeaseLeft.ShouldBeGreaterThan(Seconds(30));
        (await second.ConfirmAsync()).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task A_handler_is_extended_up_to_the_longest_handling_time_only()
    {
        var told = new TaskCompletionSource();
        Node node = await JoinAsync(
            async (_, stop) =>
            {
                await using CancellationTokenRegistration registration = stop.Register(told.SetResult);
                await told.Task;
                stop.ThrowIfCancellationRequested();
            },
            o => (o.ConfirmTimeout, o.MaxHandlingTime) = (_lease, Ms(600)));
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await told.Task.WaitAsync(Seconds(10));
        TimerSnapshot dead = (await Eventually.ReadsAsync(() => node.Timer.PeekAsync("a"), s => s?.State == TimerState.Dead, "dead"))!;
        dead.DeadReason.ShouldBe(DeadReason.LeaseExpired);
        Faults.Calls(nameof(Faults.ExtendAsync)).ShouldBeGreaterThan(0);
    }

}
