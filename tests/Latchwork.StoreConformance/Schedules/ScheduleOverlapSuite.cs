using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Schedules;

/// <summary>What becomes of an occurrence while another of its schedule is in flight or waits for a retry; and of one that is triggered.</summary>
public abstract class ScheduleOverlapSuite(StoreFixture fixture) : ScheduleSuiteBase(fixture)
{
    [Fact]
    public async Task While_another_is_in_flight_it_is_skipped()
    {
        await CreateAsync(1);
        await BeginHeldAsync(1);

        (DeliveryKey key, AdvanceOutcome outcome) = await BeginAsync(2);

        outcome.ShouldBe(AdvanceOutcome.Ended);
        (await ConfirmAsync(key)).ShouldBe(TimerOutcome.NotFound);
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        record.ExpectedId.ShouldBe(IdAt(3)); // the chain does not wait
        record.Counts.ShouldBe(new ScheduleCounts(1, 0, 1, 0));
        record.History[^1].Outcome.ShouldBe(OccurrenceOutcome.Overlapped);
        record.RunningIds.ShouldBe([IdAt(1)]);
    }

    [Fact]
    public async Task While_another_waits_for_a_retry_it_is_skipped()
    {
        await CreateAsync(1, maxRetries: 3);
        (DeliveryKey first, _) = await BeginAsync(1, maxRetries: 3);
        (await FailAsync(first, TimeSpan.FromMinutes(10))).ShouldBe(TimerOutcome.Done);

        (_, AdvanceOutcome outcome) = await BeginAsync(2);

        outcome.ShouldBe(AdvanceOutcome.Ended);
    }

    [Fact]
    public async Task A_dead_letter_does_not_occupy()
    {
        await CreateAsync(1);
        (DeliveryKey first, _) = await BeginAsync(1);
        (await FailAsync(first, retryIn: null)).ShouldBe(TimerOutcome.DeadLettered);

        (_, AdvanceOutcome outcome) = await BeginAsync(2);

        outcome.ShouldBe(AdvanceOutcome.Run);
    }

    [Fact]
    public async Task A_lease_that_ran_out_occupies_until_it_is_taken_back()
    {
        await CreateAsync(1, maxRetries: 0);
        await BeginAsync(1);
        MoveTo(2); // the lease of the first ran out long ago; the claim that brings the second dead-letters it

        (_, AdvanceOutcome outcome) = await BeginAsync(2);

        outcome.ShouldBe(AdvanceOutcome.Run);
        (await StateAsync(IdAt(1))).ShouldBe(TimerState.DeadLettered);
    }

    [Fact]
    public async Task Where_it_is_allowed_it_runs_beside_the_other()
    {
        await CreateAsync(1);
        await BeginHeldAsync(1, OverlapPolicy.Allow);

        (_, AdvanceOutcome outcome) = await BeginAsync(2, OverlapPolicy.Allow);

        outcome.ShouldBe(AdvanceOutcome.Run);
        (await RecordAsync())!.RunningIds.ShouldBe([IdAt(1), IdAt(2)]);
    }

    [Fact]
    public async Task Where_it_is_queued_it_waits_and_is_due_when_the_other_ends()
    {
        await CreateAsync(1);
        DeliveryKey first = await BeginHeldAsync(1, OverlapPolicy.Queue);

        (DeliveryKey waiting, AdvanceOutcome outcome) = await BeginAsync(2, OverlapPolicy.Queue);
        outcome.ShouldBe(AdvanceOutcome.Waiting);
        (await ConfirmAsync(waiting)).ShouldBe(TimerOutcome.Stale);
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        (record.QueuedId, record.ExpectedId).ShouldBe((IdAt(2), IdAt(3)));
        record.History[^1].Outcome.ShouldBe(OccurrenceOutcome.Waiting);
        (await PeekAsync(IdAt(2)))!.Due.ShouldBe(Minute(2) + Ms(500 + ScheduleRecord.QueueRecheck));
        (await ClaimIdsAsync()).ShouldBeEmpty();

        Clock.Advance(Seconds(1));
        (await ConfirmAsync(first)).ShouldBe(TimerOutcome.Done);
        DeliveryKey second = await TakeAsync(IdAt(2));
        (await AdvanceAsync(RunOf(second, (await RecordAsync())!, 2, null, OverlapPolicy.Queue))).Outcome.ShouldBe(AdvanceOutcome.Run);

        record = (await RecordAsync()).ShouldNotBeNull();
        (record.QueuedId, record.ExpectedId).ShouldBe((null, IdAt(3)));
        record.RunningIds.ShouldBe([IdAt(2)]);
        record.Counts.ShouldBe(new ScheduleCounts(2, 0, 0, 0));
        record.History[^1].Outcome.ShouldBe(OccurrenceOutcome.Running);
    }

