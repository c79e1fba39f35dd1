using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Schedules;

/// <summary>Records of schedules: written by compare-and-set, with the occurrence that they expect; removed, listed, swept.</summary>
public abstract class ScheduleRecordSuite(StoreFixture fixture) : ScheduleSuiteBase(fixture)
{
    [Fact]
    public async Task A_schedule_that_nobody_wrote_is_unknown()
    {
        (await RecordAsync()).ShouldBeNull();
        (await Schedules.RemoveAsync(Partition, Nightly, null, CancellationToken.None)).ShouldBe(ScheduleRemoval.NotFound);
        (await Schedules.ListAsync(Partition, null, 10, CancellationToken.None)).Records.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_write_makes_a_record_and_posts_its_next_occurrence()
    {
        ScheduleRecord written = await CreateAsync(5);

        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();
        record.Version.ShouldBe(new ScheduleVersion("in-nightly", 1));
        written.Version.ShouldBe(record.Version);
        record.Body.ToArray().ShouldBe(Body);
        record.IsPaused.ShouldBeFalse();
        record.ExpectedId.ShouldBe(IdAt(5));
        record.ExpectedState.ShouldBe(TimerState.Scheduled);
        record.QueuedId.ShouldBeNull();
        record.RunningIds.ShouldBeEmpty();
        record.DecidedUntil.ShouldBe(DateTimeOffset.UnixEpoch);
        record.Counts.ShouldBe(new ScheduleCounts(0, 0, 0, 0));
        record.History.ShouldBeEmpty();
        TimerSnapshot waiting = (await PeekAsync(IdAt(5))).ShouldNotBeNull();
        (waiting.State, waiting.Due).ShouldBe((TimerState.Scheduled, Minute(5)));
        waiting.Headers["for"].ShouldBe("5");
    }

    [Fact]
    public async Task A_write_from_an_old_version_changes_nothing_and_tells_the_record()
    {
        ScheduleRecord record = await CreateAsync(5);
        (await WriteAsync(new ScheduleWrite(Nightly, record.Version, "in-nightly", Bytes("newer"), false, OccurrenceAt(6)))).Outcome.ShouldBe(ScheduleWriteOutcome.Written);

        ScheduleWritten late = await WriteAsync(new ScheduleWrite(Nightly, record.Version, "in-nightly", Bytes("older"), false, OccurrenceAt(7)));
        ScheduleWritten again = await WriteAsync(new ScheduleWrite(Nightly, null, "other", Bytes("first"), false, OccurrenceAt(8)));

        late.Outcome.ShouldBe(ScheduleWriteOutcome.Changed);
        late.Record.ShouldNotBeNull().Body.ToArray().ShouldBe(Bytes("newer"));
        again.Outcome.ShouldBe(ScheduleWriteOutcome.Changed);
        (await UpcomingAsync()).Select(one => one.Id).ShouldBe([IdAt(6)]);
        ScheduleWritten unknown = await WriteAsync(new ScheduleWrite("other", record.Version, "in", Body, false, OccurrenceAt(9, "other")));
        (unknown.Outcome, unknown.Record).ShouldBe((ScheduleWriteOutcome.Changed, null));
        (await RecordAsync("other")).ShouldBeNull();
    }

    [Fact]
    public async Task A_write_replaces_the_occurrence_that_waits_also_by_one_of_the_same_time()
    {
        ScheduleRecord record = await CreateAsync(5);

        ScheduleWritten moved = await WriteAsync(new ScheduleWrite(Nightly, record.Version, "in-nightly", Body, false, OccurrenceAt(6)));
        (await UpcomingAsync()).Select(one => one.Id).ShouldBe([IdAt(6)]);
        ScheduleWritten same = await WriteAsync(new ScheduleWrite(Nightly, moved.Record!.Version, "in-nightly", Body, false, OccurrenceAt(6, payload: "new")));

        same.Record!.Version.Number.ShouldBe(3);
        (await UpcomingAsync()).Single().Payload.ToArray().ShouldBe(Bytes("new"));
    }

    [Fact]
    public async Task A_write_keeps_an_occurrence_that_is_in_flight_and_not_begun()
    {
        ScheduleRecord record = await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);

        ScheduleWritten written = await WriteAsync(new ScheduleWrite(Nightly, record.Version, "in-nightly", Bytes("newer"), false, OccurrenceAt(7)));

        written.Outcome.ShouldBe(ScheduleWriteOutcome.Kept);
        written.Record!.ExpectedId.ShouldBe(IdAt(1));
        written.Record.ExpectedState.ShouldBe(TimerState.InFlight);
        (await UpcomingAsync()).ShouldBeEmpty();
        AdvanceAnswer stale = await AdvanceAsync(RunOf(key, record, 1, 2));
        stale.Outcome.ShouldBe(AdvanceOutcome.Changed);
        stale.Record!.Body.ToArray().ShouldBe(Bytes("newer"));
        (await AdvanceAsync(RunOf(key, stale.Record, 1, 7))).Outcome.ShouldBe(AdvanceOutcome.Run);
        (await UpcomingAsync()).Select(one => one.Id).ShouldBe([IdAt(7)]);
    }

