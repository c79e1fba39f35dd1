using System.Text;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Maintenance;

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
        await ShouldBeRefusedAsync(Target, ns, $"was moved to {Source.Maintenance!.Place}");
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
