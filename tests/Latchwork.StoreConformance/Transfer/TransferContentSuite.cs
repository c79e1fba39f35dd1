using System.Text;
using Latchwork.Storage;
using Latchwork.Storage.Moving;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Transfer;

/// <summary>What arrives: all of it, as it was.</summary>
public abstract class TransferContentSuite(StoreFixture fixture) : TransferSuite(fixture)
{
    [Fact]
    public async Task Events_arrive_as_they_were_in_every_state()
    {
        string ns = NewNamespace();
        var headers = new Dictionary<string, string> { ["trace"] = "äöü", ["empty"] = "" };
        await PostAsync(Source, ns, Entry("retried", 0, maxRetries: 20, payload: "p1"));
        for (int i = 0; i < 12; i++) await FailAsync(Source, ns, retryIn: i < 11 ? TimeSpan.Zero : TimeSpan.FromHours(1), error: $"error {i} ü");
        await PostAsync(Source, ns, Entry("dead", 0, headers: headers));
        await FailAsync(Source, ns, retryIn: null, error: "rejected");
        Clock.Advance(TimeSpan.FromHours(3));
        await PostAsync(Source, ns, Entry("later", 3_600_000, maxRetries: 3, payload: "", headers: headers), Entry("soon", 1), Entry("overdue", 0));
        Clock.Advance(TimeSpan.FromMinutes(2));
        string[] ids = ["retried", "dead", "later", "soon", "overdue"];
        var before = new List<TimerSnapshot>();
        foreach (string id in ids) before.Add(await PeekAsync(Source, ns, id));

        MoveReport report = (await Move(ns).RunAsync(default)).ShouldHaveSingleItem();

        (report.End, report.Count).ShouldBe((MoveEnd.Moved, 5));
        foreach (TimerSnapshot was in before) ShouldBeAlike(await PeekAsync(Target, ns, was.Id), was);
        (await IdsAsync(Target, ns)).Order().ShouldBe(ids.Order());
        (await Target.Timers.NamespacesAsync(default)).ShouldContain(ns);
        (await PeekAsync(Target, ns, "overdue")).Due.ShouldBe(Clock.GetUtcNow() - TimeSpan.FromMinutes(2), "an event that is late stays late, and first");
    }

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
        (await Source.Transfer!.DropTimersAsync(ns, force: true, default)).ShouldNotBeNull().IsDropped.ShouldBeTrue();
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
        (await Target.Transfer!.ImportCompletedAsync(ns, "another", [line], default)).ShouldBeFalse();
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
        (await Source.Transfer!.SealAsync(unit, "move", Target.Transfer!.Place, checkOnly: false, default)).Seal.ShouldNotBeNull();
        await Move(ns).AbortAsync(default);
        (await Source.Timers.GetStatsAsync(Partition(ns), default)).Pause.ShouldBe(pause);
        (await ClaimAsync(Source, ns)).ShouldBeEmpty();
    }

    [Fact]
    public async Task How_often_handlers_were_interrupted_moves_with_their_events()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("interrupted", 0, maxRetries: 1), Entry("both", 0, maxRetries: 9));
        string[] ids = ["interrupted", "both"];
        foreach (bool isInterruption in (bool[])[true, true, false])
        {
            foreach (DeliveryKey key in await ClaimAsync(Source, ns))
            {
                TimerFailure failure = new(key, "n1", "why", TimeSpan.Zero, DeadLetterReason.RetriesExhausted) { IsInterruption = isInterruption || key.Id == "interrupted" };
                await Source.Timers.FailAsync(Partition(ns), [failure], new(TimeSpan.FromDays(1), 10), default);
            }
        }

        LetNodesDie();
        var before = new List<TimerSnapshot>();
        foreach (string id in ids) before.Add(await PeekAsync(Source, ns, id));
        before.Select(one => (one.Retries, one.Interruptions, one.Failures.Count)).ShouldBe([(0, 3, 0), (1, 2, 1)]);
        await Move(ns).RunAsync(default);
        foreach (TimerSnapshot was in before) ShouldBeAlike(await PeekAsync(Target, ns, was.Id), was);
    }

    [Fact]
    public async Task Events_of_dead_nodes_arrive_as_if_they_had_been_taken_back()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("again", 0, maxRetries: 1), Entry("last", 0));
        DateTimeOffset deadline = Clock.GetUtcNow() + Lease;
        (await ClaimAsync(Source, ns)).Length.ShouldBe(2);
        LetNodesDie();

        (await Move(ns).RunAsync(default)).Single().Count.ShouldBe(2);

        TimerSnapshot again = await PeekAsync(Target, ns, "again"), last = await PeekAsync(Target, ns, "last");
        (again.State, again.Retries, again.Due).ShouldBe((TimerState.Scheduled, 1, deadline));
        again.Failures.ShouldHaveSingleItem().ShouldBe(new AttemptFailure(1, "n1", Clock.GetUtcNow(), "lease expired"));
        (last.State, last.DeadLetterReason, last.Retries, last.DeadLetteredFor).ShouldBe((TimerState.DeadLettered, DeadLetterReason.LeaseExpired, 0, TimeSpan.Zero));
        (await ClaimAsync(Target, ns, node: "n9")).ShouldHaveSingleItem().Id.ShouldBe("again");
    }

    [Fact]
    public async Task A_listener_of_the_target_is_woken_for_what_arrives()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 0));
        await Target.Timers.OpenAsync(ns, default);
        await using NotificationRecorder notifications = await NotificationRecorder.ListenAsync(Target.Timers, ns, "n1");
        await ClaimAsync(Target, ns);
        await Move(ns).RunAsync(default);
        await notifications.DueAsync();
        (await ClaimAsync(Target, ns)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Many_and_large_events_go_in_batches()
    {
        string ns = NewNamespace();
        string large = new('x', Limits.MaxBatchBytes - 1000);
        TimerEntry[] entries = [.. Enumerable.Range(0, 450).Select(i => Entry($"e{i:000}", i * 10)), .. Enumerable.Range(0, 3).Select(i => Entry($"large{i}", 100, payload: large))];
        await PostAsync(Source, ns, entries[..450]);
        foreach (TimerEntry entry in entries[450..]) await PostAsync(Source, ns, entry);
        (await Move(ns).RunAsync(default)).Single().Count.ShouldBe(453);
        (await IdsAsync(Target, ns)).Order().ShouldBe(entries.Select(e => e.Id).Order());
        (await PeekAsync(Target, ns, "large1")).Payload.Length.ShouldBe(large.Length);
    }

    [Fact]
    public async Task Delays_and_absolute_times_stay_what_they_are()
    {
        string ns = NewNamespace();
        DateTimeOffset at = Clock.GetUtcNow().AddHours(5);
        await PostAsync(Source, ns, Entry("absolute", 0) with { Due = at }, Entry("delay", TimeSpan.FromHours(5).TotalMilliseconds));

        // The source's clock was ahead for a while; the target's goes back later.
        Clock.Shift(TimeSpan.FromHours(20));
        await ClaimAsync(Source, ns, max: 0);
        Clock.Shift(-TimeSpan.FromHours(20));
        await ClaimAsync(Source, ns, max: 0);
        (await Source.Timers.ChangeDelayAsync(Partition(ns), "delay", TimeSpan.FromHours(5), default)).ShouldBe(TimerOutcome.Done);
        LetNodesDie();
        await Move(ns).RunAsync(default);
        await ClaimAsync(Target, ns, max: 0);
        TimerSnapshot delay = await PeekAsync(Target, ns, "delay");
        delay.TimeLeft.ShouldBe(TimeSpan.FromHours(5) - TimeSpan.FromMinutes(1));
        (await PeekAsync(Target, ns, "absolute")).Due.ShouldBe(at);
        Clock.Advance(TimeSpan.FromMilliseconds(50));
        await ClaimAsync(Target, ns, max: 0);
        Clock.Shift(-TimeSpan.FromHours(1));
        await ClaimAsync(Target, ns, max: 0);
        (await PeekAsync(Target, ns, "delay")).TimeLeft.ShouldBe(delay.TimeLeft - TimeSpan.FromMilliseconds(50));
        (await PeekAsync(Target, ns, "absolute")).Due.ShouldBe(at);
        Clock.Advance(at - Clock.GetUtcNow() - TimeSpan.FromMilliseconds(1));
        (await ClaimAsync(Target, ns)).Select(key => key.Id).ShouldBe(["delay"]);
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await ClaimAsync(Target, ns)).Select(key => key.Id).ShouldBe(["absolute"]);
    }

    [Fact]
    public async Task Keys_arrive_with_their_outcome_and_a_fencing_token_that_never_falls_back()
    {
        string ns = NewNamespace();
        long fresh = await RunAsync(Source, ns, "fresh", "value"), gone = await RunAsync(Source, ns, "gone", "old", freshForSeconds: 1);
        long released = await LockAsync(Source, ns, "released", "r");
        await Source.Locks.ReleaseAsync(new(ns, "released"), released, "r", default);
        long lapsed = await LockAsync(Source, ns, "lapsed", "dead owner");
        LetNodesDie();

        (await Move(ns).RunAsync(default)).Single(report => report.Unit.Kind == TransferKind.Locks).Count.ShouldBe(4);

        LockerOutcome outcome = (await Target.Locks.TryGetAsync(new(ns, "fresh"), default)).ShouldNotBeNull();
        (outcome.FencingToken, outcome.Kind, Encoding.UTF8.GetString(outcome.Data.Span), outcome.Age).ShouldBe((fresh, LockerOutcomeKind.Value, "value", TimeSpan.FromMinutes(1)));
        (await Target.Locks.PeekAsync(new(ns, "fresh"), default))!.FreshFor.ShouldBe(TimeSpan.FromMinutes(9));
        (await Target.Locks.TryGetAsync(new(ns, "gone"), default)).ShouldBeNull();
        Clock.Shift(TimeSpan.FromDays(-1)); // now only what was carried over keeps fencing tokens from falling back
        (await LockAsync(Target, ns, "gone", "new")).ShouldBeGreaterThan(gone);
        (await LockAsync(Target, ns, "released", "new")).ShouldBeGreaterThan(released);
        (await LockAsync(Target, ns, "lapsed", "new")).ShouldBeGreaterThan(lapsed);
    }

    [Fact]
    public async Task Large_outcomes_go_along()
    {
        string ns = NewNamespace();
        string[] values = [.. Enumerable.Range(0, 4).Select(i => new string((char)('a' + i), Limits.MaxBatchBytes / 3)), new('e', 2_000)];
        for (int i = 0; i < values.Length; i++) await RunAsync(Source, ns, $"key-{i}", values[i]);
        long lapsed = await LockAsync(Source, ns, "key-0", "dead owner", lockOnly: true);
        LetNodesDie();

        (await Move(ns).RunAsync(default)).Single(report => report.Unit.Kind == TransferKind.Locks).Count.ShouldBe(values.Length);

        for (int i = 0; i < values.Length; i++)
        {
            LockerOutcome outcome = (await Target.Locks.TryGetAsync(new(ns, $"key-{i}"), default)).ShouldNotBeNull();
            Encoding.UTF8.GetString(outcome.Data.Span).ShouldBe(values[i]);
        }

        (await LockAsync(Target, ns, "key-0", "new", lockOnly: true)).ShouldBeGreaterThan(lapsed);
    }

    [Fact]
    public async Task A_key_whose_owner_died_long_ago_does_not_hold_up_a_move()
    {
        string ns = NewNamespace();
        long lost = await LockAsync(Source, ns, "lost", "dead owner");
        Clock.Advance(LockTimeout * 3); // its record matters no more

        (await Move(ns).RunAsync(default)).ShouldAllBe(report => report.End == MoveEnd.Moved);

        (await LockAsync(Target, ns, "lost", "new")).ShouldBeGreaterThan(lost);
    }

    [Fact]
    public async Task A_mover_that_stands_still_makes_no_result_younger_than_it_is()
    {
        string ns = NewNamespace();
        await RunAsync(Source, ns, "long", "value");
        long old = await RunAsync(Source, ns, "short", "value", freshForSeconds: 5);
        bool stood = false;
        var move = new StoreMove(Source, Target, new MoveOptions
        {
            Namespace = ns,
            TimeProvider = Clock,
            WaitTimeout = TimeSpan.Zero,
            Progress = progress =>
            {
                if (stood || progress.Unit.Kind != TransferKind.Locks) return;
                stood = true;
                Clock.Advance(TimeSpan.FromMinutes(1)); // between reading and writing
            },
        });

        await move.RunAsync(default);

        stood.ShouldBeTrue();
        (await Target.Locks.PeekAsync(new(ns, "long"), default))!.FreshFor.ShouldBe(TimeSpan.FromMinutes(9));
        (await Target.Locks.TryGetAsync(new(ns, "short"), default)).ShouldBeNull();
        (await LockAsync(Target, ns, "short", "new")).ShouldBeGreaterThan(old);
    }

    [Fact]
    public async Task Moved_back_and_forth_everything_is_where_it_was()
    {
        string ns = NewNamespace();
        await PostAsync(Source, ns, Entry("a", 1000), Entry("b", 2000));
        await RunAsync(Source, ns, "key", "value");
        TimerSnapshot before = await PeekAsync(Source, ns, "a");
        await Move(ns).RunAsync(default);
        await Move(ns, Target, Source).RunAsync(default);
        ShouldBeAlike(await PeekAsync(Source, ns, "a"), before);
        (await Source.Locks.TryGetAsync(new(ns, "key"), default)).ShouldNotBeNull();
        await ShouldBeRefusedAsync(Target, ns, $"was moved to {Source.Transfer!.Place}");
        await Move(ns).RunAsync(default);
        (await IdsAsync(Target, ns)).Order().ShouldBe(["a", "b"]);
        (await Target.Locks.TryGetAsync(new(ns, "key"), default)).ShouldNotBeNull();
    }

    private static void ShouldBeAlike(TimerSnapshot now, TimerSnapshot before)
    {
        now.State.ShouldBe(before.State, before.Id);
        now.Due.ShouldBe(before.Due, before.Id);
        now.TimeLeft.ShouldBe(before.TimeLeft);
        now.Retries.ShouldBe(before.Retries);
        now.Interruptions.ShouldBe(before.Interruptions);
        now.MaxRetries.ShouldBe(before.MaxRetries);
        now.Payload.ToArray().ShouldBe(before.Payload.ToArray());
        now.Headers.ShouldBe(before.Headers);
        now.DeadLetterReason.ShouldBe(before.DeadLetterReason);
        now.DeadLetteredFor.ShouldBe(before.DeadLetteredFor);
        now.Failures.ShouldBe(before.Failures);
    }
}
