using System.Globalization;
using Latchwork.StoreConformance.Support;
using Xunit;
using Xunit.Sdk;

namespace Latchwork.StoreConformance.Timers;

/// <summary>
/// Random sequences of all operations, at random times, against the store and a simple model. Every answer and the final state must be the
/// same. A failure names the seed and the shortest sequence found; set <c>LATCHWORK_SEED</c> to run that seed again.
/// </summary>
public abstract class TimerModelSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    private const int Length = 80;

    [Fact]
    public async Task The_store_does_as_the_model()
    {
        string? given = Environment.GetEnvironmentVariable("LATCHWORK_SEED");
        int first = given is null ? Random.Shared.Next() : int.Parse(given, CultureInfo.InvariantCulture);
        for (int i = 0; i < (given is null ? Fixture.ModelSequences : 1); i++)
        {
            await RunAsync(unchecked(first + i));
        }
    }

    private async Task RunAsync(int seed)
    {
        var generator = new TimerOperationGenerator(new Random(seed));
        TimerModelRun run = NewRun();
        var operations = new List<TimerOperation>();
        string? difference = await run.FindDifferenceAsync(Generate());
        if (difference is null) return;

        (IReadOnlyList<TimerOperation> shortest, string? again) = await Shrinker.ShrinkAsync(
            operations,
            candidate => NewRun().FindDifferenceAsync(candidate),
            operation => operation.Simpler());
        throw new XunitException(
            $"""
            The store differs from the model. Seed {seed} (LATCHWORK_SEED={seed}); {operations.Count} operations, of which these {shortest.Count} are enough:
              {string.Join("\n  ", shortest)}
            Difference at: {again ?? difference + "\n(It did not come back when the sequence was repeated.)"}
            """);

        IEnumerable<TimerOperation> Generate()
        {
            while (operations.Count < Length)
            {
                TimerOperation next = generator.Next(run);
                operations.Add(next);
                yield return next;
            }
        }
    }

    // At a whole millisecond, so that a sequence does the same whenever it is repeated.
    private TimerModelRun NewRun()
    {
        long into = Clock.GetUtcNow().Ticks % TimeSpan.TicksPerMillisecond;
        if (into > 0) Clock.Advance(TimeSpan.FromTicks(TimeSpan.TicksPerMillisecond - into));
        return new TimerModelRun(Timers, Clock);
    }
}
