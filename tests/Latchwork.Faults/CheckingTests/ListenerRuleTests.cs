using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>Listeners, and processes that are asked to end: histories that break a promise, and ones that only look as if.</summary>
public sealed class ListenerRuleTests
{
    private readonly Script _script = new();

    [Fact]
    public void A_listener_that_joined_and_is_not_joined_when_it_is_first_told_to_leave() =>
        _script.Listener(1, 0, 10, 5_000, 5_010, wasJoined: false).ShouldBreak(Rules.Membership);

    [Fact]
    public void A_handler_that_is_called_after_its_listener_has_left() => _script.Listener(1, 0, 10, 500, 600).Handled(1, 700).ShouldBreak(Rules.Membership);

    [Fact]
    public void A_handler_that_is_called_before_its_listener_joins() => _script.Listener(1, 500, 600).Handled(1, 400).ShouldBreak(Rules.Membership);

    [Fact]
    public void A_leave_that_takes_much_longer_than_its_bound() => _script.Listener(1, 0, 10, 1_000, 14_000).ShouldBreak(Rules.Shutdown);

    [Fact]
    public void A_leave_that_does_not_end() => _script.Listener(1, 0, 10, 1_000).Post("a", "v1", 40_000, 40_001, 0).ShouldBreak(Rules.Shutdown);

    [Fact]
    public void A_process_that_was_asked_to_end_and_does_not() =>
        _script.Add("h", new ProcessEnding(Script.Us(1_000), "l")).Add("h", new ProcessEnded(Script.Us(30_000), "l", Killed: true)).ShouldBreak(Rules.Shutdown);

    [Fact]
    public void A_process_that_ends_late() =>
        _script.Add("h", new ProcessEnding(Script.Us(1_000), "l")).Add("l", new ProcessEnded(Script.Us(27_000))).ShouldBreak(Rules.Shutdown);

    [Fact]
    public void Handlers_before_during_and_right_at_the_end_of_a_leave() => _script.Listener(1, 0, 10, 500, 600).Handled(1, 600).ShouldPass();

    [Fact]
    public void A_handler_that_began_late_because_the_time_for_leaving_was_up() => _script.Listener(1, 0, 10, 500, 2_600).Handled(1, 2_700).ShouldPass();

    [Fact]
    public void A_listener_that_is_told_to_leave_while_it_joins() => _script.Listener(1, 0, 1_010, 1_000, 1_020, wasJoined: false).ShouldPass();

    [Fact]
    public void A_join_that_failed() => _script.Add("l", new ListenerJoining(0, "n", 1)).Add("l", new ListenerLeaving(Script.Us(5), 1, WasJoined: false, 0)).ShouldPass();

    [Fact]
    public void A_leave_and_an_end_that_an_outage_held_up() =>
        _script.Fault("stop", 1_000, 20_000, target: "l").Listener(1, 0, 10, 1_000, 30_000)
            .Add("h", new ProcessEnding(Script.Us(1_000), "l")).Add("l", new ProcessEnded(Script.Us(40_000))).ShouldPass();

    [Fact]
    public void A_leave_in_a_process_that_is_killed_meanwhile() =>
        _script.Listener(1, 0, 10, 1_000).Add("h", new ProcessEnded(Script.Us(20_000), "l", Killed: true)).Post("a", "v1", 40_000, 40_001, 0).ShouldPass();
}
