using System.Diagnostics;
using System.Globalization;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>The demo's processes end with it, however it ends.</summary>
public sealed class DemoProcessTests
{
    [Fact]
    public async Task They_die_with_a_demo_that_is_killed()
    {
        await using DemoProcesses processes = await DemoProcesses.StartAsync();
        processes.Nodes.Length.ShouldBe(4);
        processes.Demo.Kill();
        await processes.Demo.ExitsAsync();
        await processes.NodesAreGoneAsync();
    }

    [Fact]
    public async Task They_end_and_the_database_goes_when_it_is_told_to_stop()
    {
        await using DemoProcesses processes = await DemoProcesses.StartAsync();
        File.Exists(processes.Database).ShouldBeTrue();
        processes.Demo.Terminate();
        (await processes.Demo.ExitsAsync()).ShouldBe(128 + 15);
        processes.Demo.Error.ShouldContain("latchwork: interrupted");
        await processes.NodesAreGoneAsync();
        Directory.Exists(Path.GetDirectoryName(processes.Database)).ShouldBeFalse();
    }

    [Fact]
    public async Task One_that_dies_by_itself_is_named_and_ends_the_demo()
    {
        bool isPast = true;
        while (isPast)
        {
            await using DemoProcesses processes = await DemoProcesses.StartAsync();
            if (Process.GetProcesses().FirstOrDefault(p => p.Id == int.Parse(processes.Nodes[0], CultureInfo.InvariantCulture)) is { } node) node.Kill();
            int exitCode = await processes.Demo.ExitsAsync();
            // If we stood still for so long that the demo has killed one itself, nothing was shown, and it is done again.
            isPast = processes.Demo.Lines.Any(line => line.Contains("(SIGKILL)", StringComparison.Ordinal));
            if (isPast) continue;
            exitCode.ShouldBe(ExitCodes.Failure);
            processes.Demo.Error.ShouldContain("ended by itself, with exit code 137");
            await processes.NodesAreGoneAsync();
            Directory.Exists(Path.GetDirectoryName(processes.Database)).ShouldBeFalse();
        }
    }
}
