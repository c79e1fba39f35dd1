using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Random sequences of all operations on events, at random times, against the store and a simple model.</summary>
public abstract class TimerModelSuite(StoreFixture fixture) : ModelSuite(fixture)
{
    [Fact]
    public Task The_store_does_as_the_model() => RunAllAsync(Fixture.ModelSequences, static random => new TimerOperationGenerator(random).Next);
}