    [Fact]
    public async Task A_record_that_is_paused_has_no_occurrence_and_none_that_is_queued()
    {
        await CreateAsync(1);
        DeliveryKey running = await BeginHeldAsync(1);
        (_, AdvanceOutcome queued) = await BeginAsync(2, OverlapPolicy.Queue);
        queued.ShouldBe(AdvanceOutcome.Waiting);
        ScheduleRecord record = (await RecordAsync()).ShouldNotBeNull();

        ScheduleWritten paused = await WriteAsync(new ScheduleWrite(Nightly, record.Version, "in-nightly", Body, true, null));

        paused.Outcome.ShouldBe(ScheduleWriteOutcome.Written);
        (paused.Record!.IsPaused, paused.Record.ExpectedId, paused.Record.QueuedId).ShouldBe((true, null, null));
        (await UpcomingAsync()).ShouldBeEmpty();
        OccurrenceEntry gone = paused.Record.History.Single(entry => entry.Id == IdAt(2));
        gone.Outcome.ShouldBe(OccurrenceOutcome.Paused);
        gone.EndedAt.ShouldNotBeNull();
        paused.Record.Counts.Skipped.ShouldBe(1);
        (await ConfirmAsync(running)).ShouldBe(TimerOutcome.Done); // what has begun goes on
    }

    [Fact]
    public async Task Removing_takes_what_has_not_begun_and_leaves_what_has()
    {
        ScheduleRecord record = await CreateAsync(1);
        (DeliveryKey running, _) = await BeginAsync(1);
        (await Schedules.RemoveAsync(Partition, Nightly, record.Version, CancellationToken.None)).ShouldBe(ScheduleRemoval.Changed);

        (await Schedules.RemoveAsync(Partition, Nightly, null, CancellationToken.None)).ShouldBe(ScheduleRemoval.Removed);

        (await RecordAsync()).ShouldBeNull();
        (await UpcomingAsync()).ShouldBeEmpty();
        (await StateAsync(IdAt(1))).ShouldBe(TimerState.InFlight);
        (await ConfirmAsync(running)).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task Removing_takes_an_occurrence_that_is_in_flight_and_not_begun()
    {
        ScheduleRecord record = await CreateAsync(1);
        DeliveryKey key = await ClaimAtAsync(1);

        (await Schedules.RemoveAsync(Partition, Nightly, record.Version, CancellationToken.None)).ShouldBe(ScheduleRemoval.Removed);

        (await PeekAsync(IdAt(1))).ShouldBeNull();
        (await AdvanceAsync(RunOf(key, record, 1, 2))).Outcome.ShouldBe(AdvanceOutcome.Gone);
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 0, 0, 0, null));
    }

    [Fact]
    public async Task Records_are_listed_in_order_of_their_ids_in_pages()
    {
        string[] ids = ["b", "a", "ä", "\U0001F600", "\uFFFD", "c", "a0"];
        foreach (string id in ids) await CreateAsync(5, id);

        var listed = new List<string>();
        string? cursor = null;
        do
        {
            SchedulePage page = await Schedules.ListAsync(Partition, cursor, 2, CancellationToken.None);
            page.Records.Count.ShouldBeLessThanOrEqualTo(2);
            listed.AddRange(page.Records.Select(record => record.Id));
            page.Records.ShouldAllBe(record => record.ExpectedState == TimerState.Scheduled);
            cursor = page.Cursor;
        }
        while (cursor is not null);

        listed.ShouldBe(["a", "a0", "b", "c", "ä", "\uFFFD", "\U0001F600"]);
    }

    [Fact]
    public async Task A_sweep_finds_schedules_whose_occurrence_is_gone_or_dead_and_no_others()
    {
        await CreateAsync(5, "well");
        ScheduleRecord paused = await CreateAsync(5, "paused");
        await WriteAsync(new ScheduleWrite("paused", paused.Version, paused.Version.Incarnation, Body, true, null));
        await CreateAsync(5, "cancelled");
        await CancelAsync(IdAt(5, "cancelled"));
        await WriteAsync(new ScheduleWrite("none", null, "in", Body, false, null));

        ScheduleSweep sweep = await Schedules.SweepAsync(Partition, null, Seconds(10), CancellationToken.None);

        sweep.Total.ShouldBe(4);
        sweep.Cursor.ShouldBeNull();
        sweep.Strays.Select(record => record.Id).ShouldBe(["cancelled", "none"]);
        sweep.Strays[0].ExpectedId.ShouldBe(IdAt(5, "cancelled"));
        sweep.Strays[0].ExpectedState.ShouldBeNull();
    }

    [Fact]
    public async Task One_node_sweeps_in_an_interval()
    {
        await WriteAsync(new ScheduleWrite("none", null, "in", Body, false, null));
        (await Schedules.SweepAsync(Partition, null, Seconds(10), CancellationToken.None)).Strays.Count.ShouldBe(1);

        (await Schedules.SweepAsync(Partition, null, Seconds(10), CancellationToken.None)).Strays.ShouldBeEmpty();
        Clock.Advance(Seconds(11));
        (await Schedules.SweepAsync(Partition, null, Seconds(10), CancellationToken.None)).Strays.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_sweep_of_many_goes_on_where_it_stopped()
    {
        for (int i = 0; i < 70; i++) await WriteAsync(new ScheduleWrite($"s{i:D2}", null, "in", Body, false, null));

        ScheduleSweep first = await Schedules.SweepAsync(Partition, null, Seconds(10), CancellationToken.None);
        ScheduleSweep second = await Schedules.SweepAsync(Partition, first.Cursor.ShouldNotBeNull(), Seconds(10), CancellationToken.None);

        first.Strays.Count.ShouldBe(ScheduleSweep.MaxStrays);
        first.Strays.Concat(second.Strays).Select(record => record.Id).ShouldBe(Enumerable.Range(0, 70).Select(i => $"s{i:D2}"));
        second.Cursor.ShouldBeNull();
    }

    [Fact]
    public async Task A_body_may_be_as_large_as_a_payload()
    {
        byte[] body = new byte[Limits.DefaultMaxPayloadBytes];
        Random.Shared.NextBytes(body);

        await WriteAsync(new ScheduleWrite(Nightly, null, "in", body, false, OccurrenceAt(5)));

        (await RecordAsync()).ShouldNotBeNull().Body.ToArray().ShouldBe(body);
    }
}
