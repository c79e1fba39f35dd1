using System.Text;
using Latchwork.Storage;
using Latchwork.Storage.Moving;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Transfer;

/// <summary>Schedules move with their occurrences.</summary>
public abstract class TransferScheduleSuite(StoreFixture fixture) : TransferSuite(fixture)
{
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

        (await Source.Transfer!.DropTimersAsync(ns, force: false, default)).ShouldNotBeNull().IsDropped.ShouldBeFalse();
        (await timer.Schedules.GetAsync("a")).ShouldNotBeNull();
        (await Source.Transfer!.DropTimersAsync(ns, force: true, default)).ShouldNotBeNull().IsDropped.ShouldBeTrue();
        await using DistributedTimer anew = NewTimer(Source, ns);
        await anew.PostAsync(Encoding.UTF8.GetBytes("x"), TimeSpan.FromHours(1), new() { Id = "e" });
        (await anew.Schedules.GetAsync("a")).ShouldBeNull();
    }

    private DistributedTimer NewTimer(LatchworkStore store, string ns) => new(store, new TimerOptions { Namespace = ns, TimeProvider = Clock });

    private static async Task<ScheduleRecord> RecordAsync(LatchworkStore store, string ns, string id) =>
        (await store.Timers.Schedules!.ReadAsync(Partition(ns), [id], default)).Records.Single().ShouldNotBeNull();

    private static (ScheduleVersion, bool, string?, string?, DateTimeOffset, ScheduleCounts, TimerState?) Facts(ScheduleRecord one) =>
        (one.Version, one.IsPaused, one.ExpectedId, one.QueuedId, one.DecidedUntil, one.Counts, one.ExpectedState);
}
