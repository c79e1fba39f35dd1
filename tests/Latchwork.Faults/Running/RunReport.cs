using System.Globalization;
using Latchwork.Faults.Checking;
using Latchwork.Faults.Checking.Schedules;

namespace Latchwork.Faults.Running;

/// <summary>Checks the history of a run, and shows what came out.</summary>
internal static class RunReport
{
    private const string ReportFile = "report.txt";

    /// <summary>Checks a run that has just ended; its history is kept if something is wrong, or if that was asked for.</summary>
    /// <returns>The exit code: 0 if all promises held.</returns>
    public static int Show(RunOptions options, RunResult result, TextWriter output)
    {
        CheckReport report = HistoryChecker.Check(result.Folder);
        output.WriteLine();
        Table(options, result, report, output);
        foreach (string problem in result.Problems) output.WriteLine($"PROBLEM       {problem}");
        int code = Conclude(report, result.Folder, output);
        if (result.Problems.Count > 0) code = 1;
        if (code != 0) output.WriteLine($"again         {options.Command}");
        if (code == 0 && !options.Keep && options.Out is null) Directory.Delete(result.Folder, recursive: true);
        else output.WriteLine($"history       {result.Folder}");
        return code;
    }

    /// <summary>Checks the history of an earlier run.</summary>
    /// <returns>The exit code: 0 if all promises held.</returns>
    public static int Check(string folder, TextWriter output)
    {
        int code = Conclude(HistoryChecker.Check(folder), folder, output);
        IReadOnlyList<string> schedules = ScheduleChecker.Check(folder);
        foreach (string problem in schedules) output.WriteLine($"PROBLEM       {problem}");
        return schedules.Count > 0 ? 1 : code;
    }

    private static void Table(RunOptions options, RunResult result, CheckReport report, TextWriter output)
    {
        Line("store", $"{options.Store.ToString().ToLowerInvariant()}: {result.Version}");
        Line("run", string.Create(CultureInfo.InvariantCulture, $"seed {options.Seed}, {options.Length.TotalSeconds:0} s, {options.Workers} workers at a time"));
        Line("operations", Number(report.Operations.Values.Sum()));
        Line("faults", $"{Number(result.Faults.Values.Sum())}: {string.Join(", ", result.Faults.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key.ToString().ToLowerInvariant()} {Number(pair.Value)}"))}");
        if (result.Missing is { } missing) Line("not possible", missing);
        if (result.DroppedNotifications > 0) Line("notifications", $"{Number(result.DroppedNotifications)} left out");
        Line("deliveries", Number(report.Deliveries));
        Line("redeliveries", Number(report.Redeliveries.Values.Sum()));
        Line("ownerships", Number(report.Grants));
        Line("lost", $"{Number(report.Lost.Values.Sum())} within the windows of faults that may lose, {Number(Broken(Rules.Lost))} besides");
        Line("early", Number(Broken(Rules.Early)));
        Line("violations", Number(report.ViolationCount));
        output.WriteLine();

        void Line(string name, string value) => output.WriteLine($"{name,-13} {value}");
        long Broken(string rule) => report.ViolationsByRule.GetValueOrDefault(rule);
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static int Conclude(CheckReport report, string folder, TextWriter output)
    {
        output.Write(report);
        if (report.ViolationCount == 0 && report.Unlisted == 0) return 0;
        File.WriteAllText(Path.Combine(folder, ReportFile), report.ToString());
        output.WriteLine($"check again   ./fault-run --check {folder}");
        return 1;
    }
}
