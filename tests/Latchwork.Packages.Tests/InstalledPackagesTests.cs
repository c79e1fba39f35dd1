using System.Text.RegularExpressions;
using Latchwork.Packages.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Packages.Tests;

/// <summary>README's lines install the packages and the tools on a machine that has nothing; the program of each package's readme runs on it.</summary>
[Collection(PackedCollection.Name)]
public sealed class InstalledPackagesTests(PackedPackages packed)
{
    private const string NewerThanAny = "9999.0.0";

    [Fact]
    public async Task READMEs_lines_install_the_packages_and_the_tools_on_a_new_machine_and_its_program_runs_on_Redis()
    {
        await using RedisServer redis = await RedisServer.StartAsync();
        var machine = new NewMachine(packed.NewBareFolder("new-machine"));
        string readme = File.ReadAllText(Repository.PathTo("README.md"));
        string[][] lines = [.. Docs.Blocks(readme, "sh").Take(2).Select(block => block.Split('\n', StringSplitOptions.RemoveEmptyEntries))];

        // In the repository. What is packed is what the tests were built from, and newer than a package of ours that somebody has installed on this machine:
        // it would be found among those that the build uses.
        foreach (string line in lines[0])
        {
            string typed = line.StartsWith("dotnet pack ", StringComparison.Ordinal)
                ? ReplaceOne(line, "-c Release", $"-c {Repository.Configuration} --no-build -p:Version={NewerThanAny}")
                : line;
            await machine.TypeAsync(Repository.Root, typed);
        }

        // In somebody's project.
        await machine.TypeAsync(machine.Home, "dotnet new console -o Deadlines");
        string project = Path.Combine(machine.Home, "Deadlines");
        foreach (string line in lines[1]) await machine.TypeAsync(project, line);

        string program = ReplaceOne(FirstProgram("README.md"), """await RedisStore\.ConnectAsync\("[^"]*"\)""", $"await RedisStore.ConnectAsync(\"{redis.LenientUri}\")");
        File.WriteAllText(Path.Combine(project, "Program.cs"), WithLongTimeouts(program));
        await machine.TypeAsync(project, "dotnet build -o built -nodeReuse:false -p:UseSharedCompilation=false -p:InvariantGlobalization=true");
        await RunAsync(machine.Start(project, "dotnet", Path.Combine("built", "Deadlines.dll")));

        string latchwork = Path.Combine(machine.Home, ".dotnet", "tools", "latchwork");
        foreach (string tool in new[] { latchwork, latchwork + "-server" }) (await machine.TypeAsync(project, $"{tool} --version")).Trim().ShouldMatch(@"^\d+\.\d+\.\d+\S*$");
        string posted = await machine.TypeAsync(
            project, $$"""{{latchwork}} timer post --id order-42 --in 1h --data '{"order":42}' --store '{{redis.LenientUri}}'""");
        posted.ShouldStartWith("order-42: created, due in ");
    }

    [Theory]
    [InlineData("Latchwork")]
    [InlineData("Latchwork.Sqlite")]
    public async Task The_program_of_a_packages_readme_runs_on_the_package(string package)
    {
        string folder = packed.NewFolder(package);
        WriteProject(folder, package);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), WithLongTimeouts(FirstProgram(Path.Combine("src", package, "README.md"))));

        await PackedPackages.DotnetAsync(folder, "build", "-o", "built");
        await RunAsync(RunningProgram.Start(folder, "dotnet", Path.Combine("built", "Program.dll")));

        File.Exists(Path.Combine(folder, "latchwork.db")).ShouldBe(package == "Latchwork.Sqlite");
    }

    [Fact]
    public async Task All_libraries_can_be_installed_together()
    {
        string folder = packed.NewFolder("all");
        WriteProject(folder, [.. Repository.Libraries]);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), "using Latchwork.Testing; System.Console.WriteLine(typeof(LatchworkTestHost).Name);");

        await PackedPackages.DotnetAsync(folder, "build", "-o", "built");
        (await RunningProgram.RunAsync(folder, "dotnet", Path.Combine("built", "Program.dll"))).Trim().ShouldBe("LatchworkTestHost");
    }

    private static async Task RunAsync(RunningProgram started)
    {
        await using RunningProgram program = started;
        await Eventually.HoldsAsync(
            () => program.HasExited || program.Output.Contains("41: Order { Number = 41 }, ", StringComparison.Ordinal),
            "the program gets its event",
            TimeSpan.FromMinutes(5));
        if (!program.HasExited) program.Send("");

        string output = await program.EndAsync();
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(2, output);
        lines[0].Trim().ShouldBe("Done");
        lines[1].Trim().ShouldMatch(@"^41: Order \{ Number = 41 \}, \d+\.\d ms late$");
    }

    private static string FirstProgram(string readme) => Docs.Blocks(File.ReadAllText(Repository.PathTo(readme)), "csharp").First();

    private void WriteProject(string folder, params string[] packages)
    {
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
    }

    // The readmes count on a machine that does not stall for seconds. Here the second event is not due before it is cancelled, no lease runs
    // out, and the program ends when it is told to.
    private static string WithLongTimeouts(string program)
    {
        program = ReplaceOne(
            program, """Namespace = "order-unpaid" }""", """Namespace = "order-unpaid", LeaseDuration = TimeSpan.FromMinutes(10) }""");
        program = ReplaceOne(program, @"new Order\(42\), TimeSpan\.FromSeconds\(2\)", "new Order(42), TimeSpan.FromHours(1)");
        return ReplaceOne(program, @"await Task\.Delay\(TimeSpan\.FromSeconds\(3\)\);", "Console.ReadLine();");
    }

    private static string ReplaceOne(string text, string pattern, string replacement)
    {
        Regex.Count(text, pattern).ShouldBe(1, $"'{pattern}' in: {text}");
        return Regex.Replace(text, pattern, replacement.Replace("$", "$$", StringComparison.Ordinal));
    }
}
