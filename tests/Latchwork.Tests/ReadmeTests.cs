using System.Runtime.CompilerServices;
using Shouldly;
using Xunit;

namespace Latchwork.Tests;

/// <summary>The programs in README are those in samples/, which are built with everything else.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void Every_program_in_README_is_a_sample_that_is_built()
    {
        string root = Root();
        string[] programs = Blocks(File.ReadAllText(Path.Combine(root, "README.md"))).ToArray();
        string[] samples = Directory.EnumerateFiles(Path.Combine(root, "samples"), "Program.cs", SearchOption.AllDirectories)
            .Select(file => File.ReadAllText(file).Trim())
            .ToArray();

        programs.ShouldNotBeEmpty();
        programs.ShouldAllBe(program => samples.Contains(program));
    }

    private static IEnumerable<string> Blocks(string markdown)
    {
        const string Fence = "```";
        string[] parts = markdown.Split(Fence + "csharp\n");
        return parts.Skip(1).Select(part => part[..part.IndexOf(Fence, StringComparison.Ordinal)].Trim());
    }

    private static string Root([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));
}
