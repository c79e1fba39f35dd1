using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Cancelling, rescheduling and looking, in every state.</summary>
public abstract class TimerChangingSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Fact]
    public async Task Cancelling_a_scheduled_event_removes_it()
    {
        await PostAsync(Entry("a", 100), Entry("b", 100));
        (await CancelAsync("a")).ShouldBe(TimerOutcome.Done);
        (await CancelAsync("a")).ShouldBe(TimerOutcome.NotFound);
        Clock.Advance(Seconds(1));
        (await ClaimIdsAsync()).ShouldBe(["b"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancelling_an_unknown_event_finds_nothing(bool revoke) => (await CancelAsync("never", revoke)).ShouldBe(TimerOutcome.NotFound);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancelling_a_dead_letter_purges_it(bool revoke)
    {
        await KillAsync("a");
        (await CancelAsync("a", revoke)).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("a")).ShouldBeNull();
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 0, 0, 0, null));
    }

    [Fact]
    public async Task An_event_in_flight_is_cancelled_only_by_revoking_it()
    {
        await PostAsync("a", 0);
        DeliveryKey key = await TakeAsync("a");
        (await CancelAsync("a")).ShouldBe(TimerOutcome.InFlight);
        (await PeekAsync("a"))!.Token.ShouldBe(key.Token);

        (await CancelAsync("a", revoke: true)).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("a")).ShouldBeNull();
        (await ConfirmAsync(key)).ShouldBe(TimerOutcome.NotFound);
        (await ExtendAsync(key, Lease)).ShouldBe(TimerOutcome.NotFound);
        Clock.Advance(Lease * 2);
        (await AskAsync()).Events.ShouldBeEmpty();
    }

    [Fact]
    public async Task Revoking_notifies_the_node_that_holds_it()
    {
        await using NotificationRecorder holder = await NotificationRecorder.ListenAsync(Timers, Partition.Namespace, "n1");
        await PostAsync("a", 0);
        DeliveryKey key = await TakeAsync("a", "n1");
        await CancelAsync("a", revoke: true);
        await Eventually.HoldsAsync(() => holder.All.Any(notification => notification.Kind == WakeNotificationKind.Revoked && notification.Delivery == key), "the node is told");
    }

    [Fact]
    public async Task An_expired_lease_counts_as_in_flight_until_somebody_takes_over()
    {
        await PostAsync("a", 0);
        await TakeAsync("a");
        Clock.Advance(Lease * 2);
        (await CancelAsync("a")).ShouldBe(TimerOutcome.InFlight);
        (await ChangeDelayAsync("a", Due.In(Ms(1)))).ShouldBe(TimerOutcome.InFlight);
        (await StateAsync("a")).ShouldBe(TimerState.InFlight);
    }

    [Theory]
    [InlineData(5_000)]
    [InlineData(50)]
    [InlineData(0)]
    public async Task Changing_the_delay_counts_from_now(int delayMs)
    {
        await PostAsync(Entry("a", 1_000, maxRetries: 2, payload: "kept"));
        Clock.Advance(Ms(300));
        (await ChangeDelayAsync("a", Due.In(Ms(delayMs)))).ShouldBe(TimerOutcome.Done);

        TimerSnapshot a = (await PeekAsync("a"))!;
        (a.TimeLeft, a.MaxRetries, a.Due).ShouldBe((Ms(delayMs), 2, Clock.GetUtcNow() + Ms(delayMs)));
        a.Payload.ToArray().ShouldBe(Bytes("kept"));
        Clock.Advance(Ms(delayMs));
        (await ClaimIdsAsync()).ShouldBe(["a"]);
        (await GetStatsAsync()).Scheduled.ShouldBe(0);
    }

    [Fact]
    public async Task The_delay_can_become_an_absolute_time()
    {
        await PostAsync("a", 1_000);
        DateTimeOffset at = Clock.GetUtcNow() + TimeSpan.FromDays(2);
        (await ChangeDelayAsync("a", Due.At(at))).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("a"))!.Due.ShouldBe(at);
    }

    [Fact]
    public async Task Changing_the_delay_of_anything_but_a_scheduled_event_changes_nothing()
    {
        await KillAsync("dead");
        await PostAsync("held", 0);
        DeliveryKey held = await TakeAsync("held");

        (await ChangeDelayAsync("dead", Due.In(Seconds(1)))).ShouldBe(TimerOutcome.DeadLettered);
        (await ChangeDelayAsync("held", Due.In(Seconds(1)))).ShouldBe(TimerOutcome.InFlight);
        (await ChangeDelayAsync("never", Due.In(Seconds(1)))).ShouldBe(TimerOutcome.NotFound);
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 1, 1, 0, null));
        (await PeekAsync("never")).ShouldBeNull();
        (await PeekAsync("held"))!.LeaseLeft.ShouldBe(Lease);
        (await ConfirmAsync(held)).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task Changing_the_delay_of_a_retry_keeps_what_it_went_through()
    {
        await PostAsync("a", 0, maxRetries: 3);
        await FailAsync(await TakeAsync("a"), Seconds(60), "once");
        (await ChangeDelayAsync("a", Due.In(Ms(0)))).ShouldBe(TimerOutcome.Done);
        ClaimedEvent a = (await AskAsync()).Events.Single();
        a.Retries.ShouldBe(1);
        (await PeekAsync("a"))!.Failures.Single().Error.ShouldBe("once");
    }

    [Fact]
    public async Task Looking_at_an_unknown_event_gives_nothing() => (await PeekAsync("never")).ShouldBeNull();

    [Fact]
    public async Task The_time_left_is_never_negative()
    {
        await PostAsync("a", 100);
        Clock.Advance(Seconds(1));
        TimerSnapshot overdue = (await PeekAsync("a"))!;
        (overdue.State, overdue.TimeLeft, overdue.LeaseLeft).ShouldBe((TimerState.Scheduled, TimeSpan.Zero, null));

        await TakeAsync("a");
        Clock.Advance(Lease * 2);
        TimerSnapshot held = (await PeekAsync("a"))!;
        (held.State, held.TimeLeft, held.LeaseLeft).ShouldBe((TimerState.InFlight, TimeSpan.Zero, TimeSpan.Zero));
    }
}
