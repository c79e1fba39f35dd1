using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>A history that is checked in parts gives the report of one that is checked whole.</summary>
public sealed class LargeHistoryTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("latchwork-history-").FullName;

    [Fact]
    public async Task A_history_in_many_buckets_gives_the_same_report()
    {
        var lines = new List<HistoryLine>((await new LegalTimerHistory(7, withLosses: true).MakeAsync(300)).Lines);
        lines.AddRange(new Script().Post("x", "vx", 0, 1, 1000).Claim("x", "vx", 10, 20, "t").Grant(0, 1, "x", 10).Grant(3000, 3001, "y", 20, process: "b")
            .Fault("kill", 1, 2, target: "l").Lines.Select(line => line with { Process = "other-" + line.Process }));
        foreach (IGrouping<string, HistoryLine> process in lines.GroupBy(line => line.Process))
        {
            using FileStream file = File.Create(Path.Combine(_directory, process.Key + ".jsonl"));
            foreach (HistoryLine line in process) file.Write(HistoryJson.ToLine(line.Entry));
        }

        CheckReport whole = HistoryChecker.Check(_directory);
        CheckReport parts = HistoryChecker.Check(_directory, new CheckOptions { BucketBytes = 4000 });
        whole.ViolationsByRule.Keys.ShouldBe([Rules.Early, Rules.Overlap], whole.ToString());
        Sorted(parts).ShouldBe(Sorted(whole));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static string[] Sorted(CheckReport report) => [.. report.ToString().Split('\n').Order(StringComparer.Ordinal)];
}
