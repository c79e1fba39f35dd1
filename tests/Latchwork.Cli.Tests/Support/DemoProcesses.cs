using System.Globalization;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Cli.Tests.Support;

/// <summary>A demo as a process, and the processes that it started.</summary>
public sealed class DemoProcesses : IAsyncDisposable
{
    private DemoProcesses(CliProcess demo, string[] nodes, string database)
    {
        Demo = demo;
        Nodes = nodes;
        Database = database;
    }

    public CliProcess Demo { get; }

    /// <summary>The ids of the processes that play its nodes.</summary>
    public string[] Nodes { get; }

    /// <summary>The path of its temporary database.</summary>
    public string Database { get; }

    /// <summary>Starts a demo and waits until its nodes listen.</summary>
    public static async Task<DemoProcesses> StartAsync()
    {
        CliProcess demo = CliProcess.Start("demo");
        try
        {
            IReadOnlyList<string> lines = await Eventually.ReadsAsync(
                () => Task.FromResult(demo.Lines), seen => seen.Any(line => line.Contains("each a process of its own", StringComparison.Ordinal)), $"it listens: {demo.Error}");
            return new DemoProcesses(demo, ChildrenOf(demo.Id), DatabaseOf(lines[0]));
        }
        catch
        {
            await demo.DisposeAsync();
            throw;
        }
    }

    /// <summary>The path in the demo's first line.</summary>
    public static string DatabaseOf(string firstLine) => firstLine[(firstLine.IndexOf("sqlite:", StringComparison.Ordinal) + "sqlite:".Length)..];

    /// <summary>Waits until all nodes are gone.</summary>
    public Task NodesAreGoneAsync() => Task.WhenAll(Nodes.Select(Scratch.IsGoneAsync));

    public async ValueTask DisposeAsync()
    {
        await Demo.DisposeAsync();
        await NodesAreGoneAsync();
        string folder = Path.GetDirectoryName(Database)!;
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private static string[] ChildrenOf(int parent)
    {
        var children = new List<string>();
        foreach (string folder in Directory.EnumerateDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
        {
            try
            {
                string stat = File.ReadAllText(Path.Combine(folder, "stat"));
                string[] afterName = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                if (int.Parse(afterName[1], CultureInfo.InvariantCulture) == parent) children.Add(Path.GetFileName(folder));
            }
            catch (IOException)
            {
                // it went while it was looked at
            }
        }

        return [.. children];
    }
}
