using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Schedules;

/// <summary>The step from one occurrence to the next: one step, repeatable, whatever becomes of the lease and of the event.</summary>
public abstract class ScheduleAdvanceSuite(StoreFixture fixture) : ScheduleSuiteBase(fixture)
{
    [Fact]
    public async Task An_occurrence_begins_and_the_next_one_is_posted_in_the_same_step()
    {
        await CreateAsync(1);

        (DeliveryKey key, AdvanceOutcome outcome) = await BeginAsync(1);

        outcome.ShouldBe(AdvanceOutcome.Run);
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        (record.ExpectedId, record.ExpectedState, record.Version.Number).ShouldBe((IdAt(2), TimerState.Scheduled, 2L));
        record.RunningIds.ShouldBe([IdAt(1)]);
        record.DecidedUntil.ShouldBe(Minute(1));
        record.Counts.ShouldBe(new ScheduleCounts(1, 0, 0, 0));
        OccurrenceEntry entry = record.History.Single();
        (entry.Id, entry.ScheduledFor, entry.Outcome, entry.NodeId).ShouldBe((IdAt(1), Minute(1), OccurrenceOutcome.Running, "n1"));
        entry.StartedAt.ShouldBe(Minute(1) + Ms(500));
        entry.EndedAt.ShouldBeNull();
        (await StateAsync(IdAt(1))).ShouldBe(TimerState.InFlight);

        Clock.Advance(Seconds(3));
        (await ConfirmAsync(key)).ShouldBe(TimerOutcome.Done);
        record = (await RecordAsync()).ShouldNotBeNull();
        record.RunningIds.ShouldBeEmpty();
        record.Version.Number.ShouldBe(2); // an end is no change of the chain
        entry = record.History.Single();
        (entry.Outcome, entry.EndedAt).ShouldBe((OccurrenceOutcome.Succeeded, Minute(1) + Ms(3500)));
    }

    [Fact]
    public async Task A_repeated_advance_answers_the_same_and_changes_nothing()
    {
        ScheduleRecord first = await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);
        OccurrenceAdvance advance = RunOf(key, first, 1, 2);
        (await AdvanceAsync(advance)).Outcome.ShouldBe(AdvanceOutcome.Run);
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();

        (await AdvanceAsync(advance)).Outcome.ShouldBe(AdvanceOutcome.Run);

