using Latchwork.Faults.Injection;
using Latchwork.Faults.Running;
using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.Faults.ShortRuns;

/// <summary>Short runs on a file and on groups of servers. Long ones are made with <c>./fault-run</c>.</summary>
public sealed class ShortOtherRuns
{
    [Fact]
    public Task A_file_is_locked_by_another_program_its_disk_is_full_and_workers_are_killed_and_frozen()
    {
        FaultKind[] disk = SmallDisk.IsPossible ? [FaultKind.Disk] : [];
        return ShortRun.HoldsAsync(StoreKind.Sqlite, 103, 5, [FaultKind.Kill, FaultKind.Stop, FaultKind.Terminate, FaultKind.Callbacks, FaultKind.Busy, .. disk]);
    }

    [Fact]
    public Task Sentinels_make_another_primary() =>
        ShortRun.HoldsAsync(StoreKind.Sentinel, 104, 5, FaultKind.Failover, FaultKind.Kill, FaultKind.Stop);

    [Fact]
    public Task A_member_of_a_cluster_is_replaced_and_a_slot_moves() =>
        ShortRun.HoldsAsync(StoreKind.Cluster, 106, 5, FaultKind.Failover, FaultKind.Reshard, FaultKind.Damage, FaultKind.Kill, FaultKind.Stop);
}
