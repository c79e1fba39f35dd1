using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>For each rule about events, histories that break it: each is caught, under the right name.</summary>
public sealed class TimerRuleTests
{
    private readonly Script _script = new();

    [Fact]
    public void An_acknowledged_event_that_is_nowhere_is_lost() =>
        _script.Post("a", "v1", 0, 1, 1000).Final(5000).ShouldBreak(Rules.Lost);

    [Fact]
    public void A_dead_letter_that_vanished_is_lost() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Fail, "a", 3, 4, "t1", "DeadLettered", delay: 10).Final(5000).ShouldBreak(Rules.Lost);

    [Fact]
    public void An_event_that_a_later_answer_does_not_know_is_lost() =>
        _script.Post("a", "v1", 0, 1, 9000).Simple(Verb.Cancel, "a", 5, 6, "NotFound").ShouldBreak(Rules.Lost);

    [Fact]
    public void A_post_that_finds_nothing_where_an_event_was_acknowledged_tells_of_a_loss() =>
        _script.Post("a", "v1", 0, 1, 9000).Post("a", "v2", 5, 6, 9000, "Created").ShouldBreak(Rules.Lost);

    [Fact]
    public void A_delivery_before_the_delay_has_passed_since_the_post_began_is_early() =>
        _script.Post("a", "v1", 0, 100, 1000).Claim("a", "v1", 900, 990, "t1").ShouldBreak(Rules.Early);

    [Fact]
    public void A_delivery_before_the_changed_delay_is_early() =>
        _script.Post("a", "v1", 0, 1, 100).Simple(Verb.ChangeDelay, "a", 50, 51, "Done", 5000).Claim("a", "v1", 200, 300, "t1").ShouldBreak(Rules.Early);

    [Fact]
    public void A_retry_before_its_backoff_is_early() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 1).Claim("a", "v1", 1, 2, "t1", 0, 1).End(Verb.Fail, "a", 10, 11, "t1", delay: 1000)
            .Claim("a", "v1", 500, 600, "t2", 1, 1).ShouldBreak(Rules.Early);

    [Fact]
    public void A_requeued_event_before_its_delay_is_early() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Fail, "a", 3, 4, "t1", "DeadLettered", delay: 1)
            .Simple(Verb.Requeue, "a", 10, 11, "Done", 1000).Claim("a", "v1", 500, 501, "t2").ShouldBreak(Rules.Early);

    [Fact]
    public void A_delivery_while_another_one_is_held_overlaps() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 1).Claim("a", "v1", 1, 2, "t1", 0, 1, lease: 1000, process: "l1").Claim("a", "v1", 900, 950, "t2", 1, 1, process: "l2").ShouldBreak(Rules.Overlap);

    [Fact]
    public void A_delivery_while_another_ones_lease_was_extended_overlaps() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 1).Claim("a", "v1", 1, 2, "t1", 0, 1, lease: 1000, process: "l1")
            .End(Verb.Extend, "a", 800, 810, "t1", lease: 1000, process: "l1")
            .Claim("a", "v1", 1500, 1600, "t2", 1, 1, process: "l2").ShouldBreak(Rules.Overlap);

    [Fact]
    public void A_confirmation_with_a_token_that_was_taken_over_is_refused() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 1).Claim("a", "v1", 1, 2, "t1", 0, 1, lease: 1000, process: "l1").Claim("a", "v1", 1100, 1150, "t2", 1, 1, process: "l2")
            .End(Verb.Confirm, "a", 1200, 1210, "t1", "Done", process: "l1").ShouldBreak(Rules.Overlap);

    [Fact]
    public void A_delivery_after_its_confirmation_was_acknowledged() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Confirm, "a", 3, 4, "t1").Claim("a", "v1", 5, 6, "t2").ShouldBreak(Rules.Again);

    [Fact]
    public void A_delivery_after_it_was_cancelled() =>
        _script.Post("a", "v1", 0, 1, 10).Simple(Verb.Cancel, "a", 2, 3, "Done").Claim("a", "v1", 15, 16, "t1").ShouldBreak(Rules.Again);

    [Fact]
    public void A_confirmed_event_that_is_still_stored() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Confirm, "a", 3, 4, "t1")
            .Final(5000, Script.Left("a", "v1", TimerState.InFlight, token: "t1")).ShouldBreak(Rules.Again);

    [Fact]
    public void A_delivery_of_what_was_replaced() =>
        _script.Post("a", "v1", 0, 1, 10).Post("a", "v2", 2, 3, 10, "Replaced").Claim("a", "v1", 20, 21, "t1").ShouldBreak(Rules.Replaced);

    [Fact]
    public void A_dead_letter_that_is_delivered() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Fail, "a", 3, 4, "t1", "DeadLettered", delay: 1).Claim("a", "v1", 5, 6, "t2").ShouldBreak(Rules.DeadDelivered);

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_retry_with_a_wrong_number(int retries) =>
        _script.Post("a", "v1", 0, 1, 0, retries: 3).Claim("a", "v1", 1, 2, "t1", 0, 3).End(Verb.Fail, "a", 3, 4, "t1", delay: 1)
            .Claim("a", "v1", 10, 11, "t2", retries, 3).ShouldBreak(Rules.Retries);

    [Fact]
    public void A_first_delivery_that_counts_a_retry_without_a_reason() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 3).Claim("a", "v1", 1, 2, "t1", 1, 3).ShouldBreak(Rules.Retries);

    [Fact]
    public void Handing_back_spends_no_retry() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 3).Claim("a", "v1", 1, 2, "t1", 0, 3, handled: false).End(Verb.Release, "a", 3, 4, "t1")
            .Claim("a", "v1", 10, 11, "t2", 1, 3).ShouldBreak(Rules.Retries);

    [Fact]
    public void An_interruption_spends_no_retry() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 3).Claim("a", "v1", 1, 2, "t1", 0, 3).End(Verb.Interrupt, "a", 3, 4, "t1", delay: 1)
            .Claim("a", "v1", 10, 11, "t2", 1, 3).ShouldBreak(Rules.Retries);

    [Fact]
    public void The_tenth_interruption_spends_one() => Interrupted(10).Claim("a", "v1", 200, 201, "last", 0, 3).ShouldBreak(Rules.Retries);

    [Fact]
    public void A_requeued_event_begins_without_retries() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 1).Claim("a", "v1", 1, 2, "t1", 0, 1).End(Verb.Fail, "a", 3, 4, "t1", delay: 1)
            .Claim("a", "v1", 10, 11, "t2", 1, 1).End(Verb.Fail, "a", 12, 13, "t2", "DeadLettered", delay: 1)
            .Simple(Verb.Requeue, "a", 20, 21, "Done").Claim("a", "v1", 22, 23, "t3", 1, 1).ShouldBreak(Rules.Retries);

    [Fact]
    public void A_delivery_with_other_MaxRetries_than_posted() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 3).Claim("a", "v1", 1, 2, "t1", 0, 4).ShouldBreak(Rules.Retries);

    [Fact]
    public void A_delivery_of_what_nobody_posted() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "(damaged) v1", 1, 2, "t1").ShouldBreak(Rules.Invented);

    [Fact]
    public void A_post_that_was_not_applied_and_yet_fires() =>
        _script.Post("a", "v1", 0, 1, 0, ending: Ending.Refused, outcome: null).Claim("a", "v1", 5, 6, "t1").ShouldBreak(Rules.Refused);

    [Fact]
    public void An_answer_that_no_order_explains() =>
        _script.Post("a", "v1", 0, 1, 1000).Simple(Verb.Cancel, "a", 2, 3, "InFlight").ShouldBreak(Rules.Answer);

    [Fact]
    public void An_extension_that_finds_an_open_transaction_where_the_store_knows_none() =>
        _script.Add("h", new RunStarted(0, "redis", 1)).Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Extend, "a", 5, 10, "t1", "InFlight").ShouldBreak(Rules.Answer);

    [Fact]
    public void An_extension_that_finds_an_open_transaction_after_the_delivery_has_ended() =>
        _script.Add("h", new RunStarted(0, "postgres", 1)).Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Confirm, "a", 3, 4, "t1")
            .End(Verb.Extend, "a", 5, 10, "t1", "InFlight").ShouldBreak(Rules.Answer);

    [Fact]
    public void A_post_that_keeps_what_is_not_there() =>
        _script.Post("a", "v1", 0, 1, 0, "Kept", ifExists: IfExists.Keep).ShouldBreak(Rules.Answer);

    [Fact]
    public void Answers_that_fit_no_order_though_each_fits_some() =>
        _script.Post("a", "v1", 0, 100, 1000, "Replaced").Post("a", "v2", 0, 90, 1000, "Created").Simple(Verb.Cancel, "a", 0, 80, "Done")
            .Simple(Verb.Cancel, "a", 0, 70, "Done").ShouldBreak(Rules.Answer);

    [Fact]
    public void A_cancel_that_is_done_twice() =>
        _script.Post("a", "v1", 0, 1, 1000).Simple(Verb.Cancel, "a", 2, 10, "Done").Simple(Verb.Cancel, "a", 2, 10, "Done").ShouldBreak(Rules.Answer);

    [Fact]
    public void An_event_that_stays_overdue_while_all_is_well() =>
        _script.Post("a", "v1", 0, 1, 1000).Final(100_000, Script.Left("a", "v1", TimerState.Scheduled, overdue: 99_000)).ShouldBreak(Rules.Undelivered);

    [Fact]
    public void A_lease_that_nobody_takes_back_while_all_is_well() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1", lease: 1000)
            .Final(100_000, Script.Left("a", "v1", TimerState.InFlight, token: "t1")).ShouldBreak(Rules.Undelivered);

    [Fact]
    public void A_handler_that_is_called_twice_for_one_claim() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1")
            .Add("l", new HandlerStarted(5000, "n", "a", "t1", "v1", 0, 0, 0, 0)).ShouldBreak(Rules.Handler);

    [Fact]
    public void A_handler_of_a_process_that_claimed_nothing() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1")
            .Add("other", new HandlerStarted(5000, "n", "a", "t1", "v1", 0, 0, 0, 0)).ShouldBreak(Rules.Handler);

    [Fact]
    public void A_handler_that_sees_other_retries_than_were_claimed() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 2).Claim("a", "v1", 1, 2, "t1", 0, 2, handled: false)
            .Add("l", new HandlerStarted(5000, "n", "a", "t1", "v1", 1, 2, 0, 0)).ShouldBreak(Rules.Handler);

    [Fact]
    public void A_holder_that_believes_longer_than_it_was_granted() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 500, "t1", lease: 1000)
            .Add("l", new DeliveryLocalLease(Script.Us(600), "n", "a", "t1", Script.Us(900))).ShouldBreak(Rules.LocalLease);

    [Fact]
    public void A_handler_that_is_told_what_the_store_did_not_say() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1")
            .End(Verb.Confirm, "a", 3, 4, "t1", "Done").End(Verb.Settle, "a", 3, 5, "t1", "DeadLettered").ShouldBreak(Rules.Told);

    [Fact]
    public void A_loss_is_allowed_only_within_its_window()
    {
        _script.Post("a", "v1", 0, 1, 20_000).Fault("failover", 5000, 8000, lossWindow: 2000).Final(30_000).ShouldBreak(Rules.Lost);
    }

    [Fact]
    public void The_elements_of_a_batch_take_effect_in_their_order()
    {
        _script.Post("a", "v1", 0, 10, 1000).Post("a", "v2", 0, 10, 1000, "Replaced", after: 1)
            .Claim("a", "v1", 2000, 2001, "t1").ShouldBreak(Rules.Replaced);
    }

    private Script Interrupted(int times)
    {
        Script script = _script.Post("a", "v1", 0, 1, 0, retries: 3);
        for (int i = 0; i < times; i++)
        {
            int at = 10 * (i + 1);
            script = script.Claim("a", "v1", at, at + 1, $"t{i}", 0, 3).End(Verb.Interrupt, "a", at + 2, at + 3, $"t{i}", delay: 1);
        }

        return script;
    }
}
