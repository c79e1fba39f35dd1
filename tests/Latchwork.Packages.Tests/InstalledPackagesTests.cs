using System.Text.RegularExpressions;
using Latchwork.Packages.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Packages.Tests;

/// <summary>The packages, installed into an empty project, run README's first program; the tool, installed, runs its commands.</summary>
[Collection(PackedCollection.Name)]
public sealed class InstalledPackagesTests(PackedPackages packed)
{
    [Fact]
    public async Task READMEs_program_runs_on_Redis()
    {
        await using RedisServer redis = await RedisServer.StartAsync();
        string project = NewProject("on-redis", $"await RedisStore.ConnectAsync(\"{redis.LenientUri}\")", "Latchwork.Redis");

        await RunAsync(project);
    }

    [Fact]
    public async Task READMEs_program_runs_on_SQLite_with_all_other_libraries_installed()
    {
        string[] libraries = [.. Repository.Libraries.Where(library => library != "Latchwork.Redis")];
        string project = NewProject("on-sqlite", "await SqliteStore.OpenAsync(\"timers.db\")", libraries);

        await RunAsync(project);

        File.Exists(Path.Combine(project, "timers.db")).ShouldBeTrue();
    }

    [Fact]
    public async Task The_tool_runs()
    {
        await using RedisServer redis = await RedisServer.StartAsync();
        string folder = packed.NewFolder("tool");
        await RunningProgram.RunAsync(
            folder, "dotnet", "tool", "install", "Latchwork.Cli", "--version", packed.Version, "--tool-path", folder,
            "--configfile", Path.Combine(folder, "nuget.config"));
        string latchwork = Path.Combine(folder, OperatingSystem.IsWindows() ? "latchwork.exe" : "latchwork");

        (await RunningProgram.RunAsync(folder, latchwork, "--version")).Trim().ShouldMatch(@"^\d+\.\d+\.\d+\S*$");
        string posted = await RunningProgram.RunAsync(
            folder, latchwork, "timer", "post", "--id", "order-42", "--in", "1h", "--data", """{"order":42}""", "--store", redis.LenientUri);
        posted.ShouldStartWith("order-42: created, due in ");
    }

    private static async Task RunAsync(string project)
    {
        await PackedPackages.DotnetAsync(project, "build", "-o", "built");
        await using RunningProgram program = RunningProgram.Start(project, "dotnet", Path.Combine("built", "Program.dll"));
        await Eventually.HoldsAsync(
            () => program.HasExited || program.Output.Contains("41: Order { Number = 41 }, ", StringComparison.Ordinal),
            "README's program gets its event",
            TimeSpan.FromMinutes(5));
        if (!program.HasExited) program.Send("");

        string output = await program.EndAsync();
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(2, output);
        lines[0].Trim().ShouldBe("Done");
        lines[1].Trim().ShouldMatch(@"^41: Order \{ Number = 41 \}, \d+\.\d ms late$");
    }

    private static string FirstProgram()
    {
        const string Begin = "```csharp\n";
        string readme = File.ReadAllText(Repository.PathTo("README.md")).ReplaceLineEndings("\n");
        int begin = readme.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        return readme[begin..readme.IndexOf("```", begin, StringComparison.Ordinal)];
    }

    private string NewProject(string name, string store, params string[] packages)
    {
        string folder = packed.NewFolder(name);
        string references = string.Concat(packages.Select(package => $"""<PackageReference Include="{package}" Version="{packed.Version}" />"""));
        File.WriteAllText(Path.Combine(folder, "Program.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <InvariantGlobalization>true</InvariantGlobalization>
                <UseAppHost>false</UseAppHost>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>{references}</ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), WithLongTimeouts(FirstProgram(), store));
        return folder;
    }

    // README counts on a machine that does not stall for seconds. Here the second event is not due before it is cancelled, no lease runs out,
    // and the program ends when it is told to.
    private static string WithLongTimeouts(string program, string store)
    {
        program = ReplaceOne(program, """await RedisStore\.ConnectAsync\("[^"]*"\)""", store);
        program = ReplaceOne(
            program, """Namespace = "order-unpaid" }""", """Namespace = "order-unpaid", LeaseDuration = TimeSpan.FromMinutes(10) }""");
        program = ReplaceOne(program, @"new Order\(42\), TimeSpan\.FromSeconds\(2\)", "new Order(42), TimeSpan.FromHours(1)");
        return ReplaceOne(program, @"await Task\.Delay\(TimeSpan\.FromSeconds\(3\)\);", "Console.ReadLine();");
    }

    private static string ReplaceOne(string text, string pattern, string replacement)
    {
        Regex.Count(text, pattern).ShouldBe(1, $"'{pattern}' in README's first program");
        return Regex.Replace(text, pattern, replacement.Replace("$", "$$", StringComparison.Ordinal));
    }
}
