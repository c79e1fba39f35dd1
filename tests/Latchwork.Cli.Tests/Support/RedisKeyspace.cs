using System.Globalization;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Cli.Tests.Support;

/// <summary>Runs <c>once</c> and <c>lock</c> on one namespace of a Redis server.</summary>
/// <param name="Server">The server.</param>
/// <param name="Name">The namespace.</param>
public sealed record RedisKeyspace(RedisServer Server, string Name)
{
    private string[] Global => ["--store", Server.LenientUri, "--namespace", Name];

    /// <summary>Runs <c>once</c> in this process.</summary>
    public Task<CliResult> OnceAsync(string[] options, string[] command, CancellationToken cancellationToken = default) =>
        Tool.RunAsync(["once", .. WithLongLease(options), .. Global, "--", .. command], stdin: "", cancellationToken: cancellationToken);

    /// <summary>Runs <c>once</c> in this process with a script for the shell.</summary>
    public Task<CliResult> OnceAsync(string key, string script, params string[] options) => OnceAsync([key, .. options], ["sh", "-c", script]);

    /// <summary>Runs a <c>lock</c> command in this process, with <c>--json</c>.</summary>
    public Task<CliResult> LockAsync(params string[] args) => Tool.RunAsync([.. Global, "lock", "--json", .. args]);

    /// <summary>Runs a <c>lock</c> command in this process, for people.</summary>
    public Task<CliResult> LockPlainAsync(params string[] args) => Tool.RunAsync([.. Global, "lock", .. args]);

    /// <summary>Starts <c>once</c> as a process with a script for the shell.</summary>
    public OnceProcess Start(string key, string script, params string[] options) =>
        OnceProcess.Start([.. Global, "once", key, .. WithLongLease(options), "--", "sh", "-c", script]);

    /// <summary>Waits until this many nodes listen for something to happen to a key.</summary>
    public async Task HasWaitersAsync(int count) => await Eventually.ReadsAsync(CountWaitersAsync, seen => seen >= count, $"{count} nodes wait");

    // A node whose machine stalls keeps its lease, unless the test says how long it is.
    private static string[] WithLongLease(string[] options) => options.Contains("--lease") ? options : [.. options, "--lease", "10m"];

    private async Task<int> CountWaitersAsync()
    {
        string channels = await Server.CommandAsync("PUBSUB", "CHANNELS", $"*{Name}*");
        int count = 0;
        foreach (string channel in channels.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] answer = (await Server.CommandAsync("PUBSUB", "NUMSUB", channel)).Split('\n');
            count += int.Parse(answer[^1], CultureInfo.InvariantCulture);
        }

        return count;
    }
}
