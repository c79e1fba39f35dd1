using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>Events that fall due at one instant, and who takes them. Two nodes with two places each; four events of 2 s.</summary>
public sealed class BurstRuleTests
{
    private readonly Script _script = new();

    public BurstRuleTests() => _script.Add("a", new BurstListenerJoined(0, 2)).Add("b", new BurstListenerJoined(0, 2))
        .Add("h", new BurstPosted(Script.Us(900), 1, Script.Us(1_000), 6));

    [Fact]
    public void One_node_takes_everything_while_another_is_idle()
    {
        for (int i = 0; i < 6; i++) Handle("a", i, 1_000 + (i / 2 * 2_000));
        _script.ShouldBreak(Rules.Idle);
    }

    [Fact]
    public void An_event_is_never_handled_while_a_node_is_idle()
    {
        for (int i = 0; i < 5; i++) Handle("a", i, 1_000 + (i / 2 * 1_000), 900);
        _script.Post("a", "v1", 30_000, 30_001, 0).ShouldBreak(Rules.Idle);
    }

    [Fact]
    public void Both_take_what_they_have_places_for()
    {
        for (int i = 0; i < 6; i++) Handle(i % 4 < 2 ? "a" : "b", i, 1_000 + (i / 4 * 2_000));
        _script.ShouldPass();
    }

    [Fact]
    public void A_node_that_is_hurt_may_have_held_it()
    {
        _script.Fault("stop", 1_000, 4_000, target: "b");
        for (int i = 0; i < 6; i++) Handle("a", i, 1_000 + (i / 2 * 2_000));
        _script.ShouldPass();
    }

    [Fact]
    public void A_node_that_joins_later_was_not_there()
    {
        _script.Lines.RemoveAt(1);
        _script.Add("b", new BurstListenerJoined(Script.Us(1_500), 2));
        for (int i = 0; i < 6; i++) Handle("a", i, 1_000 + (i / 2 * 2_000));
        _script.ShouldPass();
    }

    private void Handle(string process, int number, double from, double length = 2_000) =>
        _script.Add(process, new BurstHandlerStarted(Script.Us(from), 1, number)).Add(process, new BurstHandlerEnded(Script.Us(from + length), 1, number));
}
