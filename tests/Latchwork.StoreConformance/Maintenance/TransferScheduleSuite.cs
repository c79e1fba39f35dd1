using System.Text;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.Storage.Rules;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Maintenance;

/// <summary>Schedules move with their occurrences.</summary>
public abstract class TransferScheduleSuite(StoreFixture fixture) : TransferSuite(fixture)
{
    private const int Schedules = 130; // their records are more than half of a batch

    private static readonly Schedule _minutes = Schedule.Cron("* * * * *");

    [Fact]
    public async Task A_schedule_arrives_as_it_was_with_its_occurrences_and_its_history()
    {
        string ns = NewNamespace();
        await using DistributedTimer before = NewTimer(Source, ns), after = NewTimer(Target, ns);
        await before.Schedules.AddOrUpdateAsync("a", _minutes, "payload"u8.ToArray(), new() { Revision = 3, Overlap = OverlapPolicy.Queue });
        await before.Schedules.AddOrUpdateAsync("paused", _minutes, "x"u8.ToArray());
        await before.Schedules.PauseAsync("paused");
        await before.CancelAsync(ScheduleDeclaration.OccurrenceOf("a", (await before.Schedules.GetAsync("a"))!.Next!.Value));
        ScheduleRecord[] were = [await RecordAsync(Source, ns, "a"), await RecordAsync(Source, ns, "paused")];

        MoveReport report = (await Move(ns).RunAsync(default)).ShouldHaveSingleItem();

        (report.End, report.Count).ShouldBe((MoveEnd.Moved, 3)); // two records, one occurrence
        foreach (ScheduleRecord was in were)
        {
            ScheduleRecord came = await RecordAsync(Target, ns, was.Id);
            came.Body.ToArray().ShouldBe(was.Body.ToArray());
            came.History.ShouldBe(was.History);
            came.RunningIds.ShouldBe(was.RunningIds);
            Facts(came).ShouldBe(Facts(was));
        }

        (await after.Schedules.GetAsync("a"))!.NextState.ShouldBe(TimerState.Scheduled);
        (await after.Schedules.AddOrUpdateAsync("a", _minutes, "payload"u8.ToArray(), new() { Revision = 3, Overlap = OverlapPolicy.Queue })).Outcome.ShouldBe(ScheduleOutcome.Unchanged);
        await Should.ThrowAsync<LatchworkStoreException>(() => before.Schedules.GetAsync("a"));
    }

    [Fact]
    public async Task An_occurrence_of_a_dead_node_that_had_not_begun_arrives_with_no_retry_spent()
    {
        string ns = NewNamespace();
        await using DistributedTimer before = NewTimer(Source, ns), after = NewTimer(Target, ns);
        await before.Schedules.AddOrUpdateAsync("a", _minutes, "x"u8.ToArray(), new() { MaxRetries = 0 });
        DateTimeOffset at = (await before.Schedules.GetAsync("a"))!.Next!.Value;
        Clock.Advance(TimeSpan.FromMinutes(1));
        (await ClaimAsync(Source, ns)).ShouldHaveSingleItem().Id.ShouldBe(ScheduleDeclaration.OccurrenceOf("a", at));
        LetNodesDie();

        (await Move(ns).RunAsync(default)).Single().Count.ShouldBe(2);

        TimerSnapshot came = await PeekAsync(Target, ns, ScheduleDeclaration.OccurrenceOf("a", at));
        (came.State, came.Retries, came.Due).ShouldBe((TimerState.Scheduled, 0, at));
        came.Failures.ShouldBeEmpty();
        (await after.Schedules.GetAsync("a"))!.NextState.ShouldBe(TimerState.Scheduled);
    }

    [Fact]
    public async Task A_schedule_that_the_target_has_already_is_a_conflict()
    {
        string ns = NewNamespace();
        await using DistributedTimer before = NewTimer(Source, ns), after = NewTimer(Target, ns);
        await before.Schedules.AddOrUpdateAsync("a", _minutes, "source"u8.ToArray());
        await after.Schedules.AddOrUpdateAsync("a", Schedule.Cron("0 0 1 1 *"), "target"u8.ToArray());

        await Should.ThrowAsync<Exception>(() => Move(ns).RunAsync(default));

        (await after.Schedules.GetAsync("a"))!.Payload.ToArray().ShouldBe("target"u8.ToArray());
    }

