using System.Diagnostics;
using System.Globalization;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Sections;

internal sealed class StartSection : Section
{
    private const string Library = "start of the library to its first post";
    private const string Compiled = "start of the library to its first post, in a program published with ReadyToRun";

    public override string Name => "start";

    public override string Title => "Starting";

    public override string Explanation =>
        "The published tool (Release, framework-dependent), from the start of its process to the first byte that it writes; and the library in a fresh process, from "
        + "before it connects to a Redis that knows its scripts until its first post was acknowledged (the runtime's own start is not in it), as it is and in a program that was published with ReadyToRun.";

    public override int FullSeconds => 20;

    public override async Task RunAsync(Bench bench)
    {
        string tool = Path.Combine(bench.Root, "artifacts", "bench-cli", "Latchwork.Cli.dll");
        int rounds = bench.Options.Quick ? 2 : 8;
        (string Work, string[] Words)[] commands =
        [
            ("the tool: help", [tool, "--help"]),
            ("the tool: post an event to Redis", [tool, "timer", "post", "--in", "1h", "--data", "{}", "--store", bench.Server.Uri]),
            ("the tool: numbers of a namespace on Redis", [tool, "timer", "stats", "--store", bench.Server.Uri]),
        ];
        string compiled = Path.Combine(bench.Root, "artifacts", "bench-compiled", "Latchwork.Benchmarks.dll");
        List<(string Work, string Program)> programs = [(Library, typeof(StartSection).Assembly.Location)];
        if (File.Exists(compiled)) programs.Add((Compiled, compiled));
        for (int round = -1; round < rounds; round++)
        {
            foreach ((string work, string[] words) in commands)
            {
                double ms = await FirstOutputAsync(words);
                if (round >= 0) bench.Add(work, Names.Latchwork, "ms", ms);
            }

            foreach ((string work, string program) in programs)
            {
                double ms = await FirstPostAsync(program, bench.Server.Uri);
                if (round >= 0) bench.Add(work, Names.Latchwork, "ms", ms);
            }
        }
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        foreach (string work in (string[])["the tool: help", "the tool: post an event to Redis", "the tool: numbers of a namespace on Redis"])
            yield return Target.Less($"{work}, to the first output", result.Of(work, Names.Latchwork), 400, "ms");
        yield return Target.Less(Library, result.Of(Library, Names.Latchwork), 50, "ms");
        yield return Target.Less(Compiled, result.Of(Compiled, Names.Latchwork), 50, "ms");
    }

    private static Process Start(string[] words) => Process.Start(new ProcessStartInfo("dotnet", words)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static async Task<double> FirstPostAsync(string program, string uri)
    {
        using Process process = Start([program, "first-post", uri]);
        string text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return double.TryParse(text, CultureInfo.InvariantCulture, out double ms)
            ? ms
            : throw new InvalidOperationException($"The first post failed: {await process.StandardError.ReadToEndAsync()}");
    }

    private static async Task<double> FirstOutputAsync(string[] words)
    {
        long start = Stopwatch.GetTimestamp();
        using Process process = Start(words);
        char[] first = new char[1];
        int count = await process.StandardOutput.ReadAsync(first);
        double ms = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return count == 1 && process.ExitCode == 0
            ? ms
            : throw new InvalidOperationException($"'{string.Join(' ', words[1..])}' ended with {process.ExitCode}: {await process.StandardError.ReadToEndAsync()}");
    }
}
