using Latchwork.Cli.Demo;
using Latchwork.Cli.Demo.Cast;
using Latchwork.Cli.Demo.Locker;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>The demo's second audit must find what is wrong: here are books that somebody has tampered with.</summary>
public sealed class LockerAuditTests
{
    private static readonly long _second = TimeProvider.System.TimestampFrequency;

    private readonly LockerBooks _books = new();
    private readonly LaterCalls _later = new(900, 900, 0, 10 * _second, TimeSpan.Zero);
    private KeyRun? _dying;

    private string Taken => _books.Of(KeyFate.OwnerDies).Key;

    [Fact]
    public void A_run_in_which_all_went_well_holds()
    {
        PlayWell();
        Check().Claims.ShouldAllBe(claim => claim.Holds);
        Check().Takeover!.Value.TotalSeconds.ShouldBe(1, 0.01);
    }

    [Fact]
    public void A_second_run_is_found_unless_the_first_had_lost_its_lease()
    {
        PlayWell(spoil: () => Run(1, LockerPlan.Keys[0].Key, token: 9, at: 1.5, lostLease: true));
        Holds("each report ran once").ShouldBeTrue();

        PlayWell(spoil: () => Run(1, LockerPlan.Keys[0].Key, token: 8, at: 1.2, lostLease: false));
        Holds("each report ran once").ShouldBeFalse();
    }

    [Fact]
    public void Two_owners_at_a_time_are_found()
    {
        PlayWell();
        _dying!.HeldAt = 5 * _second;
        Holds("no two nodes believed").ShouldBeFalse();
    }

    [Fact]
    public void A_token_that_comes_twice_is_found()
    {
        PlayWell();
        _books.Hear(_books.Nodes[2], new RunBegun(Taken, _dying!.Token, 5 * _second));
        Holds("fencing tokens only grew").ShouldBeFalse();
    }

    [Fact]
    public void A_caller_that_was_forgotten_is_found()
    {
        PlayWell();
        _books.Of(KeyFate.Plain).Answers.RemoveAt(0);
        Holds("every call was answered").ShouldBeFalse();
    }

    [Fact]
    public void A_caller_that_got_other_bytes_is_found()
    {
        PlayWell();
        KeyRecord key = _books.Of(KeyFate.Plain);
        key.Answers[0] = key.Answers[0] with { Call = key.Answers[0].Call with { Value = "something else" } };
        Holds("the very same bytes").ShouldBeFalse();
    }

    [Fact]
    public void A_failure_without_its_original_is_found()
    {
        PlayWell();
        KeyRecord key = _books.Of(KeyFate.Fails);
        int own = key.Answers.FindIndex(a => a.Call.IsOriginal == true);
        key.Answers[own] = key.Answers[own] with { Call = key.Answers[own].Call with { IsOriginal = null } };
        Holds("the original where it was thrown").ShouldBeFalse();
    }

    [Fact]
    public void A_late_result_that_was_taken_and_a_later_run_are_found()
    {
        PlayWell();
        Holds("under the dead owner's token was refused", late: PublishOutcome.Accepted).ShouldBeFalse();
        Holds("nothing ran again", later: _later with { From = _second }).ShouldBeFalse();
    }

    [Fact]
    public void A_call_that_waited_too_long_is_a_matter_of_time()
    {
        PlayWell();
        KeyRecord key = _books.Of(KeyFate.Plain);
        key.Answers[0] = key.Answers[0] with { Call = key.Answers[0].Call with { Value = null, Problem = "timed out", TimedOut = true } };
        Check().Claims.Where(claim => !claim.Holds).ShouldHaveSingleItem().IsOfTime.ShouldBeTrue();
    }

    // The first node owns the first key, and so on; the third is killed and the fourth takes over.
    private void PlayWell(Action? spoil = null)
    {
        foreach (KeyRecord key in _books.Keys)
        {
            key.Runs.Clear();
            key.Answers.Clear();
        }

        spoil?.Invoke();
        for (int i = 0; i < LockerPlan.Keys.Length; i++)
        {
            (string key, KeyFate fate) = LockerPlan.Keys[i];
            if (fate != KeyFate.OwnerDies) Run(i, key, token: 10, at: 2, lostLease: false, failure: fate == KeyFate.Fails ? "Oops: no" : null);
        }

        KeyRecord taken = _books.Of(KeyFate.OwnerDies);
        _books.Hear(_books.Nodes[2], new RunBegun(Taken, 20, 2 * _second));
        _dying = taken.Runs[0];
        _books.Die(_books.Nodes[2], 3 * _second);
        Run(3, Taken, token: 21, at: 4, lostLease: false);
        foreach (KeyRecord key in _books.Keys)
        {
            foreach (NodeRecord node in _books.Nodes.Where(n => key != taken || n.KilledAt is null)) Answer(key, node);
        }
    }

    private void Run(int node, string key, long token, double at, bool lostLease, string? failure = null)
    {
        long from = (long)(at * _second), to = from + (_second / 10);
        _books.Hear(_books.Nodes[node], new RunBegun(key, token, from));
        _books.Hear(_books.Nodes[node], new RunEnded(key, token, to, lostLease ? from : to, failure, lostLease, lostLease));
    }

    private void Answer(KeyRecord key, NodeRecord node)
    {
        KeyRun run = key.Runs[^1];
        string? failure = run.Ended!.Failure;
        bool? isOriginal = failure is not null && run.Node == node.Name ? true : null;
        for (int i = 0; i < LockerPlan.Callers; i++) _books.Hear(node, new CallAnswered(key.Key, 1, failure is null ? run.Value : null, failure, isOriginal, null, false));
    }

    private LockerActResult Check(PublishOutcome late = PublishOutcome.Superseded, LaterCalls? later = null) =>
        new LockerAudit(_books, new DemoStory(TimeProvider.System), _books.Nodes[2], _dying!, late, later ?? _later).Check();

    private bool Holds(string claim, PublishOutcome late = PublishOutcome.Superseded, LaterCalls? later = null) =>
        Check(late, later).Claims.First(c => c.Text.Contains(claim, StringComparison.Ordinal)).Holds;
}