    [Fact]
    public async Task A_queued_one_comes_by_itself_to_see_whether_the_schedule_is_free()
    {
        await CreateAsync(1);
        DeliveryKey first = await BeginHeldAsync(1, OverlapPolicy.Queue);
        await BeginAsync(2, OverlapPolicy.Queue);

        Clock.Advance(Ms(ScheduleRecord.QueueRecheck));
        DeliveryKey look = await TakeAsync(IdAt(2));
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        (await AdvanceAsync(RunOf(look, record, 2, null, OverlapPolicy.Queue))).Outcome.ShouldBe(AdvanceOutcome.Waiting);
        (await AdvanceAsync(RunOf(look, record, 2, null, OverlapPolicy.Queue))).Outcome.ShouldBe(AdvanceOutcome.Gone);
        (await RecordAsync())!.Version.ShouldBe(record.Version);

        (await CancelAsync(first.Id, revoke: true)).ShouldBe(TimerOutcome.Done);
        DeliveryKey second = await TakeAsync(IdAt(2));
        (await AdvanceAsync(RunOf(second, record, 2, null, OverlapPolicy.Queue))).Outcome.ShouldBe(AdvanceOutcome.Run);
    }

    [Fact]
    public async Task The_newest_replaces_the_one_that_waits()
    {
        await CreateAsync(1);
        await BeginHeldAsync(1, OverlapPolicy.Queue);
        await BeginAsync(2, OverlapPolicy.Queue);

        MoveTo(3);
        string token = NewToken();
        (await AskAsync(token: token)).Events.Select(e => e.Id).ShouldContain(IdAt(3));
        AdvanceAnswer answer = await AdvanceAsync(RunOf(new DeliveryKey(IdAt(3), token), (await RecordAsync())!, 3, 4, OverlapPolicy.Queue));

        answer.Outcome.ShouldBe(AdvanceOutcome.Waiting);
        (await PeekAsync(IdAt(2))).ShouldBeNull(); // also if it is just looking whether the schedule is free
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        record.QueuedId.ShouldBe(IdAt(3));
        record.Counts.Replaced.ShouldBe(1);
        record.History.Single(entry => entry.Id == IdAt(2)).Outcome.ShouldBe(OccurrenceOutcome.Replaced);
    }

    [Fact]
    public async Task A_lease_of_a_queued_one_spends_no_retry()
    {
        await CreateAsync(1);
        await BeginHeldAsync(1, OverlapPolicy.Queue);
        await BeginAsync(2, OverlapPolicy.Queue);
        Clock.Advance(Ms(ScheduleRecord.QueueRecheck));
        await TakeAsync(IdAt(2));

        Clock.Advance(Lease + Seconds(1));

        await TakeAsync(IdAt(2));
        (await PeekAsync(IdAt(2)))!.Retries.ShouldBe(0);
    }

    [Fact]
    public async Task A_queued_one_that_is_cancelled_is_queued_no_more()
    {
        await CreateAsync(1);
        await BeginHeldAsync(1, OverlapPolicy.Queue);
        await BeginAsync(2, OverlapPolicy.Queue);

        (await CancelAsync(IdAt(2))).ShouldBe(TimerOutcome.Done);

        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        record.QueuedId.ShouldBeNull();
        record.History.Single(entry => entry.Id == IdAt(2)).Outcome.ShouldBe(OccurrenceOutcome.Cancelled);
    }

    [Fact]
    public async Task One_that_begins_replaces_one_that_was_still_queued()
    {
        await CreateAsync(1);
        DeliveryKey first = await BeginHeldAsync(1, OverlapPolicy.Queue);
        await BeginAsync(2, OverlapPolicy.Queue);
        await ConfirmAsync(first); // the second is due now, but the third is claimed before it
        MoveTo(3);
        string token = NewToken();
        await AskAsync(token: token);

        (await AdvanceAsync(RunOf(new DeliveryKey(IdAt(3), token), (await RecordAsync())!, 3, 4, OverlapPolicy.Queue))).Outcome.ShouldBe(AdvanceOutcome.Run);

        (await PeekAsync(IdAt(2))).ShouldBeNull();
        (await RecordAsync())!.Counts.ShouldBe(new ScheduleCounts(2, 0, 0, 1));
    }

