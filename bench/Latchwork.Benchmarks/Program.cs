using System.Diagnostics;
using System.Globalization;
using Latchwork.Benchmarks.Against;
using Latchwork.Benchmarks.Contenders;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;
using Latchwork.Benchmarks.Sections;

// Three programs in one: `contender NAME STORE` is one contender, `first-post STORE` measures the start of the library, and otherwise it is
// the harness that bench/run starts.
switch (args)
{
    case ["contender", var name, var store]:
        return await ContenderHost.RunAsync(name, store);
    case ["first-post", var store]:
        return await FirstPost.RunAsync(store);
    default:
        return await RunAsync(args);
}

static async Task<int> RunAsync(string[] args)
{
    Options options;
    try
    {
        options = Options.Parse(args);
        string[] unknown = [.. options.Only.Where(name => !AllSections.InOrder.Any(section => section.Name == name))];
        if (unknown.Length > 0) throw new ArgumentException($"There is no section '{unknown[0]}'. bench/run --list names all.");
    }
    catch (ArgumentException e)
    {
        await Console.Error.WriteLineAsync(e.Message);
        return 2;
    }

    string root = Environment.GetEnvironmentVariable("LATCHWORK_ROOT") ?? Directory.GetCurrentDirectory();
    if (options.List)
    {
        foreach (Section section in AllSections.InOrder) Console.WriteLine($"{section.Name,-14} {section.FullSeconds,4} s  {section.Title}{(section.OnlyByName ? " (only where it is named)" : "")}");
        Console.WriteLine($"{"all",-14} {AllSections.Chosen([]).Sum(section => section.FullSeconds),4} s");
        return 0;
    }

    if (options.Render is { } folder)
    {
        Report.Write(options.Out, folder);
        Console.WriteLine($"Wrote {folder}.");
        return 0;
    }

    if (options.Against is not null) return await Comparison.RunAsync(options, root);

    Console.CancelKeyPress += (_, _) => Environment.Exit(130);
    AppDomain.CurrentDomain.UnhandledException += (_, _) =>
    {
        RedisProcess.EndAll();
        PostgresProcess.EndAll();
    };
    using var server = new RedisProcess();
    IReadOnlyDictionary<string, string> machine = Machine.Describe(root, server);
    foreach ((string key, string value) in machine) Console.WriteLine($"{key}: {value}");
    bool failed = false;
    foreach (Section section in AllSections.Chosen(options.Only)) failed |= !await SectionRun.RunAsync(section, options, server, machine, root);

    Console.WriteLine();
    Console.WriteLine(Report.Targets(options.Out));
    return failed ? 1 : 0;
}

internal static class SectionRun
{
    /// <summary>Runs one section within its time. Its failure is kept and said, and the next one begins.</summary>
    public static async Task<bool> RunAsync(Section section, Options options, RedisProcess server, IReadOnlyDictionary<string, string> machine, string root)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\n{section.Name}: {section.Title} ({DateTime.Now:HH:mm:ss})"));
        var result = new SectionResult
        {
            Section = section.Name,
            Title = section.Title,
            Mode = options.Mode,
            Started = DateTimeOffset.UtcNow,
            Machine = machine,
        };
        long start = Stopwatch.GetTimestamp();
        var bench = new Bench(options, server, root, result);
        try
        {
            server.Clear();
            await section.RunAsync(bench).WaitAsync(TimeSpan.FromSeconds((4 * section.FullSeconds) + 60));
            result.Complete = true;
        }
#pragma warning disable CA1031 // Whatever fails in one section, the others are to be measured.
        catch (Exception e)
#pragma warning restore CA1031
        {
            bench.Note($"The section failed: {e.Message.Split('\n')[0]}");
            await Console.Error.WriteLineAsync(e.ToString());
        }

        await bench.DisposeAsync();
        result.Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        ResultFiles.Write(options.Out, result);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {result.Seconds:F0} s"));
        return result.Complete;
    }
}