    [Fact]
    public async Task A_namespace_with_nothing_but_a_schedule_is_not_dropped_without_force()
    {
        string ns = NewNamespace();
        await using DistributedTimer timer = NewTimer(Source, ns);
        await timer.Schedules.AddOrUpdateAsync("a", _minutes, "x"u8.ToArray());
        await timer.Schedules.PauseAsync("a");

        (await Source.Maintenance!.DropTimersAsync(ns, force: false, default)).ShouldNotBeNull().IsDropped.ShouldBeFalse();
        (await timer.Schedules.GetAsync("a")).ShouldNotBeNull();
        (await Source.Maintenance!.DropTimersAsync(ns, force: true, default)).ShouldNotBeNull().IsDropped.ShouldBeTrue();
        await using DistributedTimer anew = NewTimer(Source, ns);
        await anew.PostAsync(Encoding.UTF8.GetBytes("x"), TimeSpan.FromHours(1), new() { Id = "e" });
        (await anew.Schedules.GetAsync("a")).ShouldBeNull();
    }

    [Fact]
    public async Task What_a_record_shows_as_running_or_waiting_and_has_ended_is_closed_by_a_sweep()
    {
        // A node died between the end of an occurrence and the note of it: so its record names events that are not there.
        string ns = NewNamespace(), running = "a\u001F1", queued = "a\u001F2", alive = "a\u001F3", dead = "a\u001F4";
        DateTimeOffset at = DateTimeOffset.FromUnixTimeMilliseconds(Clock.GetUtcNow().ToUnixTimeMilliseconds());
        OccurrenceEntry Entry(string id, OccurrenceOutcome outcome) => new(id, at, outcome == OccurrenceOutcome.Running ? at : null, null, outcome, "n1");
        var record = new ScheduleRecord(
            "a", new ScheduleVersion("in", 5), "body"u8.ToArray(), true, null, queued, [running, dead, alive], at, new ScheduleCounts(3, 0, 0, 0),
            [Entry(running, OccurrenceOutcome.Running), Entry(queued, OccurrenceOutcome.Waiting), Entry(dead, OccurrenceOutcome.Running), Entry(alive, OccurrenceOutcome.Running)]);
        TransferEvent Event(string id, byte[] payload) => new(id, payload, new Dictionary<string, string>(), 0, 3, TimeSpan.FromHours(1), [], null);
        await ImportAsync(ns,
            Event("a\u001F", ScheduleCodec.Encode(record)), Event(alive, []), Event(dead, []) with { DeadLetter = new TransferDeadLetter(DeadLetterReason.Rejected, TimeSpan.FromMinutes(1)) });

        ScheduleSweep sweep = await Target.Timers.Schedules!.SweepAsync(Partition(ns), null, TimeSpan.FromSeconds(10), default);

        sweep.Strays.ShouldBeEmpty();
        ScheduleRecord after = await RecordAsync(Target, ns, "a");
        after.History.Select(one => (one.Id, one.Outcome, one.EndedAt)).ShouldBe(
        [
            (running, OccurrenceOutcome.Ended, (DateTimeOffset?)null), (queued, OccurrenceOutcome.Ended, null), (dead, OccurrenceOutcome.DeadLettered, null), (alive, OccurrenceOutcome.Running, null),
        ]);
        (after.QueuedId, after.Version, after.Counts).ShouldBe((null, record.Version, new ScheduleCounts(3, 0, 1, 0)));
        after.RunningIds.ShouldBe([alive]);
    }

