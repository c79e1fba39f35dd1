using System.Runtime.CompilerServices;
using Shouldly;

namespace Latchwork.Tests.Diagnostics;

/// <summary>Reads the tables of docs/telemetry.md.</summary>
internal static class TelemetryDocs
{
    private static readonly Lazy<Dictionary<string, HashSet<string>>> _attributes = new(() => Rows("Metrics").ToDictionary(row => row[0], row => Quoted(row[3]).ToHashSet()));

    /// <summary>What was measured carries only attributes that are documented for its instrument.</summary>
    public static void ShouldDescribe(IEnumerable<TelemetryRecorder.Measured> measured)
    {
        foreach (TelemetryRecorder.Measured one in measured) one.Tags.Keys.ShouldBeSubsetOf(_attributes.Value[one.Instrument], one.Instrument);
    }

    /// <summary>The names within backticks.</summary>
    public static IEnumerable<string> Quoted(string cell) => cell.Split('`').Where((_, i) => i % 2 == 1).Where(name => name.Contains('.', StringComparison.Ordinal));

    /// <summary>The rows of the first table under a heading; the backticks around a cell are taken off.</summary>
    public static List<string[]> Rows(string heading)
    {
        string[] lines = File.ReadAllLines(Document());
        return [.. lines.SkipWhile(line => line != $"## {heading}").SkipWhile(line => !line.StartsWith('|')).TakeWhile(line => line.StartsWith('|')).Skip(2)
            .Select(line => line.Trim('|').Split('|').Select((cell, column) => column == 0 ? cell.Trim().Trim('`') : cell.Trim()).ToArray())];
    }

    public static string Document([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", "..", "docs", "telemetry.md"));
}
