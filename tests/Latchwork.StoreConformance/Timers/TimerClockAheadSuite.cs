using Latchwork.Storage;
using Latchwork.StoreConformance.Schedules;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>A server's clock that was 20 hours ahead for a while and was put right: delays keep their length, absolute times are those of the clock that is right, and nothing shows another.</summary>
public abstract class TimerClockAheadSuite(StoreFixture fixture) : ScheduleSuiteBase(fixture)
{
    private static readonly TimeSpan _jump = TimeSpan.FromHours(20);

    private DateTimeOffset _began;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _began = Clock.GetUtcNow();
    }

    [Fact]
    public async Task Absolute_times_are_those_of_the_clock_that_is_right_whenever_they_were_posted()
    {
        await PostAsync(Entry("before", In(30)));
        await JumpAheadAsync();
        await PostAsync(Entry("during", In(25)));
        await PutRightAsync();
        await PostAsync(Entry("after", In(1)));
        await ShouldFireAsync(("after", In(1)), ("during", In(25)), ("before", In(30)));
    }

    [Fact]
    public async Task Delays_keep_their_length_whenever_they_were_posted()
    {
        await PostAsync("before", 25 * 3_600_000d);
        await JumpAheadAsync();
        await PostAsync("during", 3 * 3_600_000d);
        await PutRightAsync();
        await PostAsync("after", 3_600_000);

        // For the first one 20 hours have passed: while a jump lasts, nobody can know better.
        await ShouldFireAsync(("after", In(1)), ("during", In(3)), ("before", In(5)));
    }

    [Fact]
    public async Task What_fell_due_while_the_clock_was_ahead_and_was_not_taken_waits_for_its_time()
    {
        await PostAsync(Entry("posted before", In(5)));
        await JumpAheadAsync();
        await PostAsync(Entry("posted as if it had passed", In(2)));
        await PutRightAsync();
        (await GetStatsAsync()).OldestOverdue.ShouldBeNull();
        await ShouldFireAsync(("posted as if it had passed", In(2)), ("posted before", In(5)));
    }

    [Fact]
    public async Task An_absolute_time_that_has_passed_means_now_whatever_the_clock_has_done()
    {
        await JumpAheadAsync();
        await PutRightAsync();
        await PostAsync(Entry("a", In(-3)));
        (await PeekAsync("a"))!.Due.ShouldBe(_began);
        ClaimedEvent claimed = (await AskAsync()).Events.Single();
        (claimed.Due, claimed.Lateness).ShouldBe((_began, TimeSpan.Zero));
    }

    [Fact]
    public async Task A_claim_that_is_repeated_brings_the_same_events_in_the_same_order_although_the_clock_went_back()
    {
        await PostAsync("delay", 6 * 3_600_000d);
        await PostAsync(Entry("absolute", In(5)));
        await JumpAheadAsync();
        string token = NewToken();
        (await AskAsync("n2", token)).Events.Select(e => e.Id).ShouldBe(["absolute", "delay"]);
        await PutRightAsync();
        TimerClaim again = await AskAsync("n2", token);
        again.Events.Select(e => e.Id).ShouldBe(["absolute", "delay"]);
        again.Events[0].Due.ShouldBeGreaterThan(again.Events[1].Due, "and as they are shown now it is the other way round");
    }

    [Fact]
    public async Task A_retry_is_counted_from_the_failure_and_a_hand_back_keeps_the_time()
    {
        await PostAsync(Entry("fails", In(5), maxRetries: 3), Entry("goes back", In(5)), Entry("is interrupted", In(5)));
        await JumpAheadAsync();
        string token = NewToken();
        (await AskAsync(token: token)).Events.Count.ShouldBe(3); // early, as long as the clock is ahead
        await PutRightAsync();
        (await FailAsync(new DeliveryKey("fails", token), Seconds(30))).ShouldBe(TimerOutcome.Done);
        (await ReleaseAsync(new DeliveryKey("goes back", token))).ShouldBe(TimerOutcome.Done);
        (await FailAsync(new DeliveryKey("is interrupted", token), Seconds(30), isInterruption: true)).ShouldBe(TimerOutcome.Done);
        (await UpcomingAsync()).Select(e => (e.Id, e.Due)).ShouldBe([("fails", _began + Seconds(30)), ("goes back", In(5)), ("is interrupted", In(5))]);
        await ShouldFireAsync(("fails", _began + Seconds(30)), ("goes back", In(5)));
        (await StateAsync("is interrupted")).ShouldBeNull("it came with the other");
    }

    [Fact]
    public async Task Changed_and_requeued_events_have_the_kind_of_time_that_they_were_given_last()
    {
        await KillAsync("requeued");
        await PostAsync(Entry("becomes a delay", In(30)), Entry("becomes absolute", 1_000), Entry("replaced", In(30)));
        await JumpAheadAsync();
        await ChangeDelayAsync("becomes a delay", TimeSpan.FromHours(1));
        await ChangeDelayAsync("becomes absolute", In(24));
        await PostAsync(Entry("replaced", 2 * 3_600_000d));
        (await RequeueAsync(new DeadLetterKey("requeued", null), In(26))).ShouldBe(TimerOutcome.Done);
        await PutRightAsync();
        await ShouldFireAsync(("becomes a delay", In(1)), ("replaced", In(2)), ("becomes absolute", In(24)), ("requeued", In(26)));
    }

    [Fact]
    public async Task What_is_shown_is_in_the_time_of_the_clock_that_is_right()
    {
        await PostAsync("dies", 0);
        await PostAsync(Entry("held", In(1), maxRetries: 1));
        await JumpAheadAsync();
        DeliveryKey dying = await TakeAsync("dies"), held = await TakeAsync("held", lease: TimeSpan.FromDays(1));
        (await FailAsync(dying, retryIn: null)).ShouldBe(TimerOutcome.DeadLettered);
        await PutRightAsync();

        TimerSnapshot shown = (await PeekAsync("held"))!;
        (shown.ClaimedAt, shown.Due, shown.LeaseLeft).ShouldBe((_began, In(1), TimeSpan.FromDays(1)));
        TimerSnapshot listed = (await Timers.InFlightAsync(Partition, null, 10, CancellationToken.None)).Items.Single();
        (listed.ClaimedAt, listed.Due, listed.LeaseLeft).ShouldBe((_began, In(1), TimeSpan.FromDays(1)));

        TimerSnapshot dead = (await DeadLettersAsync()).Single();
        (dead.DeadLetteredAt, dead.DeadLetteredFor, dead.Failures.Single().At).ShouldBe((_began, TimeSpan.Zero, _began));
        (await PeekAsync("dies"))!.DeadLetteredAt.ShouldBe(_began);
        (await RequeueAsync(new DeadLetterKey("dies", _began + Ms(1)), TimeSpan.Zero)).ShouldBe(TimerOutcome.NotFound);
        (await RequeueAsync(new DeadLetterKey("dies", dead.DeadLetteredAt), TimeSpan.Zero)).ShouldBe(TimerOutcome.Done);
        (await ConfirmAsync(held)).ShouldBe(TimerOutcome.Done);

        TimerPause pause = await PauseAsync();
        pause.Since.ShouldBe(_began);
        TimerCounters counters = await CountersAsync();
        counters.Minutes[^1].Start.ShouldBeInRange(_began - TimeSpan.FromMinutes(1), _began + TimeSpan.FromMinutes(1));
        counters.Hours[^1].Start.ShouldBeInRange(_began - TimeSpan.FromMinutes(61), _began + TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Dead_letters_are_what_was_listed_although_nobody_has_noted_yet_that_the_clock_was_put_back()
    {
        await JumpAheadAsync();
        await KillAsync("requeued");
        await KillAsync("purged");
        Clock.Shift(-_jump);
        List<TimerSnapshot> listed = await DeadLettersAsync();
        listed.ShouldAllBe(e => e.DeadLetteredAt == _began);
        Clock.Advance(Seconds(1)); // the jump that is yet to be noted is smaller by now

        DeadLetterKey requeued = DeadLetterKey.Of(listed.Single(e => e.Id == "requeued")), purged = DeadLetterKey.Of(listed.Single(e => e.Id == "purged"));
        (await RequeueAsync(requeued, TimeSpan.Zero)).ShouldBe(TimerOutcome.Done);
        (await PurgeAsync(purged)).ShouldBe(TimerOutcome.Done);
        DeliveryKey again = await TakeAsync("requeued");
        Clock.Advance(Ms(1));
        (await FailAsync(again, retryIn: null)).ShouldBe(TimerOutcome.DeadLettered);
        (await RequeueAsync(requeued, TimeSpan.Zero)).ShouldBe(TimerOutcome.NotFound, "it died again");
    }

    [Fact]
    public async Task All_dead_letters_are_purged_although_the_clock_was_put_back_and_goes_on_meanwhile()
    {
        await JumpAheadAsync();
        await KillAsync("a");
        Clock.Shift(-_jump);
        await using var timer = new DistributedTimer(new SlowStore(Store, () => Clock.Advance(Seconds(1))), new() { Namespace = Partition.Namespace });
        (await timer.DeadLetters.PurgeAllAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task Many_that_are_dated_anew_hold_up_nobody_behind_them()
    {
        const int Many = 450;
        foreach (TimerEntry[] some in Enumerable.Range(0, Many).Select(i => Entry($"{i:D4}", In(5))).Chunk(Limits.MaxBatch)) await PostAsync(some);
        await JumpAheadAsync();
        Clock.Shift(-_jump);
        await PostAsync("now", 0);

        var claimed = new List<string>();
        int claims = 0;
        for (; claimed.Count == 0 && claims < 10; claims++)
        {
            TimerClaim claim = await AskAsync();
            claimed.AddRange(claim.Events.Select(e => e.Id));
            if (claimed.Count == 0) claim.AskAgainIn.ShouldBe(TimeSpan.Zero, "there may be more");
        }

        claimed.ShouldBe(["now"]);
        claims.ShouldBeLessThanOrEqualTo(4);
        for (int i = 0; i < 4; i++) (await ClaimIdsAsync()).ShouldBeEmpty();
        (await UpcomingAsync()).Select(e => (e.Id, e.Due)).ShouldBe(Enumerable.Range(0, Many).Select(i => ($"{i:D4}", In(5))));
        Clock.Advance(TimeSpan.FromHours(5) - Ms(1));
        (await ClaimIdsAsync()).ShouldBeEmpty();
        Clock.Advance(Ms(1));
        (await ClaimIdsAsync()).Length.ShouldBe(Limits.MaxBatch);
    }

    [Fact]
    public async Task Each_of_many_is_delivered_with_the_time_that_it_was_due_at()
    {
        const int Many = 450;
        foreach (TimerEntry[] some in Enumerable.Range(0, Many).Select(i => Entry($"{i:D4}", In(5))).Chunk(Limits.MaxBatch)) await PostAsync(some);
        await JumpAheadAsync();
        Clock.Shift(-_jump);
        Clock.Advance(TimeSpan.FromHours(5));

        var claimed = new List<ClaimedEvent>();
        for (int claims = 0; claims < 10 && claimed.Count < Many; claims++)
        {
            string token = NewToken();
            IReadOnlyList<ClaimedEvent> events = (await AskAsync(token: token)).Events;
            if (claims == 0) (await PeekAsync(events[^1].Id))!.Due.ShouldBe(In(5));
            foreach (ClaimedEvent e in events) (await ConfirmAsync(new DeliveryKey(e.Id, token), KeepCompleted)).ShouldBe(TimerOutcome.Done);
            claimed.AddRange(events);
        }

        claimed.Count.ShouldBe(Many);
        claimed.ShouldAllBe(e => e.Due == In(5) && e.Lateness == TimeSpan.Zero);
        TimerPage completed = await Timers.CompletedAsync(Partition, null, Limits.MaxBatch, CancellationToken.None);
        completed.Items.ShouldAllBe(e => e.Due == In(5));
    }

    [Fact]
    public async Task Schedules_repeat_nothing_and_run_nothing_early()
    {
        const int Hour = 60;
        await CreateAsync(10 * Hour);
        await JumpAheadAsync();
        DeliveryKey early = await TakeAsync(IdAt(10 * Hour)); // as long as the clock is ahead
        (await AdvanceAsync(RunOf(early, (await RecordAsync())!, 10 * Hour, 34 * Hour))).Outcome.ShouldBe(AdvanceOutcome.Run);
        await PutRightAsync();
        (await ConfirmAsync(early)).ShouldBe(TimerOutcome.Done);

        ScheduleReading reading = await Schedules.ReadAsync(Partition, [Nightly], CancellationToken.None);
        reading.Now.ShouldBe(_began, "expressions are evaluated from it");
        (await PeekAsync(IdAt(34 * Hour)))!.Due.ShouldBe(Minute(34 * Hour));
        Clock.Advance(Minute(34 * Hour) - Clock.GetUtcNow() - Ms(1));
        (await ClaimIdsAsync()).ShouldBeEmpty();
        Clock.Advance(Ms(1));
        (await ClaimIdsAsync()).ShouldBe([IdAt(34 * Hour)]);
    }

    [Fact]
    public async Task An_occurrence_that_was_claimed_early_and_has_not_begun_waits_for_its_time()
    {
        const int Hour = 60;
        await CreateAsync(10 * Hour);
        await JumpAheadAsync();
        await TakeAsync(IdAt(10 * Hour));
        await PutRightAsync();
        Clock.Advance(Lease + Ms(1));
        (await ClaimIdsAsync()).ShouldBeEmpty();
        (await PeekAsync(IdAt(10 * Hour)))!.Due.ShouldBe(Minute(10 * Hour));
        Clock.Advance(Minute(10 * Hour) - Clock.GetUtcNow());
        ClaimedEvent claimed = (await AskAsync()).Events.Single();
        (claimed.Retries, claimed.FirstClaimedAt).ShouldBe((0, _began));
    }

    [Fact]
    public async Task The_check_says_how_far_the_clock_went_back()
    {
        const string Code = "clock-back";
        (await Store.CheckAsync()).ShouldNotContain(warning => warning.Code == Code);
        Clock.Shift(_jump);
        (await Store.CheckAsync()).ShouldNotContain(warning => warning.Code == Code);
        Clock.Shift(-_jump);
        (await Store.CheckAsync()).First(warning => warning.Code == Code).Message.ShouldContain("went back by 72000 s");
    }

    [Fact]
    public async Task It_may_jump_again()
    {
        await PostAsync(Entry("a", In(100)));
        for (int i = 0; i < 3; i++)
        {
            await JumpAheadAsync();
            await PostAsync(Entry($"b{i}", In(50 + i)));
            await PutRightAsync();
        }

        await ShouldFireAsync(("b0", In(50)), ("b1", In(51)), ("b2", In(52)), ("a", In(100)));
    }

    /// <summary>A moment of the clock that is right.</summary>
    private DateTimeOffset In(double hours) => _began + TimeSpan.FromHours(hours);

    /// <summary>The clock jumps ahead, and the store sees it: a node shows that it lives, and takes nothing.</summary>
    private async Task JumpAheadAsync()
    {
        Clock.Shift(_jump);
        await AskAsync(max: 0);
    }

    /// <summary>The clock is put right, and the store sees that.</summary>
    private async Task PutRightAsync()
    {
        Clock.Shift(-_jump);
        (await AskAsync(max: 0)).Events.ShouldBeEmpty();
    }

    /// <summary>Each event is shown with its time, is not delivered a millisecond before it, and is delivered then. Those of one time come together.</summary>
    private async Task ShouldFireAsync(params (string Id, DateTimeOffset At)[] expected)
    {
        foreach ((string id, DateTimeOffset at) in expected)
        {
            TimerSnapshot shown = (await PeekAsync(id))!;
            (shown.Id, shown.Due, shown.TimeLeft).ShouldBe((id, at, at - Clock.GetUtcNow()));
        }

        (await ClaimIdsAsync()).ShouldBeEmpty("dated anew, if it was to be");
        (await UpcomingAsync()).Select(e => (e.Id, e.Due)).Where(e => expected.Contains(e)).ShouldBe(expected);
        foreach ((string id, DateTimeOffset at) in expected)
        {
            Clock.Advance(at - Clock.GetUtcNow() - Ms(1));
            (await ClaimIdsAsync()).ShouldBeEmpty(id);
            Clock.Advance(Ms(1));
            string token = NewToken();
            IReadOnlyList<ClaimedEvent> claimed = (await AskAsync(token: token)).Events;
            claimed.Select(e => e.Id).ShouldContain(id);
            claimed.ShouldAllBe(e => e.Due == at && e.Lateness == TimeSpan.Zero);
            foreach (ClaimedEvent e in claimed) (await ConfirmAsync(new DeliveryKey(e.Id, token))).ShouldBe(TimerOutcome.Done);
        }
    }

    /// <summary>A store on whose way back from a listing of dead letters time passes.</summary>
    private sealed class SlowStore(LatchworkStore inner, Action pass) : LatchworkStore
    {
        public override ITimerStore Timers { get; } = new SlowTimers(inner.Timers, pass);

        public override ILockerStore Locks => inner.Locks;

        public override string Description => inner.Description;

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class SlowTimers(ITimerStore inner, Action pass) : PassingTimerStore(inner)
    {
        public override async Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken)
        {
            TimerPage page = await base.DeadLettersAsync(partition, cursor, limit, cancellationToken);
            pass();
            return page;
        }
    }
}