    [Fact]
    public async Task At_most_ten_running_ones_are_known()
    {
        await CreateAsync(1);
        for (int minute = 1; minute <= 12; minute++) await BeginHeldAsync(minute, OverlapPolicy.Allow);

        (await RecordAsync())!.RunningIds.ShouldBe(Enumerable.Range(3, 10).Select(minute => IdAt(minute)));
    }

    [Fact]
    public async Task A_triggered_one_is_due_now_beside_the_chain_and_occupies_from_the_first()
    {
        ScheduleRecord record = await CreateAsync(1);

        (await TriggerAsync(record, "x")).Decision.ShouldBe(TriggerDecision.Posted);
        (await TriggerAsync(record, "x")).Decision.ShouldBe(TriggerDecision.Posted); // a repetition
        (await TriggerAsync(record, "y")).Decision.ShouldBe(TriggerDecision.Skipped);
        (await TriggerAsync(record, "y")).Decision.ShouldBe(TriggerDecision.Skipped);

        DeliveryKey key = await TakeAsync($"{Nightly}\u001F+x");
        (await AdvanceAsync(RunOf(key, record, 1, 9))).Outcome.ShouldBe(AdvanceOutcome.Run);
        ScheduleRecord after = (await RecordAsync()).ShouldNotBeNull();
        (after.ExpectedId, after.Version).ShouldBe((IdAt(1), record.Version));
        after.Counts.ShouldBe(new ScheduleCounts(1, 0, 1, 0));
        after.History.Select(entry => entry.Outcome).ShouldBe([OccurrenceOutcome.Running, OccurrenceOutcome.Overlapped]);
        (await ConfirmAsync(key)).ShouldBe(TimerOutcome.Done);
        (await RecordAsync())!.History[0].Outcome.ShouldBe(OccurrenceOutcome.Succeeded);
    }

    [Fact]
    public async Task A_triggered_one_obeys_the_overlap_policy()
    {
        await CreateAsync(1);
        DeliveryKey first = await BeginHeldAsync(1, OverlapPolicy.Skip);
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();

        (await TriggerAsync(record, "skipped")).Decision.ShouldBe(TriggerDecision.Skipped);
        (await TriggerAsync(record, "beside", OverlapPolicy.Allow)).Decision.ShouldBe(TriggerDecision.Posted);
        (await TriggerAsync(record, "queued", OverlapPolicy.Queue)).Decision.ShouldBe(TriggerDecision.Queued);
        (await TriggerAsync(record, "newer", OverlapPolicy.Queue)).Decision.ShouldBe(TriggerDecision.Queued);

        ScheduleRecord after = (await RecordAsync()).ShouldNotBeNull();
        after.QueuedId.ShouldBe($"{Nightly}\u001F+newer");
        (await PeekAsync($"{Nightly}\u001F+queued")).ShouldBeNull();
        DeliveryKey beside = await TakeAsync($"{Nightly}\u001F+beside");
        await ConfirmAsync(first);
        (await ClaimIdsAsync()).ShouldBeEmpty(); // the other still occupies
        await ConfirmAsync(beside);
        DeliveryKey last = await TakeAsync($"{Nightly}\u001F+newer");
        (await AdvanceAsync(RunOf(last, (await RecordAsync())!, 1, null, OverlapPolicy.Queue))).Outcome.ShouldBe(AdvanceOutcome.Run);
    }

    [Fact]
    public async Task A_trigger_computed_from_an_old_record_changes_nothing()
    {
        ScheduleRecord old = await CreateAsync(1);
        await BeginAsync(1);

        TriggerAnswer answer = await TriggerAsync(old, "x");

        answer.Decision.ShouldBe(TriggerDecision.Changed);
        answer.Record!.ExpectedId.ShouldBe(IdAt(2));
        (await PeekAsync($"{Nightly}\u001F+x")).ShouldBeNull();
        (await TriggerAsync(old with { Id = "unknown" }, "x")).Record.ShouldBeNull();
    }

    [Fact]
    public async Task A_paused_schedule_can_be_triggered()
    {
        ScheduleRecord record = await CreateAsync(1);
        ScheduleWritten paused = await WriteAsync(new ScheduleWrite(Nightly, record.Version, record.Version.Incarnation, Body, true, null));

        (await TriggerAsync(paused.Record!, "x")).Decision.ShouldBe(TriggerDecision.Posted);

        await TakeAsync($"{Nightly}\u001F+x");
    }
}
