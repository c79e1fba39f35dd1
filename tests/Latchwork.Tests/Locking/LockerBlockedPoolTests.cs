using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Locking;

/// <summary>Runs alone: it blocks the thread pool of the process.</summary>
[Collection("Alone")]
public sealed class LockerBlockedPoolTests : LockerTestBase
{
    [Fact]
    public async Task A_blocked_thread_pool_loses_no_lease()
    {
        // The lease is as long as it is because it must survive a machine that stalls for seconds; and the pool is blocked for longer.
        (ProcessLocker node, StagedLockerStore stage) = NewNode(o => o.LeaseDuration = TimeSpan.FromSeconds(9));
        WorkLease lease = await node.AcquireAsync("k");
        using var fourThirds = new CountdownEvent(4);
        stage.Happened = (operation, _) =>
        {
            if (operation == "renew" && !fourThirds.IsSet) fourThirds.Signal();
        };
        using (new BlockedPool())
        {
            fourThirds.Wait(TestTimeout).ShouldBeTrue("four renewals while no thread of the pool was free");
            lease.IsHeld.ShouldBeTrue();
        }

        await lease.DisposeAsync();
        lease.Lost.IsCancellationRequested.ShouldBeFalse();
    }
}
