using Latchwork.Faults.History;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>Each thing that may be wrong with a schedule is found.</summary>
public sealed class ScheduleRuleTests
{
    private const string Plain = "Latest-Skip-5";

    private static ScheduleScript Begun(string id = Plain) => new ScheduleScript(id).Write(null, 1_000, 5_000);

    [Fact]
    public void An_occurrence_that_ran_twice()
    {
        Begun().Run(1, 5_000, 10_000).Handle(5_000, 5_150).Final(2, 10_000, started: 1).ShouldFail("two handlers for one delivery");
        Begun().Run(1, 5_000, 10_000).Handle(5_000, 5_500, token: "again").Final(2, 10_000, started: 1).ShouldFail("handled again after it was confirmed");
        Begun().Run(1, 5_000, 10_000).Decide(1, 5_000, 15_000, at: 5_600).Final(2, 10_000, started: 1).ShouldFail("two steps were made");
    }

    [Fact]
    public void An_occurrence_that_is_missing()
    {
        Begun().Decide(1, 5_000, 15_000).Handle(5_000, 5_110).Final(2, 15_000, started: 1).ShouldFail("should have been");
        Begun().Run(1, 5_000, 10_000).Final(3, 15_000, started: 2).ShouldFail("nobody decided of that");
        Begun().Run(1, 5_000, 10_000).Run(2, 15_000, 20_000).Final(3, 20_000, started: 2).ShouldFail("version 2 expects 2026-11-28T00:00:10.000Z, and Latest-Skip-5@2026-11-28T00:00:15.000Z was decided");
    }

    [Fact]
    public void An_occurrence_that_was_to_run_and_is_lost() => Begun().Decide(1, 5_000, 10_000).Final(2, 10_000, started: 1).ShouldFail("was not handled, and is gone");

    [Fact]
    public void An_occurrence_that_was_skipped_or_waits_although_nothing_occupied_the_schedule()
    {
        Begun().Run(1, 5_000, 10_000).Decide(2, 10_000, 15_000, outcome: "Ended").Final(3, 15_000, started: 1, skipped: 1).ShouldFail("nothing occupied the schedule");
        Begun("Latest-Queue-5").Run(1, 5_000, 10_000).Decide(2, 10_000, 15_000, outcome: "Waiting").Final(3, 15_000, started: 1, queued: 10_000).ShouldFail("nothing occupied the schedule");
    }

    [Fact]
    public void An_occurrence_that_was_skipped_under_a_policy_that_skips_none() =>
        Begun("Latest-Allow-5").Run(1, 5_000, 10_000, lasts: 9_000).Decide(2, 10_000, 15_000, outcome: "Ended").Final(3, 15_000, started: 1, skipped: 1).ShouldFail("does not fit Allow");

    [Fact]
    public void An_occurrence_that_began_although_another_occupied_the_schedule() =>
        Begun().Run(1, 5_000, 10_000, lasts: 9_000).Run(2, 10_000, 15_000).Final(3, 15_000, started: 2).ShouldFail("occupied the schedule");

    [Fact]
    public void A_wrong_verdict_of_one_that_was_missed()
    {
        Begun().Decide(1, 5_000, 10_000, at: 21_000, claimed: 21_000).Handle(5_000, 21_100).Final(2, 10_000, started: 1).ShouldFail("should have been");
        Begun("Skip-Skip-5").Decide(1, 5_000, 25_000, at: 21_000, claimed: 21_000, missed: 3, scheduledFor: 20_000, decidedUntil: 20_000).Handle(5_000, 21_100)
            .Final(2, 25_000, started: 1, missed: 3).ShouldFail("should have been");
    }

    [Fact]
    public void A_verdict_of_missed_of_one_that_was_not() =>
        Begun("Skip-Skip-5").Decide(1, 5_000, 10_000, runs: false, endsAs: OccurrenceOutcome.Missed, missed: 1, outcome: "Ended").Final(2, 10_000, started: 0, missed: 1).ShouldFail("should have been");

    [Fact]
    public void An_early_one()
    {
        Begun().Decide(1, 5_000, 10_000, claimed: 4_990).Handle(5_000, 5_110).Final(2, 10_000, started: 1).ShouldFail("10 ms early");
        Begun().Decide(1, 5_000, 10_000).Handle(5_000, 4_900).Final(2, 10_000, started: 1).ShouldFail("before its time");
    }

    [Fact]
    public void One_after_the_removal()
    {
        Begun().Remove(2_000).Run(1, 5_000, 10_000).ShouldFail("had been removed");
        Begun().Remove(2_000, outcome: "NotFound").Final(1, 5_000, started: 0).ShouldFail("is still there");
    }

