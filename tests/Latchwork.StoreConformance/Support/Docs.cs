using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Latchwork.StoreConformance.Support;

/// <summary>The pages of the documentation, as tests read them.</summary>
public static partial class Docs
{
    /// <summary>The folder of the repository.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path in the repository.</summary>
    public static string PathTo(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The readmes, the pages in docs/ and the other pages at the root, as paths from the root with forward slashes.</summary>
    public static IEnumerable<string> Pages() => Directory.EnumerateFiles(Root, "*.md")
        .Concat(Directory.EnumerateFiles(PathTo("docs"), "*.md", SearchOption.AllDirectories))
        .Concat(Directory.EnumerateDirectories(PathTo("src")).SelectMany(folder => Directory.EnumerateFiles(folder, "*.md")))
        .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/')).Order(StringComparer.Ordinal);

    /// <summary>The text of every source file in samples/ and tests/, which are compiled.</summary>
    public static IEnumerable<string> Sources() => new[] { "samples", "tests" }
        .SelectMany(folder => Directory.EnumerateFiles(PathTo(folder), "*.cs", SearchOption.AllDirectories))
        .Where(static file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
        .Select(File.ReadAllText);

    /// <summary>The fenced blocks of a page in one language; the empty text is the language of those without any.</summary>
    public static IEnumerable<string> Blocks(string markdown, string language) => Fence().Matches(markdown.ReplaceLineEndings("\n"))
        .Where(block => block.Groups["language"].Value == language).Select(static block => block.Groups["text"].Value);

    /// <summary>The page without its fenced blocks.</summary>
    public static string WithoutBlocks(string markdown) => Fence().Replace(markdown.ReplaceLineEndings("\n"), "");

    /// <summary>Lines without the white space around them, and without empty lines.</summary>
    public static string Squeeze(string text) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(static line => line.Trim()).Where(static line => line.Length > 0));

    private static string FindRoot([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", ".."));

    [GeneratedRegex("^(?<fence>```+)(?<language>[a-z]*)\\n(?<text>.*?)^\\k<fence>$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();
}