        ScheduleRecord after = (await RecordAsync()).ShouldNotBeNull();
        after.Version.ShouldBe(record.Version);
        after.History.ShouldBe(record.History);
        after.Counts.ShouldBe(record.Counts);
        (await UpcomingAsync()).Select(one => one.Id).ShouldBe([IdAt(2)]);
    }

    [Fact]
    public async Task An_occurrence_that_ends_without_running_is_gone_and_the_next_one_is_posted()
    {
        ScheduleRecord first = await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);
        OccurrenceAdvance skip = RunOf(key, first, 1, 6) with { Run = false, EndAs = OccurrenceOutcome.Missed, Missed = 5, DecidedUntil = Minute(5) };

        (await AdvanceAsync(skip)).Outcome.ShouldBe(AdvanceOutcome.Ended);
        (await AdvanceAsync(skip)).Outcome.ShouldBe(AdvanceOutcome.Gone); // the reply was lost: nothing runs

        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        (record.ExpectedId, record.DecidedUntil).ShouldBe((IdAt(6), Minute(5)));
        record.Counts.ShouldBe(new ScheduleCounts(0, 5, 0, 0));
        record.RunningIds.ShouldBeEmpty();
        OccurrenceEntry entry = record.History.Single();
        (entry.Outcome, entry.StartedAt, entry.NodeId).ShouldBe((OccurrenceOutcome.Missed, null, null));
        entry.EndedAt.ShouldNotBeNull();
        (await PeekAsync(IdAt(1))).ShouldBeNull();
        (await GetStatsAsync()).ShouldBe(new TimerStats(1, 0, 0, 0, null));
    }

    [Fact]
    public async Task A_lease_that_ends_before_the_advance_spends_no_retry_whatever_there_are()
    {
        ScheduleRecord first = await CreateAsync(1);
        DeliveryKey stale = await ClaimAtAsync(1); // no retry at all: an ordinary event would be dead-lettered
        Clock.Advance(Lease + Seconds(1));

        DeliveryKey key = await TakeAsync(IdAt(1), "n2");

        TimerSnapshot held = (await PeekAsync(IdAt(1))).ShouldNotBeNull();
        (held.State, held.Retries, held.Due).ShouldBe((TimerState.InFlight, 0, Minute(1)));
        held.Failures.ShouldBeEmpty();
        (await AdvanceAsync(RunOf(stale, first, 1, 2))).Outcome.ShouldBe(AdvanceOutcome.Gone); // it is another node's
        (await AdvanceAsync(RunOf(key, first, 1, 2))).Outcome.ShouldBe(AdvanceOutcome.Run);
    }

    [Fact]
    public async Task A_lease_that_ends_after_the_advance_is_an_ordinary_one()
    {
        await CreateAsync(1, maxRetries: 1);
        await BeginAsync(1, maxRetries: 1);
        Clock.Advance(Lease + Seconds(1));

        DeliveryKey retry = await TakeAsync(IdAt(1));
        TimerSnapshot held = (await PeekAsync(IdAt(1))).ShouldNotBeNull();
        held.Retries.ShouldBe(1);
        held.Failures.Count.ShouldBe(1);
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        (await AdvanceAsync(RunOf(retry, record, 1, 9))).Outcome.ShouldBe(AdvanceOutcome.Run); // it has begun: nothing advances
        (await RecordAsync())!.ExpectedId.ShouldBe(IdAt(2));

        Clock.Advance(Lease + Seconds(1));
        await ClaimIdsAsync();
        (await StateAsync(IdAt(1))).ShouldBe(TimerState.DeadLettered);
        record = (await RecordAsync()).ShouldNotBeNull();
        record.History.Single(entry => entry.Id == IdAt(1)).Outcome.ShouldBe(OccurrenceOutcome.DeadLettered);
        record.RunningIds.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_occurrence_that_is_handed_back_after_it_began_does_not_advance_again()
    {
        await CreateAsync(1);
        (DeliveryKey key, _) = await BeginAsync(1);
        (await ReleaseAsync(key)).ShouldBe(TimerOutcome.Done);
        DeliveryKey again = await TakeAsync(IdAt(1), "n2");

        (await AdvanceAsync(RunOf(again, (await RecordAsync())!, 1, 9))).Outcome.ShouldBe(AdvanceOutcome.Run);

        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        record.ExpectedId.ShouldBe(IdAt(2));
        record.Counts.Started.ShouldBe(1);
        record.History.Single().NodeId.ShouldBe("n1");
    }

    [Fact]
    public async Task A_dead_letter_that_is_requeued_runs_and_never_advances()
    {
        await CreateAsync(1);
        (DeliveryKey key, _) = await BeginAsync(1);
        (await FailAsync(key, retryIn: null)).ShouldBe(TimerOutcome.DeadLettered);
        (await RecordAsync())!.History.Single().Outcome.ShouldBe(OccurrenceOutcome.DeadLettered);

        (await RequeueAsync(new DeadLetterKey(IdAt(1), null), Due.In(TimeSpan.Zero))).ShouldBe(TimerOutcome.Done);
        DeliveryKey again = await TakeAsync(IdAt(1));
        (await AdvanceAsync(RunOf(again, (await RecordAsync())!, 1, 9))).Outcome.ShouldBe(AdvanceOutcome.Run);
        (await ConfirmAsync(again)).ShouldBe(TimerOutcome.Done);

        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        record.ExpectedId.ShouldBe(IdAt(2));
        record.Counts.Started.ShouldBe(1);
        record.History.Single().Outcome.ShouldBe(OccurrenceOutcome.Succeeded);
    }

    [Fact]
    public async Task An_occurrence_of_a_schedule_that_was_removed_runs_if_a_person_requeues_it()
    {
        await CreateAsync(1);
        (DeliveryKey key, _) = await BeginAsync(1);
        await FailAsync(key, retryIn: null);
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        await Schedules.RemoveAsync(Partition, Nightly, null, CancellationToken.None);

        await RequeueAsync(new DeadLetterKey(IdAt(1), null), Due.In(TimeSpan.Zero));
        DeliveryKey again = await TakeAsync(IdAt(1));

        (await AdvanceAsync(RunOf(again, record, 1, 9))).Outcome.ShouldBe(AdvanceOutcome.Run);
        (await UpcomingAsync()).ShouldBeEmpty();
        (await ConfirmAsync(again)).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task Only_who_holds_the_occurrence_advances()
    {
        ScheduleRecord record = await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);

        (await AdvanceAsync(RunOf(new DeliveryKey(key.Id, "other"), record, 1, 2))).Outcome.ShouldBe(AdvanceOutcome.Gone);
        (await AdvanceAsync(RunOf(new DeliveryKey(IdAt(3), key.Token), record, 1, 2))).Outcome.ShouldBe(AdvanceOutcome.Gone);
        (await RecordAsync())!.ExpectedId.ShouldBe(IdAt(1));
        Clock.Advance(Lease + Seconds(1)); // an expired lease that nobody took over is still good
        (await AdvanceAsync(RunOf(key, record, 1, 2))).Outcome.ShouldBe(AdvanceOutcome.Run);
    }

    [Fact]
    public async Task An_occurrence_that_waits_is_skipped_without_a_token_and_one_in_flight_only_if_it_is_revoked()
    {
        ScheduleRecord record = await CreateAsync(1);
        OccurrenceAdvance cancel = RunOf(new DeliveryKey(IdAt(1), ""), record, 1, 2) with { Run = false, EndAs = OccurrenceOutcome.Cancelled };

        (await AdvanceAsync(cancel)).Outcome.ShouldBe(AdvanceOutcome.Ended);

        record = (await RecordAsync()).ShouldNotBeNull();
        (record.ExpectedId, record.Counts.Skipped).ShouldBe((IdAt(2), 1L));
        record.History.Single().Outcome.ShouldBe(OccurrenceOutcome.Cancelled);
        (await AdvanceAsync(cancel)).Outcome.ShouldBe(AdvanceOutcome.Gone);

        DeliveryKey key = await ClaimAtAsync(2);
        cancel = RunOf(new DeliveryKey(IdAt(2), ""), record, 2, 3) with { Run = false, EndAs = OccurrenceOutcome.Cancelled };
        (await AdvanceAsync(cancel)).Outcome.ShouldBe(AdvanceOutcome.InFlight);
        (await AdvanceAsync(cancel with { Revoke = true })).Outcome.ShouldBe(AdvanceOutcome.Ended);
        (await AdvanceAsync(RunOf(key, record, 2, 3))).Outcome.ShouldBe(AdvanceOutcome.Gone);
        (await RecordAsync())!.ExpectedId.ShouldBe(IdAt(3));
        (await GetStatsAsync()).ShouldBe(new TimerStats(1, 0, 0, 0, null));
    }

    [Fact]
    public async Task An_occurrence_that_has_begun_is_cancelled_like_any_other_event()
    {
        await CreateAsync(1);
        (DeliveryKey key, _) = await BeginAsync(1);

        (await CancelAsync(IdAt(1))).ShouldBe(TimerOutcome.InFlight);
        (await CancelAsync(IdAt(1), revoke: true)).ShouldBe(TimerOutcome.Done);

        (await ConfirmAsync(key)).ShouldBe(TimerOutcome.NotFound);
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        record.History.Single().Outcome.ShouldBe(OccurrenceOutcome.Cancelled);
        record.RunningIds.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_redated_occurrence_has_its_new_headers_on_every_attempt()
    {
        ScheduleRecord record = await CreateAsync(1, maxRetries: 2);
        DeliveryKey key = await ClaimAtAsync(1);
        var headers = new Dictionary<string, string> { ["for"] = "5", ["ä"] = "longer than it was before" };

        (await AdvanceAsync(RunOf(key, record, 1, 6) with { Headers = headers, ScheduledFor = Minute(5), Missed = 4, DecidedUntil = Minute(5) })).Outcome.ShouldBe(AdvanceOutcome.Run);
        (await FailAsync(key, Seconds(1))).ShouldBe(TimerOutcome.Done);
        Clock.Advance(Seconds(2));

        ClaimedEvent retry = (await AskAsync(max: 1)).Events.Single();
        retry.Headers.ShouldBe(headers, ignoreOrder: true);
        (retry.Id, retry.Retries, retry.MaxRetries).ShouldBe((IdAt(1), 1, 2));
        retry.Payload.ToArray().ShouldBe(Bytes("{}"));
        (await RecordAsync())!.History.Single().ScheduledFor.ShouldBe(Minute(5));
    }

    [Fact]
    public async Task A_chain_may_end()
    {
        ScheduleRecord record = await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);

        (await AdvanceAsync(RunOf(key, record, 1, next: null))).Outcome.ShouldBe(AdvanceOutcome.Run);

        (await RecordAsync())!.ExpectedId.ShouldBeNull();
        (await UpcomingAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_next_occurrence_that_is_due_already_is_claimed_immediately()
    {
        ScheduleRecord record = await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);
        MoveTo(9);

        (await AdvanceAsync(RunOf(key, record, 1, 2, OverlapPolicy.Allow))).Outcome.ShouldBe(AdvanceOutcome.Run);

        (await ClaimIdsAsync()).ShouldContain(IdAt(2));
    }

    [Fact]
    public async Task Advances_of_one_batch_take_effect_in_their_order()
    {
        ScheduleRecord a = await CreateAsync(1, "a"), b = await CreateAsync(1, "b");
        MoveTo(1);
        string token = NewToken();
        (await AskAsync(token: token)).Events.Count.ShouldBe(2);
        DeliveryKey keyA = new(IdAt(1, "a"), token), keyB = new(IdAt(1, "b"), token);

        IReadOnlyList<AdvanceAnswer> answers = await Schedules.AdvanceAsync(
            Partition,
            [RunOf(keyA, a, 1, 2), RunOf(keyB, b, 1, 3), RunOf(keyA, a, 1, 2), RunOf(keyB, b, 1, 3) with { Delivery = new DeliveryKey(IdAt(3, "b"), "") }],
            CancellationToken.None);

        answers.Select(answer => answer.Outcome).ShouldBe([AdvanceOutcome.Run, AdvanceOutcome.Run, AdvanceOutcome.Run, AdvanceOutcome.Changed]);
        (await UpcomingAsync()).Select(one => one.Id).ShouldBe([IdAt(2, "a"), IdAt(3, "b")]);
    }

    [Fact]
    public async Task The_last_ten_occurrences_are_kept()
    {
        await CreateAsync(1);
        for (int minute = 1; minute <= 12; minute++)
        {
            (DeliveryKey key, AdvanceOutcome outcome) = await BeginAsync(minute);
            outcome.ShouldBe(AdvanceOutcome.Run);
            (await ConfirmAsync(key)).ShouldBe(TimerOutcome.Done);
        }

        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        record.History.Select(entry => entry.Id).ShouldBe(Enumerable.Range(3, 10).Select(minute => IdAt(minute)));
        record.Counts.Started.ShouldBe(12);
    }

    [Fact]
    public void A_schedule_and_its_occurrences_are_in_one_partition()
    {
        for (int i = 0; i < 100; i++)
        {
            string schedule = $"schedule-{i}";
            TimerPartition.Of("ns", ScheduleDeclaration.OccurrenceOf(schedule, Minute(i)), 7).ShouldBe(TimerPartition.Of("ns", schedule, 7));
        }
    }
}
