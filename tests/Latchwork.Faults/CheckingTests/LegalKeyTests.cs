using Latchwork.Faults.History;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>Histories of keys that look odd and are legal: none raises an alarm.</summary>
public sealed class LegalKeyTests
{
    private readonly Script _script = new();

    [Fact]
    public void A_run_and_those_who_wait_for_it() =>
        _script.Run(0, 30, "v:1", process: "a").Run(1, 31, "v:1").Grant(1, 2, "x", 10).Add("a", new WorkStarted(2500, "n", "k", 10, Script.Us(4900)))
            .Publish(20, 21, "x", 10, "v:1", freshFor: 0).Given(22, 23, "v:1", 10, waitingFor: 10).ShouldPass();

    [Fact]
    public void A_dead_owner_is_followed_when_its_lease_has_ended() =>
        _script.Grant(0, 1, "x", 10).Add("h", new ProcessEnded(Script.Us(100), "a", Killed: true)).Grant(5000, 5001, "y", 20, process: "b").ShouldPass();

    [Fact]
    public void An_owner_that_was_stopped_is_followed_and_refused() =>
        _script.Grant(0, 1, "x", 10).Grant(5000, 5001, "y", 20, process: "b").Publish(9000, 9001, "x", 10, "v:1", "Superseded")
            .Publish(5500, 5600, "y", 20, "v:2", process: "b").Run(0, 5700, "v:2", process: "a").ShouldPass();

    [Fact]
    public void An_owner_that_lets_go_is_followed_at_once() =>
        _script.Grant(0, 1, "x", 10).Release(10, 20, "x", 10).Grant(11, 15, "y", 20, process: "b").ShouldPass();

    [Fact]
    public void A_forgotten_owner_is_followed_at_once() => _script.Grant(0, 1, "x", 10).Forget(10, 11).Grant(12, 13, "y", 20, process: "b").ShouldPass();

    [Fact]
    public void A_lock_timeout_ends_the_belief_whatever_was_renewed() =>
        _script.Grant(0, 1, "x", 10, ceiling: 6000).Renew(4000, 4001, "x", 10).Grant(6000, 6001, "y", 20, process: "b").ShouldPass();

    [Fact]
    public void A_publication_without_an_answer_may_have_been_accepted() =>
        _script.Grant(0, 1, "x", 10).Publish(10, 20, "x", 10, "v:1", null, ending: Ending.Unknown).Given(30, 31, "v:1", 10).ShouldPass();

    [Fact]
    public void A_repeated_publication_is_accepted_again_after_somebody_followed() =>
        _script.Grant(0, 1, "x", 10).Publish(10, 20, "x", 10, "v:1", null, ending: Ending.Unknown, freshFor: 0).Grant(21, 22, "y", 20, process: "b")
            .Publish(30, 31, "x", 10, "v:1", freshFor: 0).ShouldPass();

    [Fact]
    public void A_request_that_is_repeated_is_the_same_grant() =>
        _script.Op(Verb.LockRequest, "k", 0, 100, null, start => start with { Token = "x", Lease = Script.Us(5000) }, process: "a", ending: Ending.Unknown)
            .Grant(200, 201, "x", 10).Grant(5201, 5202, "y", 20, process: "b").ShouldPass();

    [Fact]
    public void A_failure_goes_to_those_who_wait() =>
        _script.Grant(0, 1, "x", 10).Run(0, 20, "f:1", ending: Ending.RunFailed).Publish(10, 11, "x", 10, "f:1", freshFor: 0).ShouldPass();

    [Fact]
    public void A_failure_that_is_not_shared_goes_to_the_caller_whose_work_it_was() =>
        _script.Grant(0, 1, "x", 10).Add("a", new WorkEnded(5000, "n", "k", 10, CodeResult.Threw, "f:1")).Run(0, 20, "f:1", process: "a", ending: Ending.RunFailed).Release(6, 7, "x", 10).ShouldPass();

    [Fact]
    public void Two_primaries_may_have_two_owners_and_they_are_counted()
    {
        _script.Grant(4000, 4001, "x", 10).Fault("failover", 5000, 8000, lossWindow: 2000).Grant(6000, 6001, "y", 20, process: "b").ShouldPass();
        _script.Report.OverlapsInLossWindows.ShouldBe(1);
    }

    [Fact]
    public void A_wait_is_longer_by_the_outages_in_it() =>
        _script.Fault("freezeServer", 1000, 30_000).Run(0, 31_000, null, bound: 1000, ending: Ending.TimedOut).ShouldPass();

    [Fact]
    public void A_wait_is_longer_by_what_its_process_was_stopped() =>
        _script.Fault("stop", 1000, 30_000, outage: false, target: "b").Run(0, 31_000, null, bound: 1000, ending: Ending.TimedOut).ShouldPass();

    [Fact]
    public void A_killed_waiter_never_ends() =>
        _script.Run(0, null, null, bound: 1000).Add("h", new ProcessEnded(Script.Us(60_000), "b", Killed: true)).ShouldPass();

    [Fact]
    public void A_caller_gives_up() => _script.Run(0, 10, null, ending: Ending.Cancelled).ShouldPass();

    [Fact]
    public void A_key_that_is_freed_when_its_work_has_ended() => _script.Grant(0, 1, "x", 10).Factory(2, 100, 10).Release(100, 101, "x", 10).ShouldPass();

    [Fact]
    public void Work_whose_lease_ends_while_its_thread_waits_for_its_turn() => _script.Grant(0, 1, "x", 10, lease: 1_000).Factory(2_000, 2_100, 10).ShouldPass();

    [Fact]
    public void Work_of_a_grant_that_was_late_and_renewed() =>
        _script.Grant(0, 1_500, "x", 10, lease: 1_000).Renew(1_501, 1_510, "x", 10).Factory(1_511, 1_600, 10).ShouldPass();

    [Fact]
    public void A_failure_whose_message_cannot_be_read_is_like_any_other_of_its_kind() =>
        _script.Grant(0, 1, "x", 10).Publish(2, 3, "x", 10, LockValue.Unreadable, freshFor: 0).Grant(4, 5, "y", 20, process: "b").Publish(6, 7, "y", 20, "v:1", process: "b")
            .Grant(70_000, 70_001, "z", 30).Run(69_000, 70_100, LockValue.Unreadable, process: "a", ending: Ending.RunFailed).ShouldPass();
}
