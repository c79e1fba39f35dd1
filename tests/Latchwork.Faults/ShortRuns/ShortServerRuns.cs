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
    public Task Workers_end_in_good_order_callbacks_break_records_are_damaged_and_events_come_in_bursts() =>
        ShortRun.HoldsAsync(StoreKind.Redis, 108, 8, FaultKind.Terminate, FaultKind.Callbacks, FaultKind.Damage, FaultKind.Burst);

    [Fact]
    public Task The_server_forgets_everything() => ShortRun.HoldsAsync(StoreKind.Redis, 109, 17, FaultKind.Empty);

    [Fact]
    public Task The_server_is_killed_frozen_and_full_and_ends_connections() =>
        ShortRun.HoldsAsync(StoreKind.Redis, 102, 6, FaultKind.Restart, FaultKind.Freeze, FaultKind.Memory, FaultKind.Connections, FaultKind.Flush, FaultKind.Kill);
}
