using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>Histories that look odd and are legal: none raises an alarm.</summary>
public sealed class LegalTimerTests
{
    private readonly Script _script = new();

    [Fact]
    public void A_life_with_all_its_turns() =>
        _script.Post("a", "v1", 0, 1, 10, retries: 1).Simple(Verb.ChangeDelay, "a", 2, 3, "Done", 5)
            .Claim("a", "v1", 9, 10, "t1", 0, 1).End(Verb.Fail, "a", 11, 12, "t1", delay: 5)
            .Claim("a", "v1", 20, 21, "t2", 1, 1).End(Verb.Fail, "a", 22, 23, "t2", "DeadLettered", delay: 5)
            .Simple(Verb.Requeue, "a", 30, 31, "Done", 5)
            .Claim("a", "v1", 40, 41, "t3", 0, 1).End(Verb.Release, "a", 42, 43, "t3")
            .Claim("a", "v1", 44, 45, "t4", 0, 1, process: "m").End(Verb.Confirm, "a", 46, 47, "t4", process: "m")
            .Simple(Verb.Cancel, "a", 50, 51, "NotFound").Final(100).ShouldPass();

    [Fact]
    public void An_unknown_post_may_fire_late() =>
        _script.Post("a", "v1", 0, 1, 10, null, ending: Ending.Unknown).Simple(Verb.Cancel, "a", 50, 51, "NotFound")
            .Claim("a", "v1", 30_000, 30_001, "t1").End(Verb.Confirm, "a", 30_002, 30_003, "t1").Final(40_000).ShouldPass();

    [Fact]
    public void An_unknown_post_may_never_fire() =>
        _script.Post("a", "v1", 0, 1, 10, null, ending: Ending.Unknown).Final(40_000).ShouldPass();

    [Fact]
    public void A_killed_posters_event_may_be_stored() =>
        _script.Post("a", "v1", 0, null, 100_000).Final(50_000, Script.Left("a", "v1", TimerState.Scheduled, left: 50_000)).ShouldPass();

    [Fact]
    public void An_unknown_cancel_may_explain_that_an_event_never_fires() =>
        _script.Post("a", "v1", 0, 1, 10_000).Simple(Verb.Cancel, "a", 5, 6, null, ending: Ending.Cancelled).Final(40_000).ShouldPass();

    [Fact]
    public void An_unknown_cancel_may_take_effect_after_others_were_answered() =>
        _script.Post("a", "v1", 0, 1, 10_000).Simple(Verb.Cancel, "a", 5, 6, null, ending: Ending.Unknown)
            .Simple(Verb.ChangeDelay, "a", 10, 11, "Done", 10_000).Simple(Verb.ChangeDelay, "a", 12, 13, "NotFound", 10_000).Final(40_000).ShouldPass();

    [Fact]
    public void A_cancel_may_lose_its_race_with_a_delivery() =>
        _script.Post("a", "v1", 0, 1, 10).Claim("a", "v1", 10, 20, "t1").Simple(Verb.Cancel, "a", 10, 20, "InFlight").End(Verb.Confirm, "a", 21, 22, "t1").Final(30).ShouldPass();

