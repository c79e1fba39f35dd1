using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>For each rule about keys, histories that break it: each is caught, under the right name.</summary>
public sealed class KeyRuleTests
{
    private readonly Script _script = new();

    [Fact]
    public void Two_owners_at_a_time() => _script.Grant(0, 1, "x", 10).Grant(3000, 3001, "y", 20, process: "b").ShouldBreak(Rules.Overlap);

    [Fact]
    public void A_second_owner_while_the_first_ones_lease_was_renewed() =>
        _script.Grant(0, 1, "x", 10).Renew(4000, 4001, "x", 10).Grant(6000, 6001, "y", 20, process: "b").ShouldBreak(Rules.Overlap);

    [Fact]
    public void A_second_owner_before_the_first_one_hears_that_it_lost() =>
        _script.Grant(0, 1, "x", 10).Grant(2000, 2001, "y", 20, process: "b").Renew(3000, 3001, "x", 10, isOurs: false).ShouldBreak(Rules.Overlap);

    [Fact]
    public void A_fencing_token_that_falls_back() =>
        _script.Grant(0, 1, "x", 10).Release(2, 3, "x", 10).Grant(5, 6, "y", 9, process: "b").ShouldBreak(Rules.Fencing);

    [Fact]
    public void A_fencing_token_that_is_given_twice() =>
        _script.Grant(0, 1, "x", 10, lease: 1).Grant(0.5, 7, "y", 10, lease: 1, process: "b").ShouldBreak(Rules.Fencing);

    [Fact]
    public void Generations_grow_after_a_failover_too() =>
        _script.Grant(0, 1, "x", 10).Release(2, 3, "x", 10).Fault("failover", 3, 4, lossWindow: 100).Grant(5, 6, "y", 9, process: "b").ShouldBreak(Rules.Fencing);

    [Fact]
    public void A_publication_of_an_overtaken_owner_that_is_accepted() =>
        _script.Grant(0, 1, "x", 10).Grant(5001, 5002, "y", 20, process: "b").Publish(6000, 6001, "x", 10, "v:1").ShouldBreak(Rules.Superseded);

    [Fact]
    public void A_renewal_of_an_overtaken_owner_that_is_accepted() =>
        _script.Grant(0, 1, "x", 10).Grant(5001, 5002, "y", 20, process: "b", lease: 1).Renew(6000, 6001, "x", 10).ShouldBreak(Rules.Superseded);

    [Fact]
    public void A_publication_after_the_key_was_forgotten_that_is_accepted() =>
        _script.Grant(0, 1, "x", 10).Forget(10, 11).Publish(20, 21, "x", 10, "v:1").ShouldBreak(Rules.Superseded);

    [Fact]
    public void A_refused_publication_that_a_waiter_sees() =>
        _script.Grant(0, 1, "x", 10).Grant(5001, 5002, "y", 20, process: "b").Publish(6000, 6001, "x", 10, "v:1", "Superseded").Given(5900, 6100, "v:1", 10).ShouldBreak(Rules.Superseded);

    [Fact]
    public void A_refused_publication_that_a_caller_in_its_own_process_gets() =>
        _script.Grant(0, 1, "x", 10).Publish(6000, 6001, "x", 10, "v:1", "Superseded").Run(0, 6002, "v:1", process: "a").ShouldBreak(Rules.Superseded);

    [Fact]
    public void A_result_that_nobody_published() => _script.Run(0, 100, "v:1").ShouldBreak(Rules.Invented);

    [Fact]
    public void A_result_that_comes_before_it_was_sent() =>
        _script.Grant(0, 1, "x", 10).Run(0, 100, "v:1").Publish(200, 201, "x", 10, "v:1").ShouldBreak(Rules.Invented);

    [Fact]
    public void A_failure_that_nobody_had() => _script.Run(0, 100, "f:1", ending: Ending.RunFailed).ShouldBreak(Rules.Invented);

    [Fact]
    public void A_result_for_those_who_waited_that_a_later_caller_gets() =>
        _script.Grant(0, 1, "x", 10).Publish(10, 11, "x", 10, "v:1", freshFor: 0).Run(20, 21, "v:1").ShouldBreak(Rules.Stale);

    [Fact]
    public void A_result_whose_time_has_passed() =>
        _script.Grant(0, 1, "x", 10).Publish(10, 11, "x", 10, "v:1", freshFor: 100).Given(200, 201, "v:1", 10).ShouldBreak(Rules.Stale);

    [Fact]
    public void A_result_after_a_later_one() =>
        _script.Grant(0, 1, "x", 10).Publish(10, 11, "x", 10, "v:1").Grant(20, 21, "y", 20).Publish(22, 23, "y", 20, "v:2").Given(30, 31, "v:1", 10).ShouldBreak(Rules.Stale);

    [Fact]
    public void A_result_after_the_key_was_forgotten() =>
        _script.Grant(0, 1, "x", 10).Publish(10, 11, "x", 10, "v:1").Forget(12, 13).Given(30, 31, "v:1", 10).ShouldBreak(Rules.Stale);

    [Fact]
    public void A_wait_that_never_ends() =>
        _script.Run(0, null, null, bound: 1000).Add("b", new ProcessEnded(Script.Us(60_000))).ShouldBreak(Rules.Wait);

    [Fact]
    public void A_wait_far_beyond_its_bound() => _script.Run(0, 40_000, null, bound: 1000, ending: Ending.TimedOut).ShouldBreak(Rules.Wait);

    [Fact]
    public void A_wait_that_gives_up_early() => _script.Run(0, 500, null, bound: 1000, ending: Ending.TimedOut).ShouldBreak(Rules.Wait);

    [Fact]
    public void Work_without_a_grant() => _script.Grant(0, 1, "x", 10).Add("b", new WorkStarted(2000, "n", "k", 10, 5000)).ShouldBreak(Rules.Handler);

    [Fact]
    public void Work_that_is_begun_twice() =>
        _script.Grant(0, 1, "x", 10).Add("a", new WorkStarted(2000, "n", "k", 10, 5000)).Add("a", new WorkStarted(3000, "n", "k", 10, 5000)).ShouldBreak(Rules.Handler);

    [Fact]
    public void An_owner_that_believes_longer_than_it_was_granted() =>
        _script.Grant(0, 1, "x", 10).Add("a", new WorkLocalLease(Script.Us(1000), "n", "k", 10, Script.Us(4500))).ShouldBreak(Rules.LocalLease);

    [Fact]
    public void A_key_that_is_freed_while_its_work_is_still_running() =>
        _script.Grant(0, 1, "x", 10).Factory(2, 500, 10).Release(100, 101, "x", 10).ShouldBreak(Rules.Work);

    [Fact]
    public void A_key_that_is_freed_under_work_that_does_not_end() =>
        _script.Grant(0, 1, "x", 10).Factory(2, null, 10).Release(100, 101, "x", 10).Run(200, 201, null, process: "a", ending: Ending.Unknown).ShouldBreak(Rules.Work);

    [Fact]
    public void Work_that_begins_with_a_lease_that_had_ended_when_its_owner_was_told_of_it() =>
        _script.Grant(0, 1_500, "x", 10, lease: 1_000).Factory(1_501, 2_100, 10).ShouldBreak(Rules.Work);
}
