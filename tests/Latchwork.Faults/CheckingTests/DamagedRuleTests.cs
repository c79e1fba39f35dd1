using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>Events whose records were damaged in the store, and namespaces that a server has forgotten.</summary>
public sealed class DamagedRuleTests
{
    private readonly Script _script = new();

    private static FinalEvent Dead(DeadLetterReason reason, string version = "(no version) ") =>
        Script.Left("a", version, TimerState.DeadLettered) with { Reason = reason };

    [Fact]
    public void A_damaged_event_that_is_delivered_as_if_nothing_was() =>
        _script.Post("a", "v1", 0, 1, 10).Simple(Verb.Damage, "a", 2, 3, "Done").Claim("a", "v1", 20, 21, "t1").ShouldBreak(Rules.Damaged);

    [Fact]
    public void A_damaged_event_that_is_delivered_empty() =>
        _script.Post("a", "v1", 0, 1, 10).Simple(Verb.Damage, "a", 2, 3, "Done").Claim("a", "(no version) ", 20, 21, "t1").ShouldBreak(Rules.Damaged);

    [Fact]
    public void A_damaged_event_that_is_delivered_once_more_after_its_lease_ended() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 3).Claim("a", "v1", 1, 2, "t1", 0, 3, lease: 1_000).Simple(Verb.Damage, "a", 10, 11, "Done")
            .Claim("a", "v1", 2_000, 2_001, "t2", 1, 3).ShouldBreak(Rules.Damaged);

    [Fact]
    public void A_damaged_event_that_is_dead_for_another_reason() =>
        _script.Post("a", "v1", 0, 1, 10).Simple(Verb.Damage, "a", 2, 3, "Done").Final(5_000, Dead(DeadLetterReason.RetriesExhausted)).ShouldBreak(Rules.Damaged);

    [Fact]
    public void A_damaged_event_that_vanished_is_lost() =>
        _script.Post("a", "v1", 0, 1, 10).Simple(Verb.Damage, "a", 2, 3, "Done").Final(5_000).ShouldBreak(Rules.Lost);

    [Fact]
    public void A_damaged_event_that_stays_and_is_never_dead() =>
        _script.Post("a", "v1", 0, 1, 10).Simple(Verb.Damage, "a", 2, 3, "Done")
            .Final(100_000, Script.Left("a", "(no version) ", TimerState.Scheduled, overdue: 99_000)).ShouldBreak(Rules.Undelivered);

    [Fact]
    public void A_damaged_event_that_is_dead_with_the_reason() =>
        _script.Post("a", "v1", 0, 1, 10).Simple(Verb.Damage, "a", 2, 3, "Done").Final(5_000, Dead(DeadLetterReason.RecordDamaged)).ShouldPass();

    [Fact]
    public void A_delivery_that_began_before_the_damage_and_is_confirmed() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").Simple(Verb.Damage, "a", 3, 4, "Done").End(Verb.Confirm, "a", 5, 6, "t1").Final(5_000).ShouldPass();

    [Fact]
    public void A_delivery_that_began_before_the_damage_and_fails() =>
        _script.Post("a", "v1", 0, 1, 0, retries: 3).Claim("a", "v1", 1, 2, "t1", 0, 3).Simple(Verb.Damage, "a", 3, 4, "Done").End(Verb.Fail, "a", 5, 6, "t1", delay: 1)
            .Final(5_000, Dead(DeadLetterReason.RecordDamaged) with { Retries = 1 }).ShouldPass();

    [Fact]
    public void A_damage_that_came_too_late() =>
        _script.Post("a", "v1", 0, 1, 0).Claim("a", "v1", 1, 2, "t1").End(Verb.Confirm, "a", 3, 4, "t1").Simple(Verb.Damage, "a", 5, 6, "NotFound").Final(5_000).ShouldPass();

    [Fact]
    public void What_takes_the_place_of_a_damaged_event_is_delivered() =>
        _script.Post("a", "v1", 0, 1, 10).Simple(Verb.Damage, "a", 2, 3, "Done").Post("a", "v2", 4, 5, 0, "Replaced").Claim("a", "v2", 6, 7, "t1").ShouldPass();

    [Fact]
    public void A_namespace_of_timers_that_is_in_use_and_not_listed() =>
        _script.Post("a", "v1", 0, 1, 9_000_000).Add("h", new FinalNamespaces(Script.Us(20_000), ["other"], ["n"])).ShouldBreak(Rules.Unregistered);

    [Fact]
    public void A_namespace_of_locks_that_is_in_use_and_not_listed_long_after_the_server_came_back_empty() =>
        _script.Fault("emptyServer", 0, 1, lossWindow: 1_000_000).Grant(14_000, 14_001, "x", 10).Add("h", new FinalNamespaces(Script.Us(20_000), ["n"], [])).ShouldBreak(Rules.Unregistered);

    [Fact]
    public void A_namespace_of_locks_that_was_used_right_before_the_server_came_back_empty() =>
        _script.Grant(0, 1, "x", 10).Fault("emptyServer", 2, 3, lossWindow: 1_000_000).Grant(1_000, 1_001, "y", 20, process: "b")
            .Add("h", new FinalNamespaces(Script.Us(20_000), ["n"], [])).ShouldPass();
}
