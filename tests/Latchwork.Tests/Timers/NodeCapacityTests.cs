using Shouldly;
using Xunit;

namespace Latchwork.Tests.Timers;

/// <summary>Which claim gets what becomes free.</summary>
public sealed class NodeCapacityTests
{
    private readonly NodeCapacity _capacity = new(maxInFlight: 64, maxConcurrency: 1);
    private readonly List<string> _called = [];
    private readonly Action _first;
    private readonly Action _second;

    public NodeCapacityTests()
    {
        _first = () => _called.Add("first");
        _second = () => _called.Add("second");

        // From here on it claims ahead; and its handler is busy.
        _capacity.Reserve(1, out _, _first).ShouldBe(1);
        _capacity.HandlerReturned(ran: true, TimeSpan.Zero);
        _capacity.Finished();
        _capacity.Free.ShouldBe(64);
        _capacity.Reserve(1, out int free, _first).ShouldBe(1);
        free.ShouldBe(1);
    }

    [Fact]
    public void A_handler_that_returns_is_for_the_claim_that_waited_for_it_and_calls_no_other()
    {
        _capacity.WhenHandlerFree(_first);
        _capacity.WhenFree(_second);
        HandlerReturns();
        _called.ShouldBe(["first"]);
        _capacity.Free.ShouldBe(0, "for others");
        _capacity.Reserve(5, out _, _second).ShouldBe(0);

        _capacity.Reserve(5, out int free, _first).ShouldBe(5);
        free.ShouldBe(1);
        _called.ShouldBe(["first", "second"], "who waits may claim ahead again");
        _capacity.Reserve(5, out free, _second).ShouldBe(5);
        free.ShouldBe(0);
    }

    [Fact]
    public void One_handler_calls_one_of_those_who_wait_for_it()
    {
        _capacity.WhenHandlerFree(_first);
        _capacity.WhenHandlerFree(_second);
        HandlerReturns();
        _capacity.GiveBack(0);
        _called.ShouldBe(["first"]);

        _capacity.Reserve(1, out int free, _first).ShouldBe(1);
        free.ShouldBe(1);
        _called.ShouldBe(["first"]);
        HandlerReturns();
        _called.ShouldBe(["first", "second"]);
    }

    [Fact]
    public void Who_begins_to_wait_for_a_handler_is_not_called_for_one_that_another_was_called_for()
    {
        _capacity.WhenHandlerFree(_first);
        HandlerReturns();
        _capacity.WhenHandlerFree(_second);
        _called.ShouldBe(["first"]);
    }

    [Fact]
    public void A_claim_that_was_called_and_cannot_reserve_keeps_nothing_from_others()
    {
        _capacity.WhenHandlerFree(_first);
        _capacity.WhenHandlerFree(_second);
        HandlerReturns();
        _capacity.PassOn(_first);
        _called.ShouldBe(["first", "second"]);
        _capacity.PassOn(_second);
        _capacity.Free.ShouldBe(64);
        _capacity.PassOn(_second);
        _called.ShouldBe(["first", "second"]);
    }

    private void HandlerReturns()
    {
        _capacity.HandlerReturned(ran: true, TimeSpan.Zero);
        _capacity.Finished();
    }
}