    [Fact]
    public void A_schedule_that_nobody_removed_or_that_two_removed()
    {
        Begun().Run(1, 5_000, 10_000).ShouldFail("nobody removed it");
        Begun().Remove(2_000).Remove(3_000).ShouldFail("2 records were removed, and there were 1");
    }

    [Fact]
    public void Two_records_at_a_time()
    {
        ScheduleScript script = Begun().Remove(11_000, ScheduleScript.Open);
        script.Incarnation = "b";
        script.Write(null, 2_000, 5_000).Final(1, 5_000, started: 0);
        script.Incarnation = "a";
        script.Run(1, 5_000, 10_000).ShouldFail("two records at a time");
    }

    [Fact]
    public void A_record_that_nobody_made() => new ScheduleScript(Plain).Run(1, 5_000, 10_000).Final(2, 10_000, started: 1).ShouldFail("nobody made the record");

    [Fact]
    public void One_that_runs_while_the_schedule_is_paused() =>
        Begun().Write(1, 5_060, null, isPaused: true, outcome: "Kept").Decide(2, 5_000, 10_000).Handle(5_000, 5_110).Final(3, 10_000, started: 1, isPaused: true).ShouldFail("should have been");

    [Fact]
    public void A_paused_schedule_that_expects_one() => Begun().Write(1, 2_000, 5_000, isPaused: true).Final(2, 5_000, started: 0, isPaused: true).ShouldFail("it is paused, and expects");

    [Fact]
    public void A_resumption_that_begins_with_a_time_that_passed() =>
        Begun().Write(1, 2_000, null, isPaused: true).Write(2, 21_000, 20_000).Final(3, 20_000, started: 0).ShouldFail("should have 2026-11-28T00:00:25.000Z");

    [Fact]
    public void A_change_that_loses_what_is_due() => Begun().Write(1, 5_020, 6_000, seconds: 2).Run(2, 6_000, 8_000).Final(3, 8_000, started: 1).ShouldFail("a change made it expect");

    [Fact]
    public void A_change_of_the_payload_that_does_not_count() =>
        Begun().Write(1, 2_000, 5_000, content: 1).Run(2, 5_000, 10_000).Final(3, 10_000, started: 1).ShouldFail("was handled with the payload");

    [Fact]
    public void One_that_was_handled_and_was_not_to_run_or_is_none()
    {
        Begun().Run(1, 5_000, 10_000, lasts: 6_000).Decide(2, 10_000, 15_000, outcome: "Ended").Handle(10_000, 10_200).Final(3, 15_000, started: 1, skipped: 1).ShouldFail("was not to run");
        Begun().Run(1, 5_000, 10_000).Handle(7_000, 7_100).Final(2, 10_000, started: 1).ShouldFail("is no occurrence of the chain");
    }

    [Fact]
    public void A_schedule_that_was_found_without_an_occurrence()
    {
        Begun().Write(1, 9_000, 5_000).Final(2, 5_000, started: 0).ShouldFail("had no occurrence that waits or is in flight");
        Begun().Final(1, 5_000, started: 0, isWaiting: false).ShouldFail("expects no occurrence that waits or is in flight");
    }

    [Fact]
    public void Wrong_counts()
    {
        Begun().Run(1, 5_000, 10_000).Final(2, 10_000, started: 2).ShouldFail("1 occurrences were decided");
        Begun().Run(1, 5_000, 10_000).Final(2, 10_000, started: 1, missed: 1).ShouldFail("0 times were missed, and 1 are counted");
    }

    [Fact]
    public void A_step_of_a_process_that_had_not_claimed() =>
        new ScheduleScript(Plain).Write(null, 1_000, 5_000)
            .Add(new OccurrenceDecided(5_100_000, 99, Plain, "a", 1, $"{Plain}\u001F2026-11-28T00:00:05.000Z", "t", true, default, 0, 1795824005000, 1795824005000, 1795824010000, null))
            .Add(new ScheduleCallEnded(5_101_000, 99, "Run", false)).Left(5_000).Final(2, 10_000, started: 1).ShouldFail("had not claimed it");

    [Fact]
    public void A_claim_while_the_namespace_is_paused() => Begun().Final(1, 5_000, started: 0).Pause(true, 2_000).Claim(3_000).Pause(false, 4_000).ShouldFail("although the namespace was paused");

    [Fact]
    public void A_fault_that_may_lose_writes_excuses_all() =>
        Begun().Add(new FaultStarted(0, 1, "failover", "store") { LossWindow = 0 }).Decide(1, 5_000, 15_000).ShouldPass();
}
