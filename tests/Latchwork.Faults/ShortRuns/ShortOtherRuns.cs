using Latchwork.Faults.Checking;
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
        return ShortRun.HoldsAsync(StoreKind.Sqlite, 103, 5, [FaultKind.Kill, FaultKind.Stop, FaultKind.Busy, .. disk]);
    }

    [Fact]
    public Task Sentinels_make_another_primary() =>
        ShortRun.HoldsAsync(StoreKind.Sentinel, 104, 5, FaultKind.Failover, FaultKind.Kill, FaultKind.Stop);

    [Fact]
    public Task A_store_that_breaks_promises_is_found_out() =>
        ShortRun.IsFoundOutAsync(StoreKind.Sqlite, 105, 5, Rules.Lost, Rules.Early, Rules.Again);
}
