namespace Latchwork.Packages.Tests.Api;

/// <summary>What changed between two texts of <see cref="ApiText"/>: the lines with the type they belong to.</summary>
internal static class LineChanges
{
    public static IEnumerable<string> Between(string before, string after)
    {
        (string Type, string Line)[] old = Lines(before);
        (string Type, string Line)[] now = Lines(after);
        return old.Except(now).Select(line => (line.Type, Text: $"- {line.Line}"))
            .Concat(now.Except(old).Select(line => (line.Type, Text: $"+ {line.Line}")))
            .GroupBy(change => change.Type)
            .OrderBy(type => type.Key, StringComparer.Ordinal)
            .SelectMany(type => type.Select(change => change.Text).Prepend($"  {type.Key}"));
    }

    // A member's line is told from the same line in another type by the type's own line above it.
    private static (string Type, string Line)[] Lines(string text)
    {
        string type = "";
        List<(string Type, string Line)> lines = [];
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!line.StartsWith(' ')) type = Name(line);
            lines.Add((type, line));
        }

        return [.. lines];
    }

    // Without attributes, bases and constraints, so that a change of these does not look like one of all members.
    private static string Name(string line)
    {
        int begin = line.StartsWith('[') ? line.LastIndexOf("] ", StringComparison.Ordinal) + 2 : 0;
        return line[begin..].Split(" : ")[0].Split(" where ")[0];
    }
}
