using Latchwork.Faults.Checking;
using Latchwork.Faults.Injection;
using Latchwork.Faults.Running;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

[assembly: TestCollectionOrderer(LongestFirst.Name, LongestFirst.Assembly)]

namespace Latchwork.Faults.ShortRuns;

/// <summary>A run of some seconds, as <c>./fault-run</c> makes them, and what must hold of each.</summary>
internal static class ShortRun
{
    /// <summary>Runs and checks.</summary>
    public static Task HoldsAsync(StoreKind store, int seed, int seconds, params FaultKind[] faults) =>
        CheckAsync(Options(store, seed, seconds, faults), (result, report, seen) =>
        {
            result.Problems.ShouldBeEmpty(seen);
            report.ViolationCount.ShouldBe(0, seen);
            report.Deliveries.ShouldBeGreaterThan(0, seen);
        });

    /// <summary>Runs with a store that breaks promises, and sees that it is found out.</summary>
    public static Task IsFoundOutAsync(StoreKind store, int seed, int seconds, params string[] rules) =>
        CheckAsync(Options(store, seed, seconds) with { Lies = true }, (_, report, seen) =>
        {
            foreach (string rule in rules) report.ViolationsByRule.GetValueOrDefault(rule).ShouldBeGreaterThan(0, $"{rule}\n{seen}");
        });

    private static RunOptions Options(StoreKind store, int seed, int seconds, params FaultKind[] faults) => new()
    {
        Store = store,
        Seed = seed,
        Length = TimeSpan.FromSeconds(seconds),
        Faults = faults,
        Workers = 4, // what a process costs is its start, and each fault needs one and some who go on
        Out = Directory.CreateTempSubdirectory("latchwork-faults-").FullName,
    };

    private static async Task CheckAsync(RunOptions options, Action<RunResult, CheckReport, string> verify)
    {
        var lines = new List<string>();
        RunResult result = await FaultRun.RunAsync(options, line =>
        {
            lock (lines) lines.Add(line);
        });
        CheckReport report = HistoryChecker.Check(result.Folder);
        string seen = $"{options.Command}\n{string.Join('\n', lines)}\n{report}\nThe history is in {result.Folder}.";
        verify(result, report, seen);
        Directory.Delete(result.Folder, recursive: true);
    }
}
