using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Tests;

/// <summary>The documentation hangs together: every link leads somewhere, and the index leads to every page.</summary>
public sealed partial class DocsLinkTests
{
    private const string Index = "docs/README.md";

    public static TheoryData<string> Pages => [.. Docs.Pages()];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_of_a_page_leads_to_a_file_and_to_a_heading_that_exist(string page)
    {
        foreach ((string path, string heading) in Links(page))
        {
            string target = Docs.PathTo(path);
            (File.Exists(target) || Directory.Exists(target)).ShouldBeTrue($"{page} links to {path}, which does not exist");
            if (heading.Length > 0) Headings(target).ShouldContain(heading, $"{page} links to a heading of {path}");
        }
    }

    [Fact]
    public void The_index_leads_to_every_page_of_the_documentation() =>
        Docs.Pages().Where(page => page.StartsWith("docs/", StringComparison.Ordinal) && page != Index).Except(Links(Index).Select(link => link.Path)).ShouldBeEmpty();

    [Fact]
    public void README_leads_to_the_index() => Links("README.md").Select(link => link.Path).ShouldContain(Index);

    [Theory]
    [InlineData("A plain heading", "a-plain-heading")]
    [InlineData("`latchwork once`: a command, that (one) machine runs", "latchwork-once-a-command-that-one-machine-runs")]
    [InlineData("Timers, or Hangfire, or Quartz.NET", "timers-or-hangfire-or-quartznet")]
    public void A_heading_has_the_anchor_that_a_page_gives_it(string heading, string anchor) => Anchor(heading).ShouldBe(anchor);

    // Links within the repository, as paths from its root.
    private static IEnumerable<(string Path, string Heading)> Links(string page)
    {
        string folder = Path.GetDirectoryName(page)!;
        foreach (Match link in Link().Matches(Docs.WithoutBlocks(File.ReadAllText(Docs.PathTo(page)))))
        {
            string target = link.Groups[1].Value;
            if (target.Contains("://", StringComparison.Ordinal) || target.StartsWith("mailto:", StringComparison.Ordinal)) continue;
            string[] parts = target.Split('#', 2);
            string path = parts[0].Length == 0 ? page : Path.GetRelativePath(Docs.Root, Path.GetFullPath(Docs.PathTo(folder, parts[0])));
            yield return (path.Replace('\\', '/'), parts.Length == 2 ? parts[1] : "");
        }
    }

    private static IEnumerable<string> Headings(string file) =>
        Heading().Matches(Docs.WithoutBlocks(File.ReadAllText(file))).Select(heading => Anchor(heading.Groups[1].Value));

    // As GitHub makes them: small letters, white space as hyphens, and nothing but letters, digits, hyphens and underscores.
    private static string Anchor(string heading)
    {
        var anchor = new StringBuilder();
        foreach (char one in heading.Trim().ToLower(CultureInfo.InvariantCulture))
        {
            if (char.IsWhiteSpace(one)) anchor.Append('-');
            else if (char.IsLetterOrDigit(one) || one is '-' or '_') anchor.Append(one);
        }

        return anchor.ToString();
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#{1,6} +(.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();
}
