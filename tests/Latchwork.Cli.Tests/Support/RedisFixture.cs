using Latchwork.StoreConformance.Support;
using Xunit;

// Most of a test's time is waiting. None of them measures it.
[assembly: CollectionBehavior(MaxParallelThreads = 6)]
[assembly: TestCollectionOrderer(LongestFirst.Name, LongestFirst.Assembly)]

namespace Latchwork.Cli.Tests.Support;

/// <summary>One Redis server for the tests of a class, and a namespace for each test.</summary>
public sealed class RedisFixture : IAsyncLifetime
{
    private RedisServer? _server;

    public RedisServer Server => _server ?? throw new InvalidOperationException("The server is not running.");

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();

    /// <summary>A namespace of its own on the server.</summary>
    public RedisNamespace NewNamespace() => new(Server.LenientUri, $"test-{Guid.NewGuid():N}");

    /// <summary>A namespace of keys of its own on the server.</summary>
    public RedisKeyspace NewKeyspace() => new(Server, $"test-{Guid.NewGuid():N}");
}

/// <summary>Runs the tool on one namespace of a Redis server.</summary>
/// <param name="Store">The server.</param>
/// <param name="Name">The namespace.</param>
public sealed record RedisNamespace(string Store, string Name)
{
    private string[] Global => ["--store", Store, "--namespace", Name, "--json"];

    /// <summary>Runs a timer command in this process, with <c>--json</c>.</summary>
    public Task<CliResult> RunAsync(params string[] args) => Tool.RunAsync([.. Global, "timer", .. WithLongLease(args)]);

    /// <summary>Runs a timer command in this process, for people.</summary>
    public Task<CliResult> RunPlainAsync(params string[] args) => Tool.RunAsync(["--store", Store, "--namespace", Name, "timer", .. args]);

    /// <summary>Runs a timer command in this process, with <c>--json</c> and standard input.</summary>
    public Task<CliResult> RunWithInputAsync(string stdin, params string[] args) => Tool.RunAsync([.. Global, "timer", .. args], stdin);

    /// <summary>Starts a timer command as a process, with <c>--json</c>.</summary>
    public CliProcess Start(params string[] args) => CliProcess.Start([.. Global, "timer", .. WithLongLease(args)]);

    /// <summary>Starts a timer command as a process, with <c>--json</c>, piped into another command.</summary>
    public CliProcess StartInto(string reader, params string[] args) => CliProcess.StartInto(reader, [.. Global, "timer", .. WithLongLease(args)]);

    /// <summary>Waits until this many listeners are on the list.</summary>
    /// <returns>Their lines.</returns>
    public Task<string[]> HasListenersAsync(int count) => Eventually.ReadsAsync(
        async () => (await RunAsync("nodes")).Lines.Where(line => line.Contains("\"listening\"", StringComparison.Ordinal)).ToArray(),
        seen => seen.Length == count,
        $"{count} nodes listen");

    // A listener whose machine stalls keeps its leases, unless the test says how long they are.
    private static string[] WithLongLease(string[] args) =>
        args is ["listen", ..] && !args.Contains("--lease") ? [.. args, "--lease", "10m"] : args;
}
