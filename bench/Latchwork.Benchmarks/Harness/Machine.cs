using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using System.Xml.Linq;

namespace Latchwork.Benchmarks.Harness;

/// <summary>What it ran on, and which versions of everything.</summary>
internal static class Machine
{
    private static readonly string[] _libraries =
        ["DistributedLock.Redis", "Hangfire.Core", "Hangfire.PostgreSql", "Hangfire.Redis.StackExchange", "Npgsql", "RedLock.net", "StackExchange.Redis", "ZiggyCreatures.FusionCache"];

    public static IReadOnlyDictionary<string, string> Describe(string root, RedisProcess server)
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["Processors"] = $"{Environment.ProcessorCount} × {Processor()}",
            ["Memory"] = string.Create(CultureInfo.InvariantCulture, $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:F0} GB"),
            ["System"] = RuntimeInformation.OSDescription,
            [".NET"] = RuntimeInformation.FrameworkDescription,
            ["Redis"] = $"{server.Version}, on the loopback device, without persistence, on the same processors as the clients",
            ["Node.js"] = Output("node", "--version"),
            ["Load before"] = File.Exists("/proc/loadavg") ? string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]) : "unknown",
            ["Commit"] = Output("git", "-C", root, "rev-parse", "--short", "HEAD") + (Output("git", "-C", root, "status", "--porcelain", "--", "src").Length > 0 ? ", with changes" : ""),
            ["Quartz.NET"] = typeof(Quartz.IScheduler).Assembly.GetName().Version?.ToString(3) ?? "unknown",
        };
        string peers = Path.Combine(root, "bench", "peers", "package.json");
        foreach ((string name, JsonNode? version) in JsonNode.Parse(File.ReadAllText(peers))!["dependencies"]!.AsObject()) all[$"npm {name}"] = version!.ToString();
        foreach (XElement package in XDocument.Load(Path.Combine(root, "Directory.Packages.props")).Descendants("PackageVersion"))
        {
            string name = package.Attribute("Include")!.Value;
            if (_libraries.Contains(name)) all[name] = package.Attribute("Version")!.Value;
        }

        return all;
    }

    private static string Processor()
    {
        if (!File.Exists("/proc/cpuinfo")) return RuntimeInformation.ProcessArchitecture.ToString();
        string? line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal));
        return line?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static string Output(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string text = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return text;
    }
}
