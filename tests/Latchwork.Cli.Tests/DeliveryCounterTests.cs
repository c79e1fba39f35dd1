using Latchwork.Cli.Listening;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

public sealed class DeliveryCounterTests
{
    [Fact]
    public void Exactly_as_many_handlers_begin_as_were_asked_for()
    {
        for (int count = 1; count <= 20; count++)
        {
            for (int atOnce = 1; atOnce <= count; atOnce++)
            {
                var counter = new DeliveryCounter(count, atOnce);
                int begun = atOnce;
                for (int settled = 0; settled < count; settled++)
                {
                    // Whenever a handler returns, the engine begins another.
                    if (counter.SettleAsync().IsCompleted) begun++;
                }

                begun.ShouldBe(count);
                counter.Reached.IsCompleted.ShouldBeTrue();
            }
        }
    }

    [Fact]
    public void Those_who_stay_return_when_the_node_leaves()
    {
        var counter = new DeliveryCounter(count: 1, maxConcurrency: 1);
        Task stays = counter.SettleAsync();
        stays.IsCompleted.ShouldBeFalse();
        counter.Release();
        stays.IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public void Without_a_count_nobody_stays()
    {
        var counter = new DeliveryCounter(count: null, maxConcurrency: 4);
        for (int i = 0; i < 100; i++) counter.SettleAsync().IsCompleted.ShouldBeTrue();
        counter.Reached.IsCompleted.ShouldBeFalse();
    }
}
