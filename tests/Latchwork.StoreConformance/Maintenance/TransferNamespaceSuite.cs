using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Maintenance;

/// <summary>What a move takes along of a namespace itself: its counters, its history, its pause.</summary>
public abstract class TransferNamespaceSuite(StoreFixture fixture) : TransferSuite(fixture)
{
    [Fact]
    public async Task Counters_move_with_their_namespace_are_added_to_those_of_the_target_and_begin_anew_in_the_source()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("old", 0), Entry("kept", 3_600_000_000));
        await Source.Timers.ConfirmAsync(Partition(ns), await ClaimAsync(Source, ns), CompletedLimits.None, default);
        Clock.Advance(TimeSpan.FromHours(2));
        await PostAsync(Source, ns, Entry("a", 3_600_000_000), Entry("b", 3_600_000_000));
        Clock.Advance(TimeSpan.FromMinutes(5));
        await PostAsync(Source, ns, Entry("c", 3_600_000_000));
        await PostAsync(Target, ns, Entry("own", 3_600_000_000));
        TimerCounters before = await CountersAsync(Source, ns);

        int stopped = 0;
        while (await StoppedAsync(ns, stopped + 1, afterEffect: true)) stopped++;

        stopped.ShouldBeGreaterThan(5);
        await Move(ns).RunAsync(default);
        TimerCounters after = await CountersAsync(Target, ns);
        after.Totals.ShouldBe(before.Totals with { Posted = before.Totals.Posted + 1 }, "once, however often the move was cut off");
        after.Hours.Select(bucket => (bucket.Start, bucket.Counts.Posted)).SkipLast(1).ShouldBe(before.Hours.Select(bucket => (bucket.Start, bucket.Counts.Posted)).SkipLast(1));
        after.Hours.Sum(bucket => bucket.Counts.Posted).ShouldBe(6);
        after.Hours.Sum(bucket => bucket.Counts.Confirmed).ShouldBe(1);
        after.Minutes.Sum(bucket => bucket.Counts.Posted).ShouldBe(4);

        LetNodesDie();
        await Move(ns, Target, Source).RunAsync(default);
        (await CountersAsync(Source, ns)).Totals.ShouldBe(after.Totals, "what it had counted before had gone");
    }

    [Fact]
    public async Task The_history_moves_with_its_namespace_and_of_an_id_the_later_completion_stands()
    {
        string ns = NewNamespace();
        await CompleteAsync(Source, ns, [.. Enumerable.Range(0, 450).Select(i => $"e{i:D3}")]);
        Clock.Advance(TimeSpan.FromMinutes(1));
        await CompleteAsync(Target, ns, ["e007", "own"]);
        Clock.Advance(TimeSpan.FromMinutes(1));
        await CompleteAsync(Source, ns, ["own2", "again"]);
        await PostAsync(Source, ns, Entry("again", 3_600_000), Entry("waits", 3_600_000_000));
        TimerSnapshot[] source = [.. await CompletedAsync(Source, ns)], target = [.. await CompletedAsync(Target, ns)];
        string[] both = [.. source.Concat(target).GroupBy(line => line.Id).Select(lines => lines.MaxBy(line => line.CompletedAt)!).Select(SayLine).Order()];
        LetNodesDie();

        int stopped = 0;
        while (await StoppedAsync(ns, stopped + 1, afterEffect: true)) stopped++;

        stopped.ShouldBeGreaterThan(8);
        (await Move(ns).RunAsync(default)).ShouldHaveSingleItem().End.ShouldBe(MoveEnd.MovedBefore);
        (await CompletedAsync(Target, ns)).Select(SayLine).Order().ShouldBe(both); // each once, however often the move was cut off
        (await PeekAsync(Target, ns, "e123")).State.ShouldBe(TimerState.Completed);
        (await PeekAsync(Target, ns, "again")).State.ShouldBe(TimerState.Scheduled);

        LetNodesDie();
        await Move(ns, Target, Source).RunAsync(default);
        (await CompletedAsync(Source, ns)).Select(SayLine).Order().ShouldBe(both);
        LetNodesDie();
        (await Source.Maintenance!.DropTimersAsync(ns, force: true, default)).ShouldNotBeNull().IsDropped.ShouldBeTrue();
        await Source.Timers.OpenAsync(ns, default);
        (await CompletedAsync(Source, ns)).ShouldBeEmpty("it is dropped with its namespace");

        static string SayLine(TimerSnapshot e) => $"{e.Id} due {e.Due:O} claimed {e.ClaimedAt:O} completed {e.CompletedAt:O} on {e.NodeId} {e.Retries}/{e.MaxRetries} {e.Outcome}";
    }

    [Fact]
    public async Task Lines_of_a_move_that_is_over_are_refused()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 3_600_000_000));
        await Move(ns).RunAsync(default);
        var line = new CompletedEvent("late", Clock.GetUtcNow(), Clock.GetUtcNow(), Clock.GetUtcNow(), "n1", 0, 0, CompletedOutcome.Succeeded);
        (await Target.Maintenance!.WriteCompletedAsync(ns, "another", [line], default)).ShouldBeFalse();
        (await CompletedAsync(Target, ns)).ShouldBeEmpty();
    }

    private async Task CompleteAsync(LatchworkStore store, string ns, string[] ids)
    {
        foreach (string[] some in ids.Chunk(Limits.MaxBatch))
        {
            await PostAsync(store, ns, [.. some.Select(id => Entry(id, 0, maxRetries: 2))]);
            DeliveryKey[] claimed = await ClaimAsync(store, ns);
            claimed.Length.ShouldBe(some.Length);
            await store.Timers.ConfirmAsync(Partition(ns), claimed, new CompletedLimits(TimeSpan.FromDays(1), Limits.MaxCompleted), default);
        }
    }

    private static async Task<List<TimerSnapshot>> CompletedAsync(LatchworkStore store, string ns)
    {
        var lines = new List<TimerSnapshot>();
        string? cursor = null;
        do
        {
            TimerPage page = await store.Timers.CompletedAsync(Partition(ns), cursor, Limits.MaxBatch, default);
            lines.AddRange(page.Items);
            cursor = page.Cursor;
        }
        while (cursor is not null);

        return lines;
    }

    [Fact]
    public async Task What_lockers_have_done_moves_with_their_namespace_once()
    {
        string ns = NewNamespace();
        await RunAsync(Source, ns, "k", "value");
        await Source.Locks.AddCountsAsync(ns, new LockerStats(7, 2, 1), default);
        await Target.Locks.OpenAsync(ns, default);
        await Target.Locks.AddCountsAsync(ns, new LockerStats(1, 0, 0), default);
        await Move(ns).RunAsync(default);
        await Move(ns).RunAsync(default);
        (await Target.Locks.GetStatsAsync(ns, default)).ShouldBe(new LockerStats(8, 2, 1));
        await Move(ns, Target, Source).RunAsync(default);
        (await Source.Locks.GetStatsAsync(ns, default)).ShouldBe(new LockerStats(8, 2, 1), "what it had counted before had gone");
    }

    private static async Task<TimerCounters> CountersAsync(LatchworkStore store, string ns) => (await store.Timers.GetStatsAsync(Partition(ns), default)).Counters;

    [Fact]
    public async Task A_pause_moves_with_its_namespace_and_does_not_stay_behind()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 0), Entry("b", 1));
        TimerPause pause = await Source.Timers.PauseAsync(Partition(ns), new PauseRequest("anna", "move, \"why\" 1 2"), default);
        Clock.Advance(TimeSpan.FromMinutes(1));
        await Move(ns).RunAsync(default);
        (await Target.Timers.GetStatsAsync(Partition(ns), default)).ShouldSatisfyAllConditions(s => s.Pause.ShouldBe(pause), s => s.Scheduled.ShouldBe(2));
        (await ClaimAsync(Target, ns)).ShouldBeEmpty();

        (await Target.Timers.ResumeAsync(Partition(ns), default)).ShouldBe(pause);
        LetNodesDie();
        await Move(ns, Target, Source).RunAsync(default);
        (await Source.Timers.GetStatsAsync(Partition(ns), default)).Pause.ShouldBeNull("it was resumed elsewhere");
        (await ClaimAsync(Source, ns)).Length.ShouldBe(2);
    }

    [Fact]
    public async Task A_target_is_paused_before_the_first_event_comes_and_an_own_pause_of_it_stays()
    {
        (string paused, string target) = (NewNamespace(), NewNamespace());
        await PostAsync(Source, paused, Entry("a", 0));
        await PostAsync(Target, paused, Entry("own", 0));
        TimerPause pause = await Source.Timers.PauseAsync(Partition(paused), new PauseRequest("anna", "why"), default);
        await Move(paused).RunAsync(default);
        (await ClaimAsync(Target, paused)).ShouldBeEmpty("the whole namespace is paused");
        (await Target.Timers.GetStatsAsync(Partition(paused), default)).Pause.ShouldBe(pause);

        await PostAsync(Source, target, Entry("a", 0));
        await Target.Timers.OpenAsync(target, default);
        TimerPause own = await Target.Timers.PauseAsync(Partition(target), new PauseRequest("ben", "own"), default);
        await Source.Timers.PauseAsync(Partition(target), new PauseRequest("anna", "why"), default);
        await Move(target).RunAsync(default);
        (await Target.Timers.GetStatsAsync(Partition(target), default)).Pause.ShouldBe(own);
    }

    [Fact]
    public async Task An_aborted_move_leaves_the_source_paused()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 0));
        TimerPause pause = await Source.Timers.PauseAsync(Partition(ns), new PauseRequest("anna", "why"), default);
        NamespaceRef unit = Timers(ns);
        (await Source.Maintenance!.CloseAsync(unit, "move", Target.Maintenance!.Place, checkOnly: false, default)).Seal.ShouldNotBeNull();
        await Move(ns).AbortAsync(default);
        (await Source.Timers.GetStatsAsync(Partition(ns), default)).Pause.ShouldBe(pause);
        (await ClaimAsync(Source, ns)).ShouldBeEmpty();
    }
}
