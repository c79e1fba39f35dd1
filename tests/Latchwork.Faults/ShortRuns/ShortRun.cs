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
    /// <remarks>It lies at random: where the machine is so busy that little happens in one run, another follows, three at most.</remarks>
    public static async Task IsFoundOutAsync(StoreKind store, int seed, int seconds, params string[] rules)
    {
        var missing = new HashSet<string>(rules);
        string all = "";
        for (int run = 0; run < 3 && missing.Count > 0; run++)
        {
            await CheckAsync(Options(store, seed + run, seconds) with { Lies = true }, (_, report, seen) =>
            {
                missing.RemoveWhere(rule => report.ViolationsByRule.GetValueOrDefault(rule) > 0);
                all += seen;
            });
        }

        missing.ShouldBeEmpty(all);
    }

    private static RunOptions Options(StoreKind store, int seed, int seconds, params FaultKind[] faults) => new()
    {
        Store = store,
        Seed = seed,
        Length = TimeSpan.FromSeconds(seconds),
        Faults = faults,
        Workers = 6,
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
