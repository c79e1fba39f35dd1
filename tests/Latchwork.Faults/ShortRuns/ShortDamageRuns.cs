using Latchwork.Faults.Injection;
using Latchwork.Faults.Running;
using Xunit;

namespace Latchwork.Faults.ShortRuns;

/// <summary>Short runs on one server in which not the way to it fails, but what it keeps, or the code of users. Long ones are made with <c>./fault-run</c>.</summary>
public sealed class ShortDamageRuns
{
    [Fact]
    public Task Workers_end_in_good_order_callbacks_break_records_are_damaged_and_events_come_in_bursts() =>
        ShortRun.HoldsAsync(StoreKind.Redis, 108, 8, FaultKind.Terminate, FaultKind.Callbacks, FaultKind.Damage, FaultKind.Burst);

    [Fact]
    public Task The_server_forgets_everything() => ShortRun.HoldsAsync(StoreKind.Redis, 109, 17, FaultKind.Empty);
}
