using System.Globalization;
using Latchwork.Cli.Demo;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>The demo's verdict must find what is wrong: here are ledgers in which one thing is.</summary>
public sealed class DemoVerdictTests
{
    private const string Lost = "none of 1,000 events is lost";
    private const string OneLease = "at most one live lease per event";
    private const string WentOn = "every event that ben held when it was killed went to another node";
    private const string InTime = "each delivery within 3 s";
    private const string OneResult = "at most one live lease per key, one result for all, a late one refused";
    private const string TakenOver = "the key went to another node within 3 s";

    private static readonly long _second = TimeProvider.System.TimestampFrequency;

    private readonly Ledger _ledger = new() { PostedAt = 0 };
    private readonly List<TimerSnapshot> _stored = [];

    [Fact]
    public void Timers_with_which_all_went_well_hold()
    {
        PlayTimers();
        TimerSummary result = Timers();
        result.Promises.ShouldAllBe(promise => promise.Holds);
        (result.Confirmed, result.Cancelled, result.DeadLetters, result.Left, result.Lost, result.HeldByKilled).ShouldBe((940, 50, 10, 0, 0, 1));
        result.FirstAfterKillMs!.Value.ShouldBe(2_000, 1);
    }

    [Fact]
    public void An_event_that_never_came_is_lost()
    {
        PlayTimers(except: "order-0777");
        Timers().Lost.ShouldBe(1);
        Broken(Timers().Promises).ShouldBe([Lost]);
    }

    [Fact]
    public void An_event_that_was_rejected_and_is_no_dead_letter_is_lost()
    {
        PlayTimers();
        _stored.RemoveAt(0);
        Broken(Timers().Promises).ShouldBe([Lost]);
    }

    [Fact]
    public void A_dead_letter_without_a_reason_is_found()
    {
        PlayTimers();
        _stored[0] = Stored(_stored[0].Id, TimerState.DeadLettered, failures: 0);
        Broken(Timers().Promises).ShouldBe([Lost]);
    }

    [Fact]
    public void An_event_that_was_confirmed_and_is_still_there_is_found()
    {
        PlayTimers();
        _stored.Add(Stored("order-0500", TimerState.Scheduled));
        Broken(Timers().Promises).ShouldBe([Lost]);
    }

    [Fact]
    public void An_event_that_is_still_to_come_is_late_and_not_lost()
    {
        PlayTimers(except: "order-0777");
        _stored.Add(Stored("order-0777", TimerState.Scheduled));
        (Timers().Lost, Timers().Left).ShouldBe((0, 1));
        Broken(Timers().Promises).ShouldBe([InTime]);
    }

    [Fact]
    public void A_confirmation_whose_answer_nobody_saw_may_have_been_applied()
    {
        PlayTimers(except: "order-0777");
        Begin("ben", "order-0777", at: 4.5);
        _ledger.Record("ben", new NodeReport(NodeAct.Deciding, "order-0777", "ben order-0777"));
        Timers().Promises.ShouldAllBe(promise => promise.Holds);
    }

    [Fact]
    public void What_the_dead_node_held_and_nobody_got_is_lost()
    {
        PlayTimers(except: "order-0777");
        Begin("ben", "order-0777", at: 4.5);
        Broken(Timers().Promises).ShouldBe([Lost, WentOn]);
    }

    [Fact]
    public void A_dead_node_that_held_nothing_shows_nothing()
    {
        PlayTimers();
        _ledger.Events.First().Attempts[0].End = AttemptEnd.Refused;
        Broken(Timers().Promises).ShouldBe([WentOn]);
    }

    [Theory]
    [InlineData(0.5, 0, "Plain order-0777")] // early
    [InlineData(4.5, 0, "Plain order-0778")] // changed
    public void An_event_that_came_early_or_changed_is_found(double at, double latenessMs, string payload)
    {
        PlayTimers(except: "order-0777");
        Handle("cleo", "order-0777", at, latenessMs, payload);
        Broken(Timers().Promises).ShouldBe([OneLease]);
    }

    [Fact]
    public void An_event_that_came_too_late_is_found()
    {
        PlayTimers(except: "order-0777");
        Handle("cleo", "order-0777", at: 4.5, latenessMs: 3_001);
        Broken(Timers().Promises).ShouldBe([InTime]);
    }

    [Fact]
    public void An_event_that_came_after_its_cancellation_is_found()
    {
        PlayTimers();
        Begin("cleo", "order-0160", at: 4.5);
        Broken(Timers().Promises).ShouldBe([OneLease]);
    }

    [Fact]
    public void Two_nodes_that_hold_an_event_at_a_time_are_found()
    {
        PlayTimers();
        _ledger.Events.First().Attempts[0].HeldAt = At(9);
        Broken(Timers().Promises).ShouldBe([OneLease]);
    }

    [Fact]
    public void Two_confirmations_are_found()
    {
        PlayTimers();
        Handle("anna", "order-0777", at: 6);
        Broken(Timers().Promises).ShouldBe([OneLease]);
    }

    [Fact]
    public void A_locker_with_which_all_went_well_holds()
    {
        PlayLocker();
        LockerSummary result = Locker();
        result.Promises.ShouldAllBe(promise => promise.Holds);
        (result.Answered, result.TakeoverMs).ShouldBe((200, 900));
        result.Owners.ShouldBe(["cleo", "anna"]);
    }

