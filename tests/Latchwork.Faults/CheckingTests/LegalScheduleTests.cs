using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>Histories of schedules in which all is as it should be.</summary>
public sealed class LegalScheduleTests
{
    private const string Plain = "Latest-Skip-5";

    [Fact]
    public void Occurrences_run_one_after_the_other() =>
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Run(1, 5_000, 10_000).Run(2, 10_000, 15_000).Final(3, 15_000, started: 2).ShouldPass();

    [Fact]
    public void A_retry_and_a_repeated_step_are_no_second_run() =>
        new ScheduleScript(Plain).Write(null, 1_000, 5_000)
            .Decide(1, 5_000, 10_000, outcome: null).Decide(1, 5_000, 10_000, at: 5_300).Handle(5_000, 5_310)
            .Begin(2, 5_000, 6_500, token: "again").Handle(5_000, 6_510, token: "again").Confirm(5_000, 6_600, token: "again")
            .Final(2, 10_000, started: 1).ShouldPass();

    [Fact]
    public void Missed_times_are_passed_over_as_each_policy_says()
    {
        new ScheduleScript("Latest-Allow-5").Write(null, 1_000, 5_000)
            .Decide(1, 5_000, 25_000, at: 21_000, claimed: 21_000, missed: 3, scheduledFor: 20_000, decidedUntil: 20_000).Handle(5_000, 21_100)
            .Final(2, 25_000, started: 1, missed: 3).ShouldPass();
        new ScheduleScript("Skip-Allow-5").Write(null, 1_000, 5_000)
            .Decide(1, 5_000, 25_000, at: 21_000, claimed: 21_000, runs: false, endsAs: OccurrenceOutcome.Missed, missed: 4, decidedUntil: 20_000, outcome: "Ended")
            .Final(2, 25_000, started: 0, missed: 4).ShouldPass();
        new ScheduleScript("All-Allow-5").Write(null, 1_000, 5_000)
            .Decide(1, 5_000, 10_000, at: 16_000, claimed: 16_000).Handle(5_000, 16_100)
            .Final(2, 10_000, started: 1).ShouldPass();
    }

    [Fact]
    public void One_that_meets_another_is_skipped_or_waits()
    {
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Run(1, 5_000, 10_000, lasts: 6_000).Decide(2, 10_000, 15_000, outcome: "Ended")
            .Final(3, 15_000, started: 1, skipped: 1).ShouldPass();
        new ScheduleScript("Latest-Queue-5").Write(null, 1_000, 5_000).Run(1, 5_000, 10_000, lasts: 6_000).Decide(2, 10_000, 15_000, outcome: "Waiting")
            .Begin(3, 10_000, 11_300).Handle(10_000, 11_310).Confirm(10_000, 11_400).Final(4, 15_000, started: 2).ShouldPass();
        new ScheduleScript("Latest-Queue-5").Write(null, 1_000, 5_000).Run(1, 5_000, 10_000, lasts: 60_000).Decide(2, 10_000, 15_000, outcome: "Waiting").Decide(3, 15_000, 20_000, outcome: "Waiting")
            .Final(4, 20_000, started: 1, replaced: 1, queued: 15_000).ShouldPass();
    }

    [Fact]
    public void One_that_was_triggered_occupies() =>
        new ScheduleScript("Latest-Skip-1").Write(null, 500, 1_000).Trigger("one", 700).Decide(1, 1_000, 2_000, outcome: "Ended").Final(2, 2_000, started: 1, skipped: 1).ShouldPass();

    [Fact]
    public void A_pause_skips_and_a_resumption_begins_with_the_next_time()
    {
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Write(1, 2_000, null, isPaused: true).Write(2, 21_000, 25_000).Run(3, 25_000, 30_000).Final(4, 30_000, started: 1).ShouldPass();

        // The occurrence was in flight when it was paused.
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Write(1, 5_060, null, isPaused: true, outcome: "Kept")
            .Decide(2, 5_000, null, runs: false, endsAs: OccurrenceOutcome.Paused, outcome: "Ended")
            .Final(3, null, started: 0, skipped: 1, isPaused: true, isWaiting: false).ShouldPass();
    }

    [Fact]
    public void A_schedule_is_removed_and_made_anew()
    {
        ScheduleScript script = new ScheduleScript(Plain).Write(null, 1_000, 5_000).Run(1, 5_000, 10_000).Remove(6_000);
        script.Incarnation = "b";
        script.Write(null, 7_000, 10_000).Run(1, 10_000, 15_000).Final(2, 15_000, started: 1).ShouldPass();
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Run(1, 5_000, 10_000).Remove(6_000).ShouldPass();
    }

