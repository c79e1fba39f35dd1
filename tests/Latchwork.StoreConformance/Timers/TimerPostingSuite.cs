using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Posting, and posting an id that exists.</summary>
public abstract class TimerPostingSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Fact]
    public async Task A_new_id_is_created_and_scheduled()
    {
        (await PostAsync("a", 5_000, maxRetries: 3, payload: "[1]")).ShouldBe(PostOutcome.Created);

        TimerSnapshot a = (await PeekAsync("a")).ShouldNotBeNull();
        a.State.ShouldBe(TimerState.Scheduled);
        a.TimeLeft.ShouldBe(Seconds(5));
        a.Due.ShouldBe(Clock.GetUtcNow() + Seconds(5));
        a.Retries.ShouldBe(0);
        a.MaxRetries.ShouldBe(3);
        a.Payload.ToArray().ShouldBe(Bytes("[1]"));
        a.Headers.ShouldBeEmpty();
        (a.LeaseLeft, a.Token, a.NodeId, a.DeadLetterReason, a.DeadLetteredAt).ShouldBe((null, null, null, null, null));
        a.Failures.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_has_passed_is_due_at_once_even_the_first_instant_of_1970()
    {
        Clock.Advance(Ms(0.4)); // A delay of zero would be over at the end of this millisecond.
        await PostAsync(Entry("a", Due.At(DateTimeOffset.UnixEpoch)), Entry("b", Due.At(Clock.GetUtcNow() - Ms(1))));
        (await ClaimIdsAsync()).ShouldBe(["a", "b"], ignoreOrder: true);
    }

    [Theory]
    [InlineData(IfExists.Replace, PostOutcome.Replaced, "new")]
    [InlineData(IfExists.Fail, PostOutcome.Exists, "old")]
    [InlineData(IfExists.Keep, PostOutcome.Kept, "old")]
    public async Task On_a_scheduled_id(IfExists ifExists, PostOutcome outcome, string survivor)
    {
        await PostAsync("a", 1_000, maxRetries: 1, payload: "old");
        (await PostAsync("a", 2_000, maxRetries: 2, ifExists, payload: "new")).ShouldBe(outcome);

        bool replaced = survivor == "new";
        TimerSnapshot a = (await PeekAsync("a")).ShouldNotBeNull();
        a.Payload.ToArray().ShouldBe(Bytes(survivor));
        a.TimeLeft.ShouldBe(replaced ? Seconds(2) : Seconds(1));
        a.MaxRetries.ShouldBe(replaced ? 2 : 1);
        (await GetStatsAsync()).Scheduled.ShouldBe(1);
    }

    [Theory]
    [InlineData(IfExists.Replace, PostOutcome.Replaced)]
    [InlineData(IfExists.Fail, PostOutcome.Exists)]
    [InlineData(IfExists.Keep, PostOutcome.Kept)]
    public async Task On_an_id_in_flight(IfExists ifExists, PostOutcome outcome)
    {
        await PostAsync("a", 0, payload: "old");
        DeliveryKey delivery = await TakeAsync("a");
        (await PostAsync("a", 500, ifExists: ifExists, payload: "new")).ShouldBe(outcome);

        bool replaced = outcome == PostOutcome.Replaced;
        (await StateAsync("a")).ShouldBe(replaced ? TimerState.Scheduled : TimerState.InFlight);
        (await ConfirmAsync(delivery)).ShouldBe(replaced ? TimerOutcome.Stale : TimerOutcome.Done);
        Clock.Advance(Ms(500));
        TimerClaim next = await AskAsync();
        next.Events.Select(e => (e.Id, Payload: System.Text.Encoding.UTF8.GetString(e.Payload.Span)))
            .ShouldBe(replaced ? [("a", "new")] : []);
    }

    [Theory]
    [InlineData(IfExists.Replace)]
    [InlineData(IfExists.Fail)]
    [InlineData(IfExists.Keep)]
    public async Task On_a_dead_id_the_new_event_takes_its_place(IfExists ifExists)
    {
        await KillAsync("a");
        (await PostAsync("a", 500, maxRetries: 2, ifExists, payload: "new")).ShouldBe(PostOutcome.Replaced);

        TimerSnapshot a = (await PeekAsync("a")).ShouldNotBeNull();
        a.State.ShouldBe(TimerState.Scheduled);
        (a.Retries, a.MaxRetries, a.DeadLetterReason, a.DeadLetteredAt).ShouldBe((0, 2, null, null));
        a.Failures.ShouldBeEmpty();
        (await DeadLettersAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Replacing_forgets_retries_and_failures()
    {
        await PostAsync("a", 0, maxRetries: 5);
        (await FailAsync(await TakeAsync("a"), Ms(0))).ShouldBe(TimerOutcome.Done);
        (await PeekAsync("a"))!.Retries.ShouldBe(1);

        await PostAsync("a", 0, maxRetries: 5);
        TimerSnapshot a = (await PeekAsync("a"))!;
        a.Retries.ShouldBe(0);
        a.Failures.ShouldBeEmpty();
    }

    [Fact]
    public async Task Replacing_an_event_in_flight_notifies_its_node()
    {
        await using NotificationRecorder notifications = await NotificationRecorder.ListenAsync(Timers, Partition.Namespace, "n1");
        await PostAsync("a", 0);
        DeliveryKey delivery = await TakeAsync("a", "n1");
        await PostAsync("a", 60_000);

        await Eventually.HoldsAsync(() => notifications.All.Any(notification => notification.Kind == WakeNotificationKind.Revoked), "the node is told");
        WakeNotification revoked = notifications.All.Single(notification => notification.Kind == WakeNotificationKind.Revoked);
        revoked.Delivery.ShouldBe(delivery);
        revoked.Partition.ShouldBe(Partition.Index);
    }

    [Fact]
    public async Task The_elements_of_a_batch_take_effect_in_order()
    {
        IReadOnlyList<PostOutcome> outcomes = await PostAsync(
            Entry("a", 100, payload: "1"),
            Entry("b", 100, payload: "1"),
            Entry("a", 200, ifExists: IfExists.Keep, payload: "2"),
            Entry("a", 300, payload: "3"),
            Entry("a", 400, ifExists: IfExists.Fail, payload: "4"),
            Entry("b", 500, payload: "5"));

        outcomes.ShouldBe([PostOutcome.Created, PostOutcome.Created, PostOutcome.Kept, PostOutcome.Replaced, PostOutcome.Exists, PostOutcome.Replaced]);
        List<TimerSnapshot> all = await UpcomingAsync();
        all.Select(e => (e.Id, e.TimeLeft, System.Text.Encoding.UTF8.GetString(e.Payload.Span)))
            .ShouldBe([("a", Ms(300), "3"), ("b", Ms(500), "5")]);
    }

    [Fact]
    public async Task A_full_batch_is_posted_whole()
    {
        TimerEntry[] entries = [.. Enumerable.Range(0, Limits.MaxBatch).Select(i => Entry($"e{i:D3}", i))];
        (await PostAsync(entries)).ShouldAllBe(outcome => outcome == PostOutcome.Created);
        (await UpcomingAsync(limit: 70)).Select(e => e.Id).ShouldBe(entries.Select(e => e.Id));
    }

    [Fact]
    public async Task An_id_said_to_be_new_is_created()
    {
        TimerEntry entry = Entry(Guid.CreateVersion7().ToString(), 10) with { IdIsNew = true };
        (await PostAsync(entry)).ShouldBe([PostOutcome.Created]);
        (await StateAsync(entry.Id)).ShouldBe(TimerState.Scheduled);
    }

    [Fact]
    public async Task An_absolute_time_is_meant_by_the_clock_of_the_store()
    {
        DateTimeOffset at = Clock.GetUtcNow() + Seconds(90);
        await PostAsync(Entry("a", Due.At(at)));
        (await PeekAsync("a"))!.Due.ShouldBe(at);
        (await PeekAsync("a"))!.TimeLeft.ShouldBe(Seconds(90));
    }

    [Fact]
    public async Task An_absolute_time_that_has_passed_means_now()
    {
        await PostAsync(Entry("a", Due.At(Clock.GetUtcNow() - TimeSpan.FromDays(400))));
        TimerSnapshot a = (await PeekAsync("a"))!;
        a.Due.ShouldBe(Clock.GetUtcNow());
        a.TimeLeft.ShouldBe(TimeSpan.Zero);
        (await AskAsync()).Events.Single().Lateness.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task The_longest_delay_is_kept_to_the_millisecond()
    {
        await PostAsync(Entry("a", Due.In(Limits.MaxDelay - Ms(1))));
        (await PeekAsync("a"))!.TimeLeft.ShouldBe(Limits.MaxDelay - Ms(1));
    }
}
