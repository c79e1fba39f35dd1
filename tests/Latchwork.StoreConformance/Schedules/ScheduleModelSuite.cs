using Latchwork.StoreConformance.Support;
using Latchwork.StoreConformance.Timers;
using Xunit;

namespace Latchwork.StoreConformance.Schedules;

/// <summary>
/// Random sequences of what nodes and people do with schedules and their occurrences, against the store and a simple model: declarations, removals,
/// pauses, triggers and cancellations between any two of the steps read, advance, confirm, fail, hand back, and the end of a lease; and any of these between the read
/// and the write of a call.
/// </summary>
public abstract class ScheduleModelSuite(StoreFixture fixture) : ModelSuite(fixture)
{
    [Fact]
    public Task Schedules_do_as_the_model() => RunAllAsync(Math.Max(20, Fixture.ModelSequences / 2), static random => new ScheduleOperationGenerator(random).Next);
}