    [Fact]
    public async Task While_a_namespace_is_moved_here_no_page_of_a_sweep_looks_for_occurrences_that_are_still_to_come()
    {
        string ns = NewNamespace(), running = "b\u001F1";
        DateTimeOffset at = DateTimeOffset.FromUnixTimeMilliseconds(Clock.GetUtcNow().ToUnixTimeMilliseconds());
        var record = new ScheduleRecord(
            "b", new ScheduleVersion("in", 5), "body"u8.ToArray(), false, "b\u001F2", null, [running], at, new ScheduleCounts(1, 0, 0, 0),
            [new OccurrenceEntry(running, at, at, null, OccurrenceOutcome.Running, "n1")]);
        await BeginImportAsync(ns, new TransferEvent("b\u001F", ScheduleCodec.Encode(record), new Dictionary<string, string>(), 0, 3, TimeSpan.FromHours(1), [], null));

        foreach (string? cursor in (string?[])[null, "a"])
        {
            ScheduleSweep sweep = await Target.Timers.Schedules!.SweepAsync(Partition(ns), cursor, TimeSpan.FromSeconds(10), default);
            (sweep.Total, sweep.Strays.Count, sweep.Cursor).ShouldBe((1, 0, null), cursor ?? "the first page");
        }

        await EndImportAsync(ns);
        ScheduleRecord after = await RecordAsync(Target, ns, "b");
        (after.RunningIds.Single(), after.History.Single().Outcome).ShouldBe((running, OccurrenceOutcome.Running));
        (await Target.Timers.Schedules!.SweepAsync(Partition(ns), "a", TimeSpan.FromSeconds(10), default)).Strays.Select(one => one.Id).ShouldBe(["b"]);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Stopped_at_any_step_each_schedule_ends_in_one_store_with_its_occurrence(bool afterEffect, bool isAborted)
    {
        bool stopped = true;
        int refusals = 0;
        for (int n = 1; stopped; n++)
        {
            string ns = NewNamespace(), at = $"stopped at step {n}";
            await Source.Timers.OpenAsync(ns, default);
            await Task.WhenAll(Enumerable.Range(0, Schedules).Select(i =>
            {
                string id = $"s{i:000}";
                var next = new TimerEntry($"{id}\u001F1", Due.At(Clock.GetUtcNow().AddHours(1)), "x"u8.ToArray(), 0, IfExists.Replace, null, IdIsNew: false);
                return Source.Timers.Schedules!.WriteAsync(Partition(ns), new ScheduleWrite(id, null, "in", "body"u8.ToArray(), false, next), default);
            }));

            stopped = await StoppedAsync(ns, n, afterEffect);
            bool isRefused = false;
            if (isAborted)
            {
                try
                {
                    await Move(ns).AbortAsync(default);
                }
                catch (MoveRefusedException e)
                {
                    isRefused = true;
                    refusals++;
                    e.Message.ShouldContain("would run in both");
                }
            }

            if (!isAborted || isRefused) await Move(ns).RunAsync(default);
            await ShouldBeWholeAsync(ns, at);
        }

        (refusals > 0).ShouldBe(isAborted, "some steps part schedules from their occurrences");
    }

    /// <summary>Each schedule is in one of the stores, with its occurrence, and of neither is there anything in the other.</summary>
    private async Task ShouldBeWholeAsync(string ns, string at)
    {
        var seen = new List<string>();
        foreach (LatchworkStore store in (LatchworkStore[])[Source, Target])
        {
            if ((await store.Maintenance!.ReadMarksAsync(Timers(ns), default)).Seal is not null) continue; // all of it is in the target
            string[] ids = [.. (await IdsAsync(store, ns)).Order(StringComparer.Ordinal)];
            var records = new List<ScheduleRecord>();
            string? cursor = null;
            do
            {
                SchedulePage page = await store.Timers.Schedules!.ListAsync(Partition(ns), cursor, Limits.MaxBatch, default);
                records.AddRange(page.Records);
                cursor = page.Cursor;
            }
            while (cursor is not null);
            records.ShouldAllBe(one => one.ExpectedState == TimerState.Scheduled, at);
            ids.ShouldBe(records.Select(one => one.ExpectedId), at);
            seen.AddRange(ids);
        }

        seen.Count.ShouldBe(Schedules, at);
        seen.ShouldBeUnique(at);
    }

    private async Task ImportAsync(string ns, params TransferEvent[] events)
    {
        await BeginImportAsync(ns, events);
        await EndImportAsync(ns);
    }

    private async Task BeginImportAsync(string ns, params TransferEvent[] events)
    {
        await Target.Timers.OpenAsync(ns, default);
        IStoreMaintenance maintenance = Target.Maintenance!;
        var open = new TransferMarks(null, new TransferMark(TransferPhase.Importing, "move", 0, "elsewhere"));
        (await maintenance.SwitchAsync(Timers(ns), new TransferMarks(null, null), open, default)).ShouldBeTrue();
        (await maintenance.WriteEventsAsync(ns, "move", events, default)).ShouldAllBe(outcome => outcome == ImportOutcome.Imported);
    }

    private async Task EndImportAsync(string ns)
    {
        IStoreMaintenance maintenance = Target.Maintenance!;
        TransferMarks now = await maintenance.ReadMarksAsync(Timers(ns), default);
        (await maintenance.SwitchAsync(Timers(ns), now, now with { Import = now.Import! with { Phase = TransferPhase.Done } }, default)).ShouldBeTrue();
        while (!await maintenance.DropJournalAsync(Timers(ns), default)) { }
    }

    private DistributedTimer NewTimer(LatchworkStore store, string ns) => new(store, new TimerOptions { Namespace = ns, TimeProvider = Clock });

    private static async Task<ScheduleRecord> RecordAsync(LatchworkStore store, string ns, string id) =>
        (await store.Timers.Schedules!.ReadAsync(Partition(ns), [id], default)).Records.Single().ShouldNotBeNull();

    private static (ScheduleVersion, bool, string?, string?, DateTimeOffset, ScheduleCounts, TimerState?) Facts(ScheduleRecord one) =>
        (one.Version, one.IsPaused, one.ExpectedId, one.QueuedId, one.DecidedUntil, one.Counts, one.ExpectedState);
}
