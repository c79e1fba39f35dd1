using System.Reflection;
using System.Text.RegularExpressions;
using Shouldly;

namespace Latchwork.StoreConformance.Support;

/// <summary>What the documentation says of options: defaults and ranges, in a table of a page and in the comments of the properties.</summary>
public static partial class OptionDocs
{
    /// <summary>Checks that the table has a row for each option, and that table and comments say its default and its range.</summary>
    /// <typeparam name="TOptions">The options.</typeparam>
    /// <param name="page">The page, from docs/.</param>
    /// <param name="heading">The heading of the section with the table.</param>
    /// <param name="declared">What the code says: names, defaults, ranges.</param>
    /// <param name="sources">The files with the comments, from src/.</param>
    public static void Check<TOptions>(string page, string heading, IEnumerable<(string Name, string Default, string Range)> declared, params string[] sources)
    {
        Dictionary<string, (string Default, string Range)> rows = Rows(page, heading);
        string code = string.Concat(sources.Select(source => File.ReadAllText(Docs.PathTo(["src", .. source.Split('/')]))));
        List<string> wrong = [];
        foreach ((string name, string value, string range) in declared)
        {
            if (!rows.TryGetValue(name, out (string Default, string Range) row))
            {
                wrong.Add($"{page} has no row for {name}: its default is '{value}', its range '{range}'.");
                continue;
            }

            if (!Says(row.Default, value)) wrong.Add($"{page}: the default of {name} is '{value}', not '{row.Default}'.");
            if (row.Range != range) wrong.Add($"{page}: the range of {name} is '{range}', not '{row.Range}'.");
            string comment = CommentOf(name.Split('.')[^1], code);
            if (range.Contains(" to ", StringComparison.Ordinal) && !comment.Contains(range, StringComparison.OrdinalIgnoreCase)) wrong.Add($"The comment of {name} does not say '{range}': {comment}");
            if (!SaysDefault(comment, value)) wrong.Add($"The comment of {name} does not say that its default is '{value}': {comment}");
        }

        wrong.AddRange(typeof(TOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(property => property.Name != "EqualityContract" && !rows.Keys.Any(row => row.Split('.')[0] == property.Name))
            .Select(property => $"{page} has no row for {property.Name}."));
        wrong.ShouldBeEmpty(string.Join('\n', wrong));
    }

    // More may follow, such as the same in another unit.
    private static bool Says(string cell, string value) => cell == value || (cell.StartsWith(value, StringComparison.Ordinal) && cell[value.Length] is ' ' or ';' or ',');

    // What null means is said in words of the comment's own.
    private static bool SaysDefault(string comment, string value) =>
        comment.Contains("default: null", StringComparison.OrdinalIgnoreCase)
        || comment.Contains($"default: {value}", StringComparison.OrdinalIgnoreCase)
        || comment.Contains($"default {value}", StringComparison.OrdinalIgnoreCase);

    private static Dictionary<string, (string Default, string Range)> Rows(string page, string heading)
    {
        string text = File.ReadAllText(Docs.PathTo("docs", page)).ReplaceLineEndings("\n");
        int start = text.IndexOf($"\n## {heading}\n", StringComparison.Ordinal);
        start.ShouldBeGreaterThanOrEqualTo(0, $"docs/{page} has no section '{heading}'.");
        int end = text.IndexOf("\n## ", start + 1, StringComparison.Ordinal);
        string[][] table = [.. text[start..(end < 0 ? text.Length : end)].Split('\n').Where(static line => line.StartsWith('|'))
            .Select(static line => line.Split('|')[1..^1].Select(static cell => cell.Replace("`", "", StringComparison.Ordinal).Trim()).ToArray())];
        (int value, int range) = (Array.IndexOf(table[0], "default"), Array.IndexOf(table[0], "range"));
        return table.Skip(2).ToDictionary(static row => row[0], row => (row[value], row[range]), StringComparer.Ordinal);
    }

    private static string CommentOf(string property, string code)
    {
        Match match = Regex.Match(code.ReplaceLineEndings("\n"), $@"(?<comment>(?:^ +///.*\n)+)(?:^ +\[.*\n)*^ +public [\w<>?]+ {property} {{", RegexOptions.Multiline);
        string comment = match.Groups["comment"].Value;
        comment = Reference().Replace(comment, static reference => reference.Groups["name"].Value.Split('.')[^1]);
        return Space().Replace(Markup().Replace(comment, "").Replace("///", "", StringComparison.Ordinal), " ").Trim();
    }

    [GeneratedRegex("""<see cref="(?<name>[^"]+)"/>""")]
    private static partial Regex Reference();

    [GeneratedRegex("</?(?:summary|remarks|para)>|</?c>")]
    private static partial Regex Markup();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
