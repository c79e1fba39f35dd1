using Latchwork.Faults.History;
using Latchwork.Faults.Injection;
using Latchwork.Faults.Work;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Faults.Running;

/// <summary>One server, with a proxy before each worker.</summary>
internal sealed class RedisStand : Stand
{
    private readonly RedisServer _server;
    private readonly WorkerProxy[] _proxies;

    private readonly string _query;
    private readonly bool _mayLose;
    private readonly bool _shared;

    private RedisStand(RedisServer server, string version, string query, bool mayLose, bool shared, int workers)
    {
        _shared = shared;
        _mayLose = mayLose;
        _query = query;
        _server = server;
        Version = version;
        _proxies = [.. Enumerable.Range(0, workers).Select(_ => new WorkerProxy(server.Port))];
    }

    public override IReadOnlyCollection<FaultKind> Faults { get; } =
        [.. RedisFaults.Common, FaultKind.Stall, FaultKind.Cut, FaultKind.Throttle, FaultKind.DropNotifications, FaultKind.Restart, FaultKind.Freeze];

    public override IReadOnlyCollection<FaultKind> OnRequest { get; } = [FaultKind.Empty];

    public override string Version { get; }

    public override string Uri => _server.Uri + _query;

    public static async Task<RedisStand> LaunchAsync(RunOptions options, int workers)
    {
        RedisServer server = await RedisServer.StartAsync(RedisFaults.Durable(options.AppendFsync));
        return new RedisStand(server, $"{await RedisFaults.VersionAsync(server)}, appendfsync {options.AppendFsync}", RedisFaults.Query(options), options.AppendFsync == "everysec", options.Store == StoreKind.Shared, workers);
    }

    public override WorkerProxy ProxyOf(int worker) => _proxies[worker];

    public override string UriOf(int worker) => $"{(_shared ? WorkerProgram.SharedPrefix : "")}redis://127.0.0.1:{_proxies[worker].Port}{_query}";

    // With "everysec" the server lets a write wait up to 2 s for the disk.
    public override long? LossWindowOf(PlannedFault fault) => fault.Kind switch
    {
        FaultKind.Restart when _mayLose => 2_000_000,
        FaultKind.Empty => MonotonicTime.Of(TimeSpan.FromDays(1)), // all of the run
        _ => null,
    };

    public override Task<bool> DamageAsync(TimerPartition partition, string id, string? body) => RedisFaults.DamageAsync(_server, partition, id, body);

    public override async Task HurtAsync(PlannedFault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.Connections:
                await RedisFaults.EndConnectionsAsync([_server]);
                break;
            case FaultKind.Flush:
                await RedisFaults.FlushScriptsAsync([_server]);
                break;
            case FaultKind.Memory:
                await RedisFaults.FillMemoryAsync([_server], fault.Duration);
                break;
            case FaultKind.Restart:
                _server.Kill();
                await Task.Delay(fault.Duration);
                await _server.StartAgainAsync();
                break;
            case FaultKind.Empty:
                await _server.CommandAsync("FLUSHALL");
                break;
            case FaultKind.Freeze:
                _server.Freeze();
                await Task.Delay(fault.Duration);
                _server.Resume();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "This is not done to a single server.");
        }
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (WorkerProxy proxy in _proxies) await proxy.DisposeAsync();
        await _server.DisposeAsync();
    }
}
