using Latchwork.Faults.Injection;
using Latchwork.Faults.Running;
using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.Faults.ShortRuns;

/// <summary>A short run on PostgreSQL, with transactions of the application. Long ones are made with <c>./fault-run</c>.</summary>
public sealed class ShortPostgresRun
{
    [Fact]
    public Task The_server_is_killed_and_frozen_and_ends_connections_and_workers_are_killed_and_cut_off() =>
        ShortRun.HoldsAsync(StoreKind.Postgres, 107, 6, FaultKind.Restart, FaultKind.Freeze, FaultKind.Connections, FaultKind.Kill, FaultKind.Terminate, FaultKind.Callbacks, FaultKind.Cut, FaultKind.DropNotifications);

    [Fact]
    public Task A_standby_takes_over_with_and_without_synchronous_commit_and_the_disk_is_full()
    {
        FaultKind[] disk = SmallDisk.IsPossible ? [FaultKind.Disk] : [];
        return ShortRun.HoldsAsync(StoreKind.Postgres, 110, 14, [FaultKind.Failover, FaultKind.Kill, .. disk]);
    }
}