    [Fact]
    public void An_extension_may_find_the_event_held_by_an_open_transaction() =>
        _script.Add("h", new RunStarted(0, "postgres", 1)).Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Confirm, "a", 3, 20, "t1")
            .End(Verb.Extend, "a", 5, 10, "t1", "InFlight").End(Verb.Extend, "a", 21, 22, "t1", "NotFound").Final(30).ShouldPass();

    [Fact]
    public void Operations_that_overlap_may_take_effect_in_any_order() =>
        _script.Post("a", "v1", 0, 100, 1000, "Created").Post("a", "v2", 0, 90, 1000, "Created").Simple(Verb.Cancel, "a", 0, 80, "Done")
            .Simple(Verb.Cancel, "a", 0, 70, "Done").Final(200).ShouldPass();

    [Fact]
    public void A_post_in_flight_supersedes_the_running_delivery() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").Post("a", "v2", 5, 6, 0, "Replaced")
            .Claim("a", "v2", 7, 8, "t2", process: "m").End(Verb.Confirm, "a", 9, 10, "t1", "Stale").End(Verb.Confirm, "a", 11, 12, "t2", process: "m").Final(20).ShouldPass();

    [Fact]
    public void A_stopped_holders_event_is_delivered_again_when_its_lease_has_ended() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 1).Claim("a", "v1", 1, 2, "t1", 0, 1, lease: 1000).Claim("a", "v1", 900, 1002, "t2", 1, 1, process: "m")
            .End(Verb.Confirm, "a", 5000, 5001, "t1", "NotFound").End(Verb.Confirm, "a", 1100, 1101, "t2", process: "m").Final(6000).ShouldPass();

    [Fact]
    public void An_expired_lease_that_nobody_took_over_is_good_for_a_confirmation() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1", lease: 1000).End(Verb.Confirm, "a", 5000, 5001, "t1").Final(6000).ShouldPass();

    [Fact]
    public void An_event_without_retries_dies_with_its_holder() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1", lease: 1000).Final(6000, Script.Left("a", "v1", TimerState.DeadLettered)).ShouldPass();

    [Fact]
    public void A_claim_without_an_answer_may_have_spent_a_retry()
    {
        _script.Post("a", "v1", 0, 1, 0, retries: 1).LostClaim(1, 3, "t0", lease: 1000).Claim("a", "v1", 1500, 1501, "t1", 1, 1).End(Verb.Confirm, "a", 1502, 1503, "t1").Final(2000).ShouldPass();
        _script.Report.Redeliveries.ShouldBe(new Dictionary<string, long> { ["claim without an answer"] = 1 });
    }

    [Fact]
    public void A_claim_without_an_answer_cannot_have_spent_a_retry_long_after() =>
        _script.LostClaim(1, 3, "t0", lease: 1000).Post("a", "v1", 20_000, 20_001, 0, retries: 1).Claim("a", "v1", 25_000, 25_001, "t1", 1, 1).ShouldBreak(Rules.Retries);

    [Fact]
    public void A_claim_that_is_repeated_brings_the_same_events() =>
        _script.Post("a", "v1", 0, 1, 0).LostClaim(1, 300, "t1").Simple(Verb.Cancel, "a", 310, 320, "InFlight").Claim("a", "v1", 400, 401, "t1")
            .End(Verb.Confirm, "a", 402, 403, "t1").Final(500).ShouldPass();

    [Fact]
    public void A_confirmation_without_an_answer_may_have_been_done() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Confirm, "a", 3, 4, "t1", null, ending: Ending.Unknown).End(Verb.Confirm, "a", 5, 6, "t1", "NotFound").Final(20).ShouldPass();

    [Theory]
    [InlineData(IfExists.Fail)]
    [InlineData(IfExists.Keep)]
    public void Equal_ids_in_a_batch_without_an_answer_of_which_the_first_left_what_was_there(IfExists ifExists)
    {
        _script.Post("a", "v1", 0, 1, 1000).Post("a", "v2", 2, 9, 1000, null, ifExists: ifExists, ending: Ending.Unknown);
        long first = _script.LastOp;
        _script.Post("a", "v3", 2, 9, 10, null, ending: Ending.Unknown, after: first)
            .Claim("a", "v3", 30, 31, "t1").End(Verb.Confirm, "a", 32, 33, "t1").Final(40_000).ShouldPass();
    }

    [Fact]
    public void Equal_ids_in_a_batch() =>
        _script.Post("a", "v1", 0, 10, 1000, "Created").Post("a", "v2", 0, 10, 1000, "Replaced", after: 1).Post("a", "v3", 0, 10, 1000, "Kept", ifExists: IfExists.Keep, after: 2)
            .Claim("a", "v2", 2000, 2001, "t1").End(Verb.Confirm, "a", 2002, 2003, "t1").Final(3000).ShouldPass();

    [Fact]
    public void A_revocation_takes_what_is_in_flight() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").Simple(Verb.Revoke, "a", 3, 4, "Done").End(Verb.Confirm, "a", 5, 6, "t1", "NotFound").Final(20).ShouldPass();

    [Fact]
    public void A_dead_letter_is_replaced_whatever_the_post_says() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Fail, "a", 3, 4, "t1", "DeadLettered", delay: 1)
            .Post("a", "v2", 5, 6, 0, "Replaced", ifExists: IfExists.Keep).Claim("a", "v2", 7, 8, "t2").End(Verb.Confirm, "a", 9, 10, "t2").Final(20).ShouldPass();

    [Fact]
    public void What_was_acknowledged_right_before_a_failover_may_be_lost_and_is_counted()
    {
        _script.Post("a", "v1", 4000, 4001, 20_000).Fault("failover", 5000, 8000, lossWindow: 2000).Final(30_000).ShouldPass();
        _script.Report.Lost.ShouldBe(new Dictionary<string, long> { ["Post"] = 1 });
    }

    [Fact]
    public void A_confirmation_that_a_failover_lost_means_another_delivery()
    {
        _script.Post("a", "v1", 0, 1, 0, retries: 1).Claim("a", "v1", 4000, 4001, "t1", 0, 1, lease: 1000).End(Verb.Confirm, "a", 4500, 4501, "t1")
            .Fault("failover", 5000, 8000, lossWindow: 2000)
            .Claim("a", "v1", 8100, 8101, "t2", 1, 1).End(Verb.Confirm, "a", 8102, 8103, "t2").Final(30_000).ShouldPass();
        _script.Report.Lost.ShouldBe(new Dictionary<string, long> { ["Confirm"] = 1 });
    }

    [Fact]
    public void Without_a_listing_at_the_end_nothing_is_said_about_losses()
    {
        CheckReport report = _script.Post("a", "v1", 0, 1, 1000).Add("h", new FinalScanStarted(Script.Us(5000), "n")).Report;
        (report.ViolationCount, report.Unlisted).ShouldBe((0, 1));
        report.ToString().ShouldContain("unlisted      1");
        _script.Add("h", new FinalScanEnded(Script.Us(5001), "n")).ShouldBreak(Rules.Lost);
    }

    [Fact]
    public void What_is_counted()
    {
        CheckReport report = _script.Post("a", "v1", 0, 1, 0, retries: 1).Claim("a", "v1", 1, 2, "t1", 0, 1).End(Verb.Fail, "a", 3, 4, "t1", delay: 1)
            .Claim("a", "v1", 10, 11, "t2", 1, 1).End(Verb.Confirm, "a", 12, 13, "t2")
            .Post("b", "v2", 0, 1, 60_000).Simple(Verb.Cancel, "b", 2, 3, "Done").Post("b", "v3", 4, 5, 60_000).Fault("kill", 1, 2, target: "l")
            .Final(20, Script.Left("b", "v3", TimerState.Scheduled, left: 50_000)).Report;
        report.ViolationCount.ShouldBe(0, report.ToString());
        report.Fates.ShouldBe(new Dictionary<string, long> { ["cancelled"] = 1, ["confirmed"] = 1, ["left Scheduled"] = 1, ["posted"] = 3 });
        report.Redeliveries.ShouldBe(new Dictionary<string, long> { ["failed handler"] = 1 });
        (report.Deliveries, report.Handlers, report.Ids).ShouldBe((2, 2, 2));
        report.Operations["Post Created"].ShouldBe(3);
        report.Operations["Claim Done"].ShouldBe(2);
        report.Faults["kill"].ShouldBe(1);
        report.ToString().ShouldContain("violations    0");
    }
}
