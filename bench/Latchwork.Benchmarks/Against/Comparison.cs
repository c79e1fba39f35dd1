using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;
using Latchwork.Benchmarks.Sections;

namespace Latchwork.Benchmarks.Against;

/// <summary>
/// Measures this tree and a git ref in one run: section by section the one, the other, and again. What disturbs the machine for minutes
/// disturbs both, so ratios can be trusted where figures cannot.
/// </summary>
internal sealed class Comparison(Options options, string root, Workplace workplace, CancellationToken stop)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private int _said;
    private bool _failed, _kept;

    /// <summary>Runs it, and cleans up whatever ends it.</summary>
    /// <returns>The exit code: 0 if all sections that both builds have ran to their ends, whatever came of them.</returns>
    public static async Task<int> RunAsync(Options options, string root)
    {
        using var stop = new CancellationTokenSource();
        int signalled = 0;
        using PosixSignalRegistration interrupt = On(PosixSignal.SIGINT, 130), terminate = On(PosixSignal.SIGTERM, 143), hangUp = On(PosixSignal.SIGHUP, 129);
        using var workplace = new Workplace();
        var comparison = new Comparison(options, root, workplace, stop.Token);
        try
        {
            return await comparison.RunAsync();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync($"\nStopped.{(comparison._kept ? $" What was measured until then is in {options.Out}." : "")}");
            return signalled;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return e is ArgumentException ? 2 : 1;
        }

        PosixSignalRegistration On(PosixSignal signal, int code) => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            signalled = code;
            stop.Cancel();
        });
    }

    private async Task<int> RunAsync()
    {
        var history = new History(root, stop);
        Revision here = await history.CurrentAsync(), there = await history.FindAsync(options.Against!);
        var result = new ComparisonResult { Current = here, Against = there, Mode = options.Mode, Rounds = options.Rounds, Started = DateTimeOffset.UtcNow };
        Console.WriteLine($"{here} against {there}");
        Section[] sections = [.. AllSections.Chosen(options.Only)];
        await NoteDifferencesAsync(history, sections, result);

        (Build current, Build against) = await BuildAsync(history, result, sections.Any(section => section is StartSection));
        sections = await InBothAsync(against, sections, result);
        Say(result);
        long first = Stopwatch.GetTimestamp();
        for (int round = 1; round <= options.Rounds; round++)
        {
            foreach (Section section in sections)
            {
                Console.Write(string.Create(CultureInfo.InvariantCulture, $"  round {round} of {options.Rounds}, {section.Name}:"));
                await MeasureAsync(section, current, isCurrent: true, round, result);
                await MeasureAsync(section, against, isCurrent: false, round, result);
                Console.WriteLine();
                Say(result);
                Keep(result);
            }

            double left = Stopwatch.GetElapsedTime(first).TotalSeconds * (options.Rounds - 1);
            if (round == 1 && left > 0) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  about {left:N0} s to go"));
        }

        foreach (Build build in (Build[])[current, against])
        {
            foreach (string option in build.Lacks) Note(result, $"The benchmark of {build.Name} has no {option}: it was measured by its own default, and may not be comparable.");
        }

        result.Complete = !_failed && result.InBoth.Any();
        Keep(result);
        Console.WriteLine($"\n{ComparisonTable.Of(result)}\nIn {options.Out}: comparison.md and comparison.json.");
        return result.Complete ? 0 : 1;
    }

    /// <summary>Says what bears on the meaning of the ratios.</summary>
    private static async Task NoteDifferencesAsync(History history, Section[] sections, ComparisonResult result)
    {
        bool isSame = (await history.DifferencesAsync(result.Against, "src")).Count == 0;
        string[] differ =
        [
            .. (await history.DifferencesAsync(result.Against, "bench/Latchwork.Benchmarks/Contenders")).Select(path => Path.GetFileName(path)),
            .. (await history.DifferencesAsync(result.Against, "bench/Latchwork.Benchmarks/Sections")).Select(path => Path.GetFileName(path))
                .Where(name => name == "AllSections.cs" || sections.Any(section => name == $"{section.GetType().Name}.cs")),
        ];
        if (isSame) Note(result, $"src is the same as in {result.Against.Name}{(differ.Length == 0 ? ": what the ratios show is noise" : "")}.");
        if (differ.Length == 0) return;
        const int Most = 6;
        string more = differ.Length > Most ? string.Create(CultureInfo.InvariantCulture, $" and {differ.Length - Most} more") : "";
        Note(result, $"The benchmark differs from that of {result.Against.Name}, and a ratio may come of that: {string.Join(", ", differ[..Math.Min(Most, differ.Length)])}{more}.");
    }

    private async Task<(Build Current, Build Against)> BuildAsync(History history, ComparisonResult result, bool withStart)
    {
        // bench/run has built the benchmark of this tree, which is this program.
        Workplace.Copy(AppContext.BaseDirectory, workplace.Current);
        string script = Path.Combine(root, "bench", "prepare");
        await history.UnpackAsync(result.Against, workplace);
        if (!Directory.Exists(Path.Combine(workplace.Sources, "bench", "Latchwork.Benchmarks")))
            throw new ArgumentException($"--against needs a ref with a benchmark; '{options.Against}' ({result.Against.Commit}) has no bench/Latchwork.Benchmarks.");
        Say(result);
        Console.WriteLine($"  building {result.Against.Name} …");
        Ended ended = await Build.PrepareAsync(script, workplace.Sources, withStart, stop);
        string? program = Build.FindProgram(workplace.Sources);
        if (program is null) Check(result.Against, ended);
        else if (ended.ExitCode != 0) Note(result, $"The programs whose start is measured could not be built of {result.Against.Name}: {ended.Tail()}");

        if (withStart) Check(result.Current, await Build.PrepareAsync(script, root, withStart, stop));
        return (
            new Build(result.Current, root, Path.Combine(workplace.Current, Path.GetFileName(typeof(Comparison).Assembly.Location)), workplace),
            new Build(result.Against, workplace.Sources, program ?? throw new InvalidOperationException($"The build of {result.Against.Name} left no benchmark."), workplace));

        static void Check(Revision revision, Ended ended)
        {
            if (ended.ExitCode != 0) throw new InvalidOperationException($"{revision.Name} ({revision.Commit}) could not be built:\n{ended.Tail(lines: 20)}");
        }
    }

    /// <summary>The sections that both have. What one lacks is said.</summary>
    private async Task<Section[]> InBothAsync(Build against, Section[] sections, ComparisonResult result)
    {
        IReadOnlyList<string> theirs = await against.SectionsAsync(stop);
        // It does not tell: each is tried.
        if (theirs.Count == 0) return sections;
        foreach (Section section in sections.Where(section => !theirs.Contains(section.Name))) Note(result, $"{against.Name} has no section '{section.Name}': it is left out.");
        if (options.Only.Count == 0)
        {
            foreach (string name in theirs.Where(name => !sections.Any(section => section.Name == name))) Note(result, $"Only {against.Name} has the section '{name}': it is left out.");
        }

        return [.. sections.Where(section => theirs.Contains(section.Name))];
    }

    private async Task MeasureAsync(Section section, Build build, bool isCurrent, int round, ComparisonResult result)
    {
        long start = Stopwatch.GetTimestamp();
        Console.Write($" {build.Name}");
        Measured measured = await build.MeasureAsync(section, options, stop);
        Console.Write(string.Create(CultureInfo.InvariantCulture, $" {Stopwatch.GetElapsedTime(start).TotalSeconds:N0} s{(isCurrent ? "," : "")}"));
        result.Add(section, isCurrent, round, measured);
        foreach (string note in measured.Notes) Note(result, $"{build.Name}, {section.Name}: {note}");
        if (measured.Failure is null) return;
        _failed = true;
        Note(result, string.Create(CultureInfo.InvariantCulture, $"{build.Name}, {section.Name}, round {round}, did not run to its end: {measured.Failure}"));
    }

    private static void Note(ComparisonResult result, string text)
    {
        if (!result.Notes.Contains(text)) result.Notes.Add(text);
    }

    private void Say(ComparisonResult result)
    {
        for (; _said < result.Notes.Count; _said++) Console.WriteLine($"  {result.Notes[_said]}");
    }

    // Anew after each section, so that an interrupted run loses nothing.
    private void Keep(ComparisonResult result)
    {
        result.Seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        Directory.CreateDirectory(options.Out);
        File.WriteAllText(Path.Combine(options.Out, "comparison.json"), JsonSerializer.Serialize(result, ResultFiles.Json) + "\n");
        File.WriteAllText(Path.Combine(options.Out, "comparison.md"), ComparisonTable.Of(result));
        _kept = true;
    }
}
