using Latchwork.Faults.Injection;
using Latchwork.Faults.Running;
using Xunit;

namespace Latchwork.Faults.ShortRuns;

/// <summary>Short runs on one server. Long ones are made with <c>./fault-run</c>.</summary>
public sealed class ShortServerRuns
{
    [Fact]
    public Task Workers_are_killed_frozen_cut_off_and_without_notifications() =>
        ShortRun.HoldsAsync(StoreKind.Redis, 101, 5, FaultKind.Kill, FaultKind.Stop, FaultKind.Cut, FaultKind.Stall, FaultKind.Throttle, FaultKind.DropNotifications, FaultKind.Clock);

    [Fact]
    public Task The_server_is_killed_frozen_and_full_and_ends_connections() =>
        ShortRun.HoldsAsync(StoreKind.Redis, 102, 6, FaultKind.Restart, FaultKind.Freeze, FaultKind.Memory, FaultKind.Connections, FaultKind.Flush, FaultKind.Kill);
}
