using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Against;

/// <summary>What one run of a section gave: figures, the middle of its values each.</summary>
internal sealed record Measured(
    IReadOnlyList<(string Work, string Who, string Unit, double? At, double Value)> Figures, IReadOnlyList<string> Notes, IReadOnlyDictionary<string, string> Machine, string? Failure);

/// <summary>
/// One of the two builds. Its benchmark is called by the command line that it has, and its files of results are read: a build that is older
/// than the comparison can be measured as well.
/// </summary>
/// <param name="revision">What was built.</param>
/// <param name="root">The folder with its sources.</param>
/// <param name="program">Its benchmark.</param>
/// <param name="workplace">Where it leaves its files.</param>
internal sealed partial class Build(Revision revision, string root, string program, Workplace workplace)
{
    private readonly HashSet<string> _lacks = [];
    private readonly Dictionary<string, string> _environment = new()
    {
        ["LATCHWORK_ROOT"] = root,
        ["PATH"] = $"{workplace.Peers}{Path.PathSeparator}{Environment.GetEnvironmentVariable("PATH")}",
        ["TMPDIR"] = workplace.Temporary,
    };

    public string Name => revision.Name;

    /// <summary>The options that its benchmark turned out to lack.</summary>
    public IReadOnlyCollection<string> Lacks => _lacks;

    /// <summary>Builds the benchmark in a folder with the sources of the repository.</summary>
    /// <param name="script">The <c>bench/prepare</c> of this tree.</param>
    /// <param name="root">The folder.</param>
    /// <param name="withStart">Whether the programs whose start is measured are wanted.</param>
    /// <param name="cancellationToken">To stop.</param>
    public static Task<Ended> PrepareAsync(string script, string root, bool withStart, CancellationToken cancellationToken) =>
        // No server of the compiler is left behind: it would outlive the folder, and have it open.
        Command.RunAsync(
            script, withStart ? [root, "start"] : [root], root,
            new Dictionary<string, string> { ["MSBUILDDISABLENODEREUSE"] = "1", ["UseSharedCompilation"] = "false" }, limit: null, cancellationToken);

    /// <summary>The benchmark that was built in a folder, or null.</summary>
    public static string? FindProgram(string root)
    {
        string folder = Path.Combine(root, "bench", "Latchwork.Benchmarks", "bin", "Release");
        return !Directory.Exists(folder) ? null : Directory.EnumerateDirectories(folder, "net*").Select(path => Path.Combine(path, "Latchwork.Benchmarks.dll")).FirstOrDefault(File.Exists);
    }

    /// <summary>The names of its sections; empty if it does not tell.</summary>
    public async Task<IReadOnlyList<string>> SectionsAsync(CancellationToken cancellationToken)
    {
        Ended ended = await RunAsync(["--list"], TimeSpan.FromMinutes(1), cancellationToken);
        return ended.ExitCode != 0 ? [] : [.. ended.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0]).Where(name => name is not ("" or "all"))];
    }

    /// <summary>Measures a section once.</summary>
    public async Task<Measured> MeasureAsync(Section section, Options options, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (Directory.Exists(workplace.Results)) Directory.Delete(workplace.Results, recursive: true);
            // It gives up a section by itself, after four times its time and a minute.
            TimeSpan limit = TimeSpan.FromSeconds((5 * section.FullSeconds) + 120);
            Ended ended = await RunAsync(["--only", section.Name, "--out", workplace.Results, .. Wanted(section, options)], limit, cancellationToken);
            // It may have fewer options than this one. Without them it measures by its own defaults.
            if (ended.ExitCode == 2 && NoOption().Match(ended.Errors) is { Success: true } match && _lacks.Add(match.Groups[1].Value)) continue;
            return Read(section, ended, limit);
        }
    }

    [GeneratedRegex("^'(--(?:quick|rounds|pending|stored))' is no option")]
    private static partial Regex NoOption();

    private List<string> Wanted(Section section, Options options)
    {
        List<string> words = [];
        if (options.Quick && !_lacks.Contains("--quick")) words.Add("--quick");
        Add("--rounds", 1);
        if (section is Sections.PendingSection) Add("--pending", options.Pending);
        if (section is Sections.SqliteSection) Add("--stored", options.Stored);
        return words;

        void Add(string name, long value)
        {
            if (!_lacks.Contains(name)) words.AddRange(name, value.ToString(CultureInfo.InvariantCulture));
        }
    }

    private Task<Ended> RunAsync(IEnumerable<string> words, TimeSpan limit, CancellationToken cancellationToken) =>
        Command.RunAsync("dotnet", [program, .. words], root, _environment, limit, cancellationToken);

    private Measured Read(Section section, Ended ended, TimeSpan limit)
    {
        string? failure = ended.ExitCode switch
        {
            0 => null,
            null => string.Create(CultureInfo.InvariantCulture, $"it was ended after {limit.TotalSeconds:N0} s"),
            _ => string.Create(CultureInfo.InvariantCulture, $"exit code {ended.ExitCode}: {ended.Errors.Trim().Split('\n')[0]}"),
        };
        string path = Path.Combine(workplace.Results, $"{section.Name}.json");
        if (!File.Exists(path)) return new Measured([], [], new Dictionary<string, string>(), failure ?? "it wrote no results");
        try
        {
            ResultFile file = JsonSerializer.Deserialize<ResultFile>(File.ReadAllText(path), ResultFiles.Json)!;
            // A failure that a note explains needs no more words.
            string[] notes = [.. (file.Notes ?? []).Where(note => !PeersLeftOut.IsNote(note))];
            string? told = notes.LastOrDefault(note => note.StartsWith("The section failed", StringComparison.Ordinal));
            return new Measured(
                [.. (file.Figures ?? []).Where(f => f is { Work: not null, Who: not null, Values.Count: > 0 }).Select(f => (f.Work!, f.Who!, f.Unit ?? "", f.At, Statistics.Median(f.Values!)))],
                [.. notes.Where(note => note != told)],
                file.Machine ?? new Dictionary<string, string>(),
                failure is null ? null : told ?? failure);
        }
        catch (JsonException e)
        {
            return new Measured([], [], new Dictionary<string, string>(), $"its results cannot be read: {e.Message}");
        }
    }

    // What is needed of a file of results, whichever version wrote it.
    private sealed record ResultFile(List<ResultFigure>? Figures, List<string>? Notes, Dictionary<string, string>? Machine);

    private sealed record ResultFigure(string? Work, string? Who, string? Unit, double? At, List<double>? Values);
}
