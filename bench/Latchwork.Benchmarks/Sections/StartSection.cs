using System.Diagnostics;
using System.Globalization;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Sections;

internal sealed class StartSection : Section
{
    private const string Library = "start of the library to its first post";

    public override string Name => "start";

    public override string Title => "Starting";

    public override string Explanation =>
        "The published tool (Release, framework-dependent), from the start of its process to the first byte that it writes; and the library in a fresh process, from "
        + "before it connects to a Redis that knows its scripts until its first post was acknowledged (the runtime's own start is not in it).";

    public override int FullSeconds => 20;

    public override async Task RunAsync(Bench bench)
    {
        string tool = Path.Combine(bench.Root, "artifacts", "bench-cli", "Latchwork.Cli.dll");
        if (!File.Exists(tool)) tool = Directory.EnumerateFiles(Path.Combine(bench.Root, "artifacts", "bench-cli"), "*.runtimeconfig.json").Select(path => path.Replace(".runtimeconfig.json", ".dll", StringComparison.Ordinal)).First();
        int rounds = bench.Options.Quick ? 2 : 8;
        (string Work, string[] Words)[] commands =
        [
            ("the tool: help", [tool, "--help"]),
            ("the tool: post an event to Redis", [tool, "timer", "post", "--in", "1h", "--data", "{}", "--store", bench.Server.Uri]),
            ("the tool: numbers of a namespace on Redis", [tool, "timer", "stats", "--store", bench.Server.Uri]),
        ];
        for (int round = -1; round < rounds; round++)
        {
            foreach ((string work, string[] words) in commands)
            {
                double ms = await FirstOutputAsync(words);
                if (round >= 0) bench.Add(work, Names.Latchwork, "ms", ms);
            }

            string[] first = [typeof(StartSection).Assembly.Location, "first-post", bench.Server.Uri];
            using Process process = Start(first);
            string text = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            if (!double.TryParse(text, CultureInfo.InvariantCulture, out double took))
                throw new InvalidOperationException($"The first post failed: {await process.StandardError.ReadToEndAsync()}");
            if (round >= 0) bench.Add(Library, Names.Latchwork, "ms", took);
        }
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        foreach (string work in (string[])["the tool: help", "the tool: post an event to Redis", "the tool: numbers of a namespace on Redis"])
            yield return Target.Less($"{work}, to the first output", result.Of(work, Names.Latchwork), 400, "ms");
        yield return Target.Less(Library, result.Of(Library, Names.Latchwork), 50, "ms");
    }

    private static Process Start(string[] words) => Process.Start(new ProcessStartInfo("dotnet", words)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

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