    [Fact]
    public void What_began_before_a_removal_and_is_delivered_again_occupies_the_schedule_that_was_made_anew()
    {
        ScheduleScript script = new ScheduleScript(Plain).Write(null, 1_000, 5_000).Decide(1, 5_000, 10_000).Handle(5_000, 5_200).Remove(6_000).Begin(2, 5_000, 7_500, token: "again");
        script.Incarnation = "b";
        script.Write(null, 7_000, 10_000).Handle(5_000, 7_600, token: "again").Decide(1, 10_000, 15_000, outcome: "Ended").Confirm(5_000, 12_000, token: "again")
            .Final(2, 15_000, started: 0, skipped: 1).ShouldPass();
    }

    [Fact]
    public void A_change_of_the_times_counts_from_now_on_and_one_of_the_payload_from_the_next_occurrence_on()
    {
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Write(1, 2_000, 4_000, seconds: 2).Run(2, 4_000, 6_000).Final(3, 6_000, started: 1).ShouldPass();
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Write(1, 2_000, 5_000, content: 1).Run(2, 5_000, 10_000, content: 1).Final(3, 10_000, started: 1).ShouldPass();
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Write(1, 5_020, 5_000, content: 1, outcome: "Kept").Run(2, 5_000, 10_000).Final(3, 10_000, started: 1).ShouldPass();

        // What is due is not lost.
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Write(1, 5_020, 5_000, seconds: 2).Run(2, 5_000, 6_000).Final(3, 6_000, started: 1).ShouldPass();
    }

    [Fact]
    public void One_that_is_cancelled_is_skipped() =>
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Decide(1, 5_000, 10_000, at: 3_000, token: "", runs: false, endsAs: OccurrenceOutcome.Cancelled, outcome: "Ended")
            .Final(2, 10_000, started: 0, skipped: 1).ShouldPass();

    [Fact]
    public void What_has_no_answer_may_have_been_done_or_not()
    {
        ScheduleScript Begun(string? outcome) => new ScheduleScript(Plain).Write(null, 1_000, 5_000).Write(1, 2_000, null, isPaused: true, outcome: outcome);

        foreach (string? outcome in (string?[])[null, ScheduleScript.Open])
        {
            Begun(outcome).Run(1, 5_000, 10_000).Final(2, 10_000, started: 1).ShouldPass();
            Begun(outcome).Final(2, null, started: 0, isPaused: true, isWaiting: false).ShouldPass();
            Begun(outcome).Write(2, 3_000, 5_000).Run(3, 5_000, 10_000).Final(4, 10_000, started: 1).ShouldPass();
            new ScheduleScript(Plain).Write(null, 1_000, 5_000, outcome: outcome).Run(1, 5_000, 10_000).Final(2, 10_000, started: 1).ShouldPass();
            new ScheduleScript(Plain).Write(null, 1_000, 5_000).Decide(1, 5_000, 10_000, outcome: outcome).Left(5_000).Final(2, 10_000, started: 1).ShouldPass();
            new ScheduleScript(Plain).Write(null, 1_000, 5_000).Remove(2_000, outcome).ShouldPass();
            new ScheduleScript(Plain).Write(null, 1_000, 5_000).Remove(2_000, outcome).Run(1, 5_000, 10_000).Final(2, 10_000, started: 1).ShouldPass();
            new ScheduleScript(Plain).Write(null, 1_000, 5_000).Write(1, 2_000, 5_000, content: 1, outcome: outcome).Run(2, 5_000, 10_000, content: 1).Final(3, 10_000, started: 1).ShouldPass();
        }
    }

    [Fact]
    public void What_was_refused_or_met_a_change_was_not_done() =>
        new ScheduleScript(Plain).Write(null, 1_000, 5_000).Write(1, 2_000, null, isPaused: true, outcome: null, isRefused: true).Write(1, 2_100, 5_000, content: 1)
            .Write(1, 2_200, null, isPaused: true, outcome: "Changed").Decide(1, 5_000, 10_000, at: 5_050, outcome: "Changed").Run(2, 5_000, 10_000, content: 1).Final(3, 10_000, started: 1).ShouldPass();

    [Fact]
    public void Claims_before_and_after_a_pause_of_the_namespace_and_beside_a_resumption()
    {
        new ScheduleScript(Plain).Claim(0).Pause(true, 1).Pause(false, 1_000).Claim(1_000.5).Claim(2_000).ShouldPass();
        new ScheduleScript(Plain).Pause(true, 1).Pause(false, 2, ScheduleScript.Open).Claim(5_000).ShouldPass();
    }
}