    [Fact]
    public void A_late_result_that_was_accepted_is_found()
    {
        PlayLocker();
        Broken(Locker(PublishOutcome.Accepted).Promises).ShouldBe([OneResult]);
    }

    [Fact]
    public void Two_owners_at_a_time_are_found()
    {
        PlayLocker();
        _ledger.Runs[0].HeldAt = At(9);
        Broken(Locker().Promises).ShouldBe([OneResult]);
    }

    [Fact]
    public void A_fencing_token_that_does_not_grow_is_found()
    {
        PlayLocker(token: 7);
        Broken(Locker().Promises).ShouldBe([OneResult]);
    }

    [Fact]
    public void A_second_run_after_one_that_was_done_is_found()
    {
        PlayLocker();
        Run("dora", token: 9, at: 3);
        Broken(Locker().Promises).ShouldBe([OneResult]);
    }

    [Fact]
    public void A_caller_without_an_answer_or_with_another_one_is_found()
    {
        PlayLocker();
        (string node, NodeReport report) = _ledger.Answers[0];
        _ledger.Answers[0] = (node, report with { Text = "something else" });
        Broken(Locker().Promises).ShouldBe([OneResult]);
        _ledger.Answers.RemoveAt(0);
        Broken(Locker().Promises).ShouldBe([OneResult]);
    }

    [Fact]
    public void A_takeover_that_came_too_late_or_never_is_found()
    {
        PlayLocker(takeoverAt: 5.2);
        Broken(Locker().Promises).ShouldBe([TakenOver]);
        _ledger.Runs.RemoveAt(1);
        Broken(Locker().Promises).ShouldContain(TakenOver);
    }

    private static long At(double seconds) => (long)(seconds * _second);

    private static string[] Broken(IEnumerable<Promise> promises)
    {
        string[] known = [Lost, OneLease, WentOn, InTime, OneResult, TakenOver];
        return [.. promises.Where(p => !p.Holds).Select(p => known.Single(text => p.Text.StartsWith(text, StringComparison.Ordinal)))];
    }

    private static TimerSnapshot Stored(string id, TimerState state, int failures = 1) => new()
    {
        Id = id,
        State = state,
        Due = DateTimeOffset.UnixEpoch,
        TimeLeft = TimeSpan.Zero,
        Retries = 0,
        MaxRetries = 3,
        Payload = Array.Empty<byte>(),
        Headers = new Dictionary<string, string>(),
        DeadLetterReason = state == TimerState.DeadLettered ? DeadLetterReason.Rejected : null,
        Failures = [.. Enumerable.Repeat(new AttemptFailure(1, "anna", DateTimeOffset.UnixEpoch, "No such customer."), failures)],
    };

    // Everything is due by 4 s; ben is killed at 5 s with the first event in hand, which goes to anna at 7 s.
    private void PlayTimers(string? except = null)
    {
        Begin("ben", _ledger.Events.First().Id, at: 4.2);
        _ledger.KilledAt["ben"] = At(5);
        foreach (EventRecord e in _ledger.Events.Where(e => e.Id != except))
        {
            if (e.Kind == EventKind.Cancelled) e.CancelledAt = At(1);
            else Handle("anna", e.Id, at: e.Attempts.Count > 0 ? 7 : 4.1, latenessMs: 2);
            if (e.Kind == EventKind.Rejected) _stored.Add(Stored(e.Id, TimerState.DeadLettered));
        }
    }

    private void Begin(string node, string id, double at, double latenessMs = 2, string? payload = null) => _ledger.Record(node, new NodeReport(NodeAct.Began, id, $"{node} {id}", At(at))
    {
        LatenessMs = latenessMs,
        Text = payload ?? _ledger.Events.First(e => e.Id == id).Payload,
    });

    private void Handle(string node, string id, double at, double latenessMs = 2, string? payload = null)
    {
        Begin(node, id, at, latenessMs, payload);
        _ledger.Record(node, new NodeReport(NodeAct.Ended, id, $"{node} {id}", At(at + 0.01)) { End = AttemptEnd.Accepted });
    }

    private TimerSummary Timers() => Verdict.OfTimers(_ledger, _ledger.Events.Count, "ben", _stored);

    // Cleo owns the key from 0.5 s on and is killed at 1 s; anna takes over, and the callers on anna and dora get its result.
    private void PlayLocker(double takeoverAt = 1.9, long token = 8)
    {
        _ledger.Record("cleo", new NodeReport(NodeAct.RunBegan, Token: "7", At: At(0.5)));
        _ledger.KilledAt["cleo"] = At(1);
        Run("anna", token, takeoverAt);
        foreach (string node in new[] { "anna", "dora" })
        {
            for (int i = 0; i < DemoPlan.Callers; i++) _ledger.Record(node, new NodeReport(NodeAct.Answered) { Text = Verdict.ResultOf(token) });
        }
    }

    private void Run(string node, long token, double at)
    {
        var began = new NodeReport(NodeAct.RunBegan, Token: token.ToString(CultureInfo.InvariantCulture), At: At(at));
        _ledger.Record(node, began);
        _ledger.Record(node, began with { Act = NodeAct.RunEnded, At = At(at + 0.3), End = AttemptEnd.Accepted });
    }

    private LockerSummary Locker(PublishOutcome late = PublishOutcome.Superseded) => Verdict.OfLocker(_ledger, ["anna", "dora"], _ledger.Runs[0], late);
}
