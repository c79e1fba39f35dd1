using System.Text.Json;
using System.Text.Json.Serialization;

namespace Latchwork.Benchmarks.Harness;

/// <summary>What one contender did in one work, a value a round.</summary>
/// <param name="Work">The work: "single posts, 64 in flight".</param>
/// <param name="Who">The contender and its settings: "BullMQ, concurrency 100". Names that begin with Latchwork are ours, with raw the limit.</param>
/// <param name="Unit">The unit: "/s", "ms".</param>
/// <param name="At">Where the cost of growth is measured: the number of listeners, of events.</param>
/// <param name="Values">The values, a round each.</param>
internal sealed record Figure(string Work, string Who, string Unit, double? At, List<double> Values)
{
    [JsonIgnore]
    public double Median => Statistics.Median(Values);

    [JsonIgnore]
    public bool IsOurs => Who.StartsWith("Latchwork", StringComparison.Ordinal);

    [JsonIgnore]
    public bool IsLimit => Who.StartsWith("raw", StringComparison.Ordinal);

    [JsonIgnore]
    public bool IsPeer => !IsOurs && !IsLimit;
}

/// <summary>What is known of one section after a run, complete or not.</summary>
internal sealed class SectionResult
{
    public required string Section { get; init; }

    public required string Title { get; init; }

    public required string Mode { get; init; }

    public required DateTimeOffset Started { get; init; }

    public double Seconds { get; set; }

    /// <summary>Whether it ran to its end.</summary>
    public bool Complete { get; set; }

    public IReadOnlyDictionary<string, string> Machine { get; init; } = new Dictionary<string, string>();

    public List<Figure> Figures { get; init; } = [];

    /// <summary>What went wrong, and what a reader must know to compare.</summary>
    public List<string> Notes { get; init; } = [];

    public void Add(string work, string who, string unit, double value, double? at = null)
    {
        Figure? figure = Figures.Find(f => f.Work == work && f.Who == who && f.At == at);
        if (figure is null) Figures.Add(figure = new Figure(work, who, unit, at, []));
        figure.Values.Add(value);
    }

    /// <summary>The median of a figure, or null if it was not measured.</summary>
    public double? Of(string work, string who, double? at = null) =>
        Figures.Find(f => f.Work == work && f.Who == who && f.At == at)?.Median;

    /// <summary>The best median of the peers in a work, or null.</summary>
    public double? BestPeer(string work, bool more, double? at = null)
    {
        double[] peers = [.. Figures.Where(f => f.Work == work && f.At == at && f.IsPeer).Select(f => f.Median)];
        return peers.Length == 0 ? null : more ? peers.Max() : peers.Min();
    }
}

/// <summary>The files with the results: one a section, written anew after each figure, so that an interrupted run loses nothing.</summary>
internal static class ResultFiles
{
    /// <summary>How results are written.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static void Write(string folder, SectionResult result)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"{result.Section}.json"), temporary = path + ".tmp";
        File.WriteAllText(temporary, JsonSerializer.Serialize(result, Json) + "\n");
        File.Move(temporary, path, overwrite: true);
    }

    public static SectionResult? Read(string folder, string section)
    {
        string path = Path.Combine(folder, $"{section}.json");
        return File.Exists(path) ? JsonSerializer.Deserialize<SectionResult>(File.ReadAllText(path), Json) : null;
    }
}
