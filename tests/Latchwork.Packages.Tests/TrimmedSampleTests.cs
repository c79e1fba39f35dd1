using Latchwork.Packages.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Packages.Tests;

/// <summary>samples/Trimmed, on the packages, published trimmed and self-contained: without a warning, and what is left of it works.</summary>
[Collection(PackedCollection.Name)]
public sealed class TrimmedSampleTests(PackedPackages packed)
{
    [Fact]
    public async Task It_is_published_without_a_warning_and_runs_on_both_stores()
    {
        string project = CopyOfTheSample();
        try
        {
            // Warnings are errors in the sample, those of the trimmer included.
            await PackedPackages.DotnetAsync(project, "publish", "-o", "published");
        }
        finally
        {
            packed.ForgetKept();
        }

        string program = Path.Combine(project, "published", OperatingSystem.IsWindows() ? "Trimmed.exe" : "Trimmed");
        File.Exists(Path.Combine(project, "published", "System.Private.CoreLib.dll")).ShouldBeTrue("it is self-contained");
        await using RedisServer redis = await RedisServer.StartAsync();
        foreach (string store in new[] { "trimmed.db", redis.LenientUri })
        {
            string output = await RunningProgram.RunAsync(project, program, store);
            string[] lines = output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            lines[..^1].Order(StringComparer.Ordinal).ShouldBe(["call Ada", "call Ben", "call Cleo", "cancelled: Done"]);
            lines[^1].ShouldBe("10 callers, 1 run, 1 total: 1,234.50");
        }
    }

    // The sample refers to the projects beside it; its copy refers to their packages, under the same settings.
    private string CopyOfTheSample()
    {
        string folder = packed.NewFolderWithSources("trimmed");
        File.Copy(Repository.PathTo("Directory.Build.props"), Path.Combine(folder, "Directory.Build.props"));
        File.Copy(Repository.PathTo("samples", "Trimmed", "Program.cs"), Path.Combine(folder, "Program.cs"));
        string project = File.ReadAllText(Repository.PathTo("samples", "Trimmed", "Trimmed.csproj"));
        foreach (string store in new[] { "Latchwork.Redis", "Latchwork.Sqlite" })
        {
            string reference = $"<ProjectReference Include=\"../../src/{store}/{store}.csproj\" />";
            project.ShouldContain(reference);
            project = project.Replace(reference, $"<PackageReference Include=\"{store}\" Version=\"{packed.Version}\" />", StringComparison.Ordinal);
        }

        File.WriteAllText(Path.Combine(folder, "Trimmed.csproj"), project);
        return folder;
    }
}
