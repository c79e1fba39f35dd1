using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>A paused partition: nothing is claimed, nobody is woken, and all else is served.</summary>
public abstract class TimerPauseSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    private static DateTimeOffset WholeMs(DateTimeOffset time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMillisecond));

    [Fact]
    public async Task While_paused_a_claim_gives_nothing_but_who_paused_it_and_why()
    {
        await PostAsync(Entry("a", 0), Entry("b", 500));
        TimerPause pause = await PauseAsync("database migration", "anna");
        pause.ShouldBe(new TimerPause("anna", WholeMs(Clock.GetUtcNow()), "database migration"));
        Clock.Advance(Seconds(1));

        TimerClaim claim = await AskAsync();
        claim.Events.ShouldBeEmpty();
        claim.Pause.ShouldBe(pause);
        claim.AskAgainIn.ShouldBeInRange(Ms(900), Ms(1_100), "its poll slot, however much is due");
        (await GetStatsAsync()).ShouldSatisfyAllConditions(s => s.Pause.ShouldBe(pause), s => s.Scheduled.ShouldBe(2), s => s.OldestOverdue.ShouldBe(Seconds(1)));

        (await ResumeAsync()).ShouldBe(pause);
        (await GetStatsAsync()).Pause.ShouldBeNull();
        TimerClaim after = await AskAsync();
        after.Pause.ShouldBeNull();
        after.Events.Select(e => e.Id).ShouldBe(["a", "b"]);
    }

    [Fact]
    public async Task The_first_pause_stays_unless_the_next_says_since_when()
    {
        TimerPause first = await PauseAsync("one", "anna");
        Clock.Advance(Seconds(5));
        (await PauseAsync("two", "ben")).ShouldBe(first);
        var given = new TimerPause("carl", WholeMs(Clock.GetUtcNow()) - TimeSpan.FromDays(1), "three");
        (await Timers.PauseAsync(Partition, new PauseRequest(given.By, given.Reason) { Since = given.Since }, CancellationToken.None)).ShouldBe(given);
        (await GetStatsAsync()).Pause.ShouldBe(given);
        (await ResumeAsync()).ShouldBe(given);
        (await ResumeAsync()).ShouldBeNull();
    }

    [Theory]
    [InlineData("anna", "")]
    [InlineData("a b 3 c", "7 days: \"why\"? }x {y} %25 \r\n \t")]
    [InlineData("\U0001F600", "größer \uFFFD \U0001F600")]
    public async Task Any_text_can_say_who_and_why(string by, string reason)
    {
        TimerPause pause = await PauseAsync(reason, by);
        (pause.By, pause.Reason).ShouldBe((by, reason));
        (await GetStatsAsync()).Pause.ShouldBe(pause);
        (await AskAsync()).Pause.ShouldBe(pause);
        (await ResumeAsync()).ShouldBe(pause);
    }

    [Fact]
    public async Task The_longest_texts_fit()
    {
        string by = new('b', Limits.MaxIdBytes), reason = new('r', Limits.MaxReasonBytes);
        await PauseAsync(reason, by);
        TimerPause pause = (await GetStatsAsync()).Pause.ShouldNotBeNull();
        (pause.By, pause.Reason).ShouldBe((by, reason));
    }

    [Fact]
    public async Task Everything_but_claiming_is_served()
    {
        await PostAsync(Entry("held", 0, maxRetries: 3), Entry("other", 0, maxRetries: 3), Entry("third", 0), Entry("fourth", 0));
        await AskAsync("n1", "t");
        await PauseAsync();

        (await PostAsync("new", 0)).ShouldBe(PostOutcome.Created);
        (await PostAsync("new", 5)).ShouldBe(PostOutcome.Replaced);
        (await ChangeDelayAsync("new", Due.In(Ms(7)))).ShouldBe(TimerOutcome.Done);
        (await ExtendAsync(new("held", "t"), Seconds(60))).ShouldBe(TimerOutcome.Done);
        (await ConfirmAsync(new("held", "t"))).ShouldBe(TimerOutcome.Done);
        (await FailAsync(new("other", "t"), Ms(5))).ShouldBe(TimerOutcome.Done);
        (await FailAsync(new("third", "t"), null)).ShouldBe(TimerOutcome.DeadLettered);
        (await ReleaseAsync(new("fourth", "t"))).ShouldBe(TimerOutcome.Done);
        (await RequeueAsync(new("third", null), Due.In(TimeSpan.Zero))).ShouldBe(TimerOutcome.Done);
        (await UpcomingAsync()).Select(e => e.Id).ShouldBe(["fourth", "third", "other", "new"]);
        (await CancelAsync("fourth")).ShouldBe(TimerOutcome.Done);
        Clock.Advance(Seconds(1));
        (await ClaimIdsAsync()).ShouldBeEmpty();

        await ResumeAsync();
        (await ClaimIdsAsync()).ShouldBe(["third", "other", "new"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_claim_that_is_repeated_gives_what_it_gave_before_the_pause()
    {
        await PostAsync(Entry("a", 0), Entry("b", 1));
        (await AskAsync("n1", "t", max: 1)).Events.Select(e => e.Id).ShouldBe(["a"]);
        TimerPause pause = await PauseAsync();
        TimerClaim again = await AskAsync("n1", "t", max: 1);
        again.Events.Select(e => e.Id).ShouldBe(["a"]);
        again.Pause.ShouldBe(pause);
    }

    [Fact]
    public async Task An_expired_lease_is_taken_back_by_the_next_poll_although_nobody_is_woken_for_it()
    {
        await PostAsync(Entry("retried", 0, maxRetries: 1), Entry("last", 0));
        await AskAsync("n1", "t");
        await PauseAsync();
        (await AskAsync("n2")).AskAgainIn.ShouldBeLessThan(Seconds(3));
        Clock.Advance(Lease);

        TimerClaim claim = await AskAsync("n2");
        claim.Events.ShouldBeEmpty();
        claim.DeadLettered.ShouldBe(1);
        (await PeekAsync("retried"))!.ShouldSatisfyAllConditions(e => e.State.ShouldBe(TimerState.Scheduled), e => e.Retries.ShouldBe(1));
        (await PeekAsync("last"))!.DeadLetterReason.ShouldBe(DeadLetterReason.LeaseExpired);
    }

    [Fact]
    public async Task Ten_listeners_and_ten_thousand_overdue_events_cost_one_claim_a_second_in_all()
    {
        for (int i = 0; i < 50; i++) await PostAsync([.. Enumerable.Range(0, 200).Select(j => Entry($"{i}-{j}", 0))]);
        var listeners = new ListenerSimulation(Timers, Partition, Clock);
        await PauseAsync();
        Clock.Advance(Seconds(1));
        for (int i = 0; i < 10; i++) await listeners.JoinAsync($"n{i}");
        await listeners.RunAsync(Seconds(20));
        await listeners.RunAsync(Seconds(60));
        listeners.AsksWithin(Seconds(60)).ShouldBeInRange(50, 75, "at most two a second are promised");
        listeners.Deliveries.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_backlog_drains_after_the_pause_from_both_ends()
    {
        await PauseAsync();
        await PostAsync([.. Enumerable.Range(0, 10).Select(i => Entry($"e{i}", i * 10))]);
        Clock.Advance(TimeSpan.FromDays(1));
        await PostAsync("fresh", 0);
        await ResumeAsync();

        string[] first = await ClaimIdsAsync(max: 4);
        first.Length.ShouldBe(4);
        first.ShouldContain("e0");
        first.ShouldContain("fresh");
        (await ClaimIdsAsync()).Length.ShouldBe(7);
    }

    [Fact]
    public async Task The_nodes_that_listen_are_told_of_the_pause()
    {
        await using NotificationRecorder one = await NotificationRecorder.ListenAsync(Timers, Partition.Namespace, "n1");
        await using NotificationRecorder two = await NotificationRecorder.ListenAsync(Timers, Partition.Namespace, "n2");
        await AskAsync("n1");
        await AskFullAsync("n2");
        await PauseAsync();
        foreach (NotificationRecorder node in (NotificationRecorder[])[one, two])
        {
            await Eventually.HoldsAsync(() => node.All.Any(n => n.Kind == WakeNotificationKind.Paused && n.Partition == Partition.Index), "it is told");
        }
    }

    [Fact]
    public async Task In_a_pause_nobody_is_woken_and_its_end_wakes_two()
    {
        var nodes = new List<NotificationRecorder>();
        for (int i = 1; i <= 4; i++)
        {
            nodes.Add(await NotificationRecorder.ListenAsync(Timers, Partition.Namespace, $"n{i}"));
            await AskAsync($"n{i}");
        }

        await PauseAsync();
        await PostAsync("a", 0);
        await PostAsync("b", 500);
        for (int i = 1; i <= 4; i++) await AskAsync($"n{i}");
        await Timers.LeaveAsync(Partition, "n4", CancellationToken.None);
        await ResumeAsync();

        await Eventually.HoldsAsync(() => nodes.Sum(n => n.DueCount) >= 2, "two are woken");
        nodes.Sum(n => n.DueCount).ShouldBe(2, "by the end of the pause, and by nothing before it");
        nodes[3].DueCount.ShouldBe(0, "it has left");
        foreach (NotificationRecorder node in nodes) await node.DisposeAsync();
    }

    [Fact]
    public async Task A_node_that_joins_in_a_pause_is_woken_by_its_end()
    {
        await PauseAsync();
        await PostAsync("a", 0);
        await using NotificationRecorder node = await NotificationRecorder.ListenAsync(Timers, Partition.Namespace, "n1");
        (await AskAsync("n1")).Events.ShouldBeEmpty();
        await ResumeAsync();
        await Eventually.HoldsAsync(() => node.DueCount > 0, "it is woken");
        (await ClaimIdsAsync("n1")).ShouldBe(["a"]);
    }

    [Fact]
    public async Task A_namespace_can_be_paused_before_anything_is_posted_to_it()
    {
        TimerPause pause = await PauseAsync("not yet");
        await PostAsync("a", 0);
        (await AskAsync()).ShouldSatisfyAllConditions(c => c.Events.ShouldBeEmpty(), c => c.Pause.ShouldBe(pause));
    }

    [Fact]
    public async Task A_pause_is_kept_when_the_clock_goes_back()
    {
        await AskAsync();
        Clock.Advance(Ms(60));
        TimerPause pause = await PauseAsync("why");
        Clock.Shift(-Seconds(3_600));
        (await AskAsync()).Pause.ShouldBe(pause);
        (await GetStatsAsync()).Pause.ShouldBe(pause);
    }
}
