using Latchwork.Faults.Injection;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Faults.Running;

/// <summary>A primary, a replica, and three Sentinels that make the one the other.</summary>
internal sealed class SentinelStand : Stand
{
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(2);

    // Long enough that a busy machine causes no failover by itself.
    private static readonly TimeSpan _downAfter = TimeSpan.FromSeconds(3);
    private readonly RedisGroup _group;

    private readonly string _query;
    private int _failovers;

    private SentinelStand(RedisGroup group, string version, string query)
    {
        _query = query;
        _group = group;
        Version = version;
    }

    public override IReadOnlyCollection<FaultKind> Faults { get; } = [.. RedisFaults.Common, FaultKind.Failover];

    public override string Version { get; }

    public override string Uri => _group.Uri + _query;

    public static async Task<SentinelStand> LaunchAsync(RunOptions options)
    {
        // Without "min-replicas-to-write", which keeps losses small: with one replica, nothing could be written for most of a failover.
        RedisGroup group = await RedisGroup.StartAsync(downAfter: _downAfter, arguments: ["--appendonly", "yes", "--appendfsync", options.AppendFsync]);
        return new SentinelStand(group, $"{await RedisFaults.VersionAsync(group.Servers[0])}, 1 replica, 3 Sentinels, appendfsync {options.AppendFsync}", RedisFaults.Query(options));
    }

    public override string VariantOf(PlannedFault fault) => fault.Kind == FaultKind.Failover ? $"{WayOf(fault)}" : "";

    // When the writes are paused first, the replica has all of them.
    public override long? LossWindowOf(PlannedFault fault) => fault.Kind == FaultKind.Failover && WayOf(fault) != Way.Paused ? RedisFaults.ReplicaLag : null;

    public override Task HurtAsync(PlannedFault fault) => fault.Kind switch
    {
        FaultKind.Connections => RedisFaults.EndConnectionsAsync(_group.Servers),
        FaultKind.Flush => RedisFaults.FlushScriptsAsync(_group.Servers),
        FaultKind.Memory => RedisFaults.FillMemoryAsync(_group.Servers, fault.Duration),
        FaultKind.Failover => FailOverAsync(fault),
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "This is not done to a group with Sentinels."),
    };

    public override async Task<bool> DamageAsync(TimerPartition partition, string id, string? body)
    {
        RedisServer primary = await Eventually.ReadsAsync(_group.PrimaryAsync, primary => primary is not null, "the Sentinels agree on the primary", _timeout)
            ?? throw new InvalidOperationException("There is no primary.");
        return await RedisFaults.DamageAsync(primary, partition, id, body);
    }

    public override async Task<string?> FindSurpriseAsync()
    {
        int epochs = await _group.FailoversAsync();
        return epochs == _failovers ? null : $"{epochs} failovers were made, and {_failovers} were asked for: the machine was too busy, so what the checker says may be wrong.";
    }

    public override ValueTask DisposeAsync() => _group.DisposeAsync();

    private static Way WayOf(PlannedFault fault) => (Way)(fault.Variant % 4);

    private async Task FailOverAsync(PlannedFault fault)
    {
        RedisServer old = await Eventually.ReadsAsync(_group.PrimaryAsync, primary => primary is not null, "the Sentinels agree on the primary", _timeout)
            ?? throw new InvalidOperationException("There is no primary.");
        switch (WayOf(fault))
        {
            case Way.Killed:
                old.Kill();
                await _group.NewPrimaryAsync(old);
                await Task.Delay(fault.Duration);
                await old.StartAgainAsync();
                break;
            case Way.Frozen:
                old.Freeze();
                await _group.NewPrimaryAsync(old);
                await Task.Delay(fault.Duration);
                old.Resume();
                break;
            default:
                // Until it is told to follow, the old primary goes on to acknowledge writes that the new one does not get.
                if (WayOf(fault) == Way.Paused)
                {
                    await old.CommandAsync("CLIENT", "PAUSE", "15000", "WRITE");
                    await Task.Delay(200); // what was written before reaches the replica
                }

                await Eventually.ReadsAsync(
                    () => _group.Sentinels[0].CommandAsync("SENTINEL", "FAILOVER", RedisGroup.Service),
                    answer => answer == "OK",
                    "a Sentinel begins a failover",
                    _timeout);
                await _group.NewPrimaryAsync(old);
                break;
        }

        _failovers++;

        // Until the old one follows, there is nobody to fail over to.
        await Eventually.ReadsAsync(
            () => old.CommandAsync("INFO", "replication"),
            info => info.Contains("role:slave", StringComparison.Ordinal) && info.Contains("master_link_status:up", StringComparison.Ordinal),
            "the old primary follows the new one",
            _timeout);
    }

    private enum Way
    {
        /// <summary>The primary is killed.</summary>
        Killed,

        /// <summary>The primary is frozen, and goes on when there is another.</summary>
        Frozen,

        /// <summary>The Sentinels are told to make another primary (<c>SENTINEL FAILOVER</c>).</summary>
        Planned,

        /// <summary>The same, with the writes paused first (<c>CLIENT PAUSE … WRITE</c>).</summary>
        Paused,
    }
}
