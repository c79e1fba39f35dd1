using System.Globalization;
using Latchwork.Faults.Injection;
using Latchwork.Faults.Work;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Faults.Running;

/// <summary>A cluster of three primaries and three replicas. Timers are in several partitions, so that they are spread over the primaries.</summary>
internal sealed class ClusterStand : Stand
{
    // Long enough that a busy machine causes no failover by itself.
    private static readonly TimeSpan _nodeTimeout = TimeSpan.FromSeconds(4);
    private readonly RedisCluster _cluster;
    private readonly string _query;

    private ClusterStand(RedisCluster cluster, string version, string query)
    {
        _cluster = cluster;
        _query = query;
        Version = version;
    }

    public override IReadOnlyCollection<FaultKind> Faults { get; } = [.. RedisFaults.Common, FaultKind.Failover, FaultKind.Reshard];

    public override string Version { get; }

    public override string Uri => _cluster.Uri + _query;

    public static async Task<ClusterStand> LaunchAsync(RunOptions options)
    {
        RedisCluster cluster = await RedisCluster.StartAsync(new()
        {
            AppendOnly = true,
            NodeTimeout = _nodeTimeout,
            Arguments = _ => ["--appendfsync", options.AppendFsync],
        });
        string version = await RedisFaults.VersionAsync(cluster.Servers[0]);
        return new ClusterStand(cluster, $"{version}, cluster of 3 primaries and 3 replicas, appendfsync {options.AppendFsync}", RedisFaults.Query(options));
    }

    public override string VariantOf(PlannedFault fault) => fault.Kind == FaultKind.Failover ? (fault.Variant % 3) switch { 0 => "Killed", 1 => "Frozen", _ => "Planned" } : "";

    // A planned failover of a cluster pauses the writes by itself.
    public override long? LossWindowOf(PlannedFault fault) => fault.Kind == FaultKind.Failover && fault.Variant % 3 != 2 ? RedisFaults.ReplicaLag : null;

    public override Task HurtAsync(PlannedFault fault) => fault.Kind switch
    {
        FaultKind.Connections => RedisFaults.EndConnectionsAsync(_cluster.Servers),
        FaultKind.Flush => RedisFaults.FlushScriptsAsync(_cluster.Servers),
        FaultKind.Memory => RedisFaults.FillMemoryAsync(_cluster.Servers, fault.Duration),
        FaultKind.Failover => FailOverAsync(fault),
        FaultKind.Reshard => MoveAsync(fault),
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "This is not done to a cluster."),
    };

    public override async Task<bool> DamageAsync(TimerPartition partition, string id, string? body) =>
        await RedisFaults.DamageAsync(await _cluster.OwnerOfAsync(await _cluster.SlotOfAsync(RedisFaults.BodiesOf(partition))), partition, id, body);

    public override ValueTask DisposeAsync() => _cluster.DisposeAsync();

    // The slot of the first partition in every other case, so that what is hurt is at work.
    private async Task<int> SlotAsync(PlannedFault fault) =>
        fault.Target % 2 == 0 ? await _cluster.SlotOfAsync($"{{t:{WorkerSettings.Namespace}:0}}") : fault.Target * 251 % RedisCluster.SlotCount;

    private async Task FailOverAsync(PlannedFault fault)
    {
        int slot = await SlotAsync(fault);
        RedisServer old = await _cluster.OwnerOfAsync(slot);
        switch (fault.Variant % 3)
        {
            case 0:
                old.Kill();
                await _cluster.NewOwnerAsync(slot, old);
                await Task.Delay(fault.Duration);
                await old.StartAgainAsync();
                break;
            case 1:
                old.Freeze();
                await _cluster.NewOwnerAsync(slot, old);
                await Task.Delay(fault.Duration);
                old.Resume();
                break;
            default:
                RedisServer replica = await _cluster.ReplicaOfAsync(old);
                await replica.CommandAsync("CLUSTER", "FAILOVER");
                await _cluster.NewOwnerAsync(slot, old);
                break;
        }

        // Until the old one follows, there is nobody to fail over to.
        await _cluster.HealthyAsync();
        await _cluster.ReplicatedAsync();
    }

    private async Task MoveAsync(PlannedFault fault)
    {
        int slot = await _cluster.SlotOfAsync(string.Create(CultureInfo.InvariantCulture, $"{{t:{WorkerSettings.Namespace}:0}}"));
        RedisServer owner = await _cluster.OwnerOfAsync(slot);
        RedisServer[] others = [.. (await _cluster.PrimariesAsync()).Where(server => server != owner)];
        await _cluster.MoveSlotAsync(slot, others[fault.Target % others.Length]);
        await _cluster.AgreementAsync(slot, others[fault.Target % others.Length]);
    }
}
