using System.Globalization;
using Latchwork.StoreConformance.Support;
using Xunit.Sdk;

namespace Latchwork.StoreConformance.Timers;

/// <summary>
/// Random sequences of operations, at random times, against the store and a simple model. Every answer and the final state must be the
/// same. A failure names the seed and the shortest sequence found; set <c>LATCHWORK_SEED</c> to run that seed again.
/// </summary>
public abstract class ModelSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    private const int Length = 80;

    /// <summary>Runs sequences.</summary>
    /// <param name="count">How many.</param>
    /// <param name="generate">Makes what gives the next operation of a sequence.</param>
    protected async Task RunAllAsync(int count, Func<Random, Func<TimerModelRun, TimerOperation>> generate)
    {
        string? given = Environment.GetEnvironmentVariable("LATCHWORK_SEED");
        int first = given is null ? Random.Shared.Next() : int.Parse(given, CultureInfo.InvariantCulture);
        for (int i = 0; i < (given is null ? count : 1); i++)
        {
            int seed = unchecked(first + i);
            await RunAsync(seed, generate(new Random(seed)));
        }
    }

    private async Task RunAsync(int seed, Func<TimerModelRun, TimerOperation> generate)
    {
        await using TimerModelRun run = NewRun();
        var operations = new List<TimerOperation>();
        string? difference = await run.FindDifferenceAsync(Generate(run));
        if (difference is null) return;

        (IReadOnlyList<TimerOperation> shortest, string? again) = await Shrinker.ShrinkAsync(
            operations,
            async candidate =>
            {
                await using TimerModelRun other = NewRun();
                return await other.FindDifferenceAsync(candidate);
            },
            operation => operation.Simpler());
        throw new XunitException(
            $"""
            The store differs from the model. Seed {seed} (LATCHWORK_SEED={seed}); {operations.Count} operations, of which these {shortest.Count} are enough:
              {string.Join("\n  ", shortest)}
            Difference at: {again ?? difference + "\n(It did not come back when the sequence was repeated.)"}
            """);

        IEnumerable<TimerOperation> Generate(TimerModelRun on)
        {
            while (operations.Count < Length)
            {
                TimerOperation next = generate(on);
                operations.Add(next);
                yield return next;
            }
        }
    }

    // At a whole hour, so that a sequence does the same whenever it is repeated.
    private TimerModelRun NewRun()
    {
        long into = Clock.GetUtcNow().Ticks % TimeSpan.TicksPerHour;
        if (into > 0) Clock.Advance(TimeSpan.FromTicks(TimeSpan.TicksPerHour - into));
        return new TimerModelRun(Store, Clock);
    }
}
