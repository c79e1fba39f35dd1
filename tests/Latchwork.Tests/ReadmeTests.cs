using System.Text.RegularExpressions;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Tests;

/// <summary>README, and the readmes of packages: short, and their programs are code that is built with everything else.</summary>
public sealed partial class ReadmeTests
{
    private const string RedisStoreLine = "await using var store = await RedisStore.ConnectAsync(\"redis://localhost:6379\");";

    public static TheoryData<string> Readmes =>
        ["README.md", .. Directory.EnumerateFiles(Docs.PathTo("src"), "README.md", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Docs.Root, file)).Order(StringComparer.Ordinal)];

    [Fact]
    public void README_shows_code_on_the_first_screen_and_fits_in_150_lines()
    {
        string[] lines = File.ReadAllLines(Docs.PathTo("README.md"));

        lines.Length.ShouldBeLessThanOrEqualTo(150);
        Array.IndexOf(lines, "```csharp").ShouldBeInRange(0, 20);
    }

    [Theory]
    [MemberData(nameof(Readmes))]
    public void Every_program_in_a_readme_is_compiled(string readme)
    {
        string[] sources = [.. Docs.Sources().Select(Docs.Squeeze)];
        string[] programs = [.. Docs.Blocks(File.ReadAllText(Docs.PathTo(readme)), "csharp")];

        foreach (string program in programs) sources.ShouldContain(source => source.Contains(OnRedis(program), StringComparison.Ordinal), program);
        if (!IsOfTool(readme)) programs.ShouldNotBeEmpty();
    }

    [Fact]
    public void The_badges_say_what_the_packages_say()
    {
        string props = File.ReadAllText(Docs.PathTo("Directory.Build.props"));

        Badge("dotnet").ShouldBe($".NET: {Property(props, "TargetFramework")["net".Length..].Replace(".0", "", StringComparison.Ordinal)}");
        Badge("license").ShouldBe($"license: {Property(props, "PackageLicenseExpression")}");
        Badge("aot").ShouldBe("trimming, AOT: compatible");
        File.ReadAllText(Docs.PathTo("src", "Directory.Build.props")).ShouldContain("<IsAotCompatible Condition=\"'$(QuickBuild)' != 'true'\">true</IsAotCompatible>");
    }

    private static bool IsOfTool(string readme) => Directory.EnumerateFiles(Path.GetDirectoryName(Docs.PathTo(readme))!, "*.csproj")
        .Any(project => File.ReadAllText(project).Contains("<PackAsTool>true</PackAsTool>", StringComparison.Ordinal));

    private static string OnRedis(string program) => Docs.Squeeze(StoreLine().Replace(program, RedisStoreLine));

    private static string Badge(string name) => Title().Match(File.ReadAllText(Docs.PathTo("assets", "badges", $"{name}.svg"))).Groups[1].Value;

    private static string Property(string props, string name) => Regex.Match(props, $"<{name}>(.*)</{name}>").Groups[1].Value;

    // The programs of the packages are the first one of README, each on its own store.
    [GeneratedRegex("^await using var store = .*;$", RegexOptions.Multiline)]
    private static partial Regex StoreLine();

    [GeneratedRegex("<title>(.*)</title>")]
    private static partial Regex Title();
}
