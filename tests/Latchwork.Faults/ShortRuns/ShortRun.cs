using Latchwork.Faults.Checking;
using Latchwork.Faults.Injection;
using Latchwork.Faults.Running;
using Shouldly;

namespace Latchwork.Faults.ShortRuns;

/// <summary>A run of some seconds, as <c>./fault-run</c> makes them, and what must hold of each.</summary>
internal static class ShortRun
{
    /// <summary>Runs and checks.</summary>
    public static async Task HoldsAsync(StoreKind store, int seed, int seconds, params FaultKind[] faults)
    {
        var options = new RunOptions
        {
            Store = store,
            Seed = seed,
            Length = TimeSpan.FromSeconds(seconds),
            Faults = faults,
            Workers = 6,
            Out = Directory.CreateTempSubdirectory("latchwork-faults-").FullName,
        };
        var lines = new List<string>();
        RunResult result = await FaultRun.RunAsync(options, line =>
        {
            lock (lines) lines.Add(line);
        });
        CheckReport report = HistoryChecker.Check(result.Folder);
        string seen = $"{options.Command}\n{string.Join('\n', lines)}\n{report}\nThe history is in {result.Folder}.";
        result.Troubles.ShouldBeEmpty(seen);
        report.ViolationCount.ShouldBe(0, seen);
        report.Deliveries.ShouldBeGreaterThan(0, seen);
        Directory.Delete(result.Folder, recursive: true);
    }
}
