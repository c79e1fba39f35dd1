using System.Globalization;

namespace Latchwork.StoreConformance.Support;

/// <summary>A primary, its replicas, and three Sentinels that watch it under the name <c>main</c>. All are real.</summary>
public sealed class RedisGroup : IAsyncDisposable
{
    public const string Service = "main";
    private readonly List<RedisServer> _servers = [];
    private readonly List<RedisServer> _sentinels = [];

    private RedisGroup()
    {
    }

    public IReadOnlyList<RedisServer> Servers => _servers;

    public IReadOnlyList<RedisServer> Sentinels => _sentinels;

    /// <summary>The URI through the Sentinels.</summary>
    public string Uri => $"redis+sentinel://{string.Join(',', _sentinels.Select(s => $"127.0.0.1:{s.Port}"))}/{Service}/0";

    /// <summary>Starts all of it, and waits until replicas and Sentinels know each other.</summary>
    /// <param name="replicas">How many replicas.</param>
    /// <param name="primaryPort">Under which port everybody knows the first primary; null for its own. For a proxy in between.</param>
    /// <param name="downAfter">How long the primary must be silent before the Sentinels replace it; default 1 s.</param>
    /// <param name="arguments">More arguments for the primary and its replicas.</param>
    public static async Task<RedisGroup> StartAsync(
        int replicas = 1, Func<int, int>? primaryPort = null, TimeSpan? downAfter = null, params string[] arguments)
    {
        var group = new RedisGroup();
        try
        {
            await group.LaunchAsync(replicas, primaryPort, downAfter ?? TimeSpan.FromSeconds(1), arguments);
            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>The server that most Sentinels take for the primary; null while they do not agree on one of these servers.</summary>
    public async Task<RedisServer?> PrimaryAsync()
    {
        string[] answers = await Task.WhenAll(_sentinels.Where(IsRunning).Select(s => s.CommandAsync("SENTINEL", "GET-MASTER-ADDR-BY-NAME", Service)));
        int[] ports = [.. answers.Select(answer => int.TryParse(answer.Split('\n').Last(), CultureInfo.InvariantCulture, out int port) ? port : 0)];
        return ports.Distinct().Count() == 1 ? _servers.Find(server => server.Port == ports[0]) : null;
    }

    /// <summary>Waits until another server than the given one is the primary, and all Sentinels know it.</summary>
    public async Task<RedisServer> NewPrimaryAsync(RedisServer old) => (await Eventually.ReadsAsync(
        PrimaryAsync, primary => primary is not null && primary != old, "there is another primary", TimeSpan.FromMinutes(1)))!;

    /// <summary>How many failovers the Sentinels have made so far.</summary>
    public async Task<int> FailoversAsync()
    {
        string[] answers = await Task.WhenAll(_sentinels.Where(IsRunning).Select(s => s.CommandAsync("SENTINEL", "MASTER", Service)));
        return answers.Max(answer => int.Parse(Field(answer, "config-epoch")!, CultureInfo.InvariantCulture));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (RedisServer server in _sentinels.Concat(_servers)) await server.DisposeAsync();
    }

    private static bool IsRunning(RedisServer server)
    {
        try
        {
            return server.ProcessId > 0;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private async Task LaunchAsync(int replicas, Func<int, int>? primaryPort, TimeSpan downAfter, string[] arguments)
    {
        string[] quick = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--repl-timeout", "5", .. arguments];
        RedisServer primary = await RedisServer.StartAsync(new() { Arguments = quick });
        _servers.Add(primary);
        int port = primaryPort?.Invoke(primary.Port) ?? primary.Port;
        RedisServer[] followers = await Task.WhenAll(Enumerable.Range(0, replicas).Select(
            _ => RedisServer.StartAsync(new() { Arguments = [.. quick, "--replicaof", "127.0.0.1", $"{port}"] })));
        _servers.AddRange(followers);
        await Eventually.ReadsAsync(
            () => primary.CommandAsync("INFO", "replication"),
            info => info.Split("state=online").Length == replicas + 1,
            "the replicas follow",
            TimeSpan.FromMinutes(1));
        string configuration = $"""
            sentinel monitor {Service} 127.0.0.1 {port} 2
            sentinel down-after-milliseconds {Service} {(int)downAfter.TotalMilliseconds}
            sentinel failover-timeout {Service} 3000
            """;
        _sentinels.AddRange(await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RedisServer.StartAsync(new() { Sentinel = configuration }))));
        foreach (RedisServer sentinel in _sentinels)
        {
            await Eventually.ReadsAsync(
                () => sentinel.CommandAsync("SENTINEL", "MASTER", Service),
                text => Field(text, "num-slaves") == $"{replicas}" && Field(text, "num-other-sentinels") == "2",
                "the Sentinel knows the others",
                TimeSpan.FromMinutes(1));
        }
    }

    private static string? Field(string text, string name)
    {
        string[] lines = text.Split('\n');
        int at = Array.IndexOf(lines, name);
        return at >= 0 && at + 1 < lines.Length ? lines[at + 1] : null;
    }
}
