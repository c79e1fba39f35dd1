using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Latchwork.Tests.Threading;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Locking;

/// <summary>What a holder believes of its lease, and how it learns that the key was taken from it.</summary>
public sealed class LockerLeaseTests : LockerTestBase
{
    [Fact]
    public async Task A_machine_that_was_suspended_for_longer_than_the_lease_holds_nothing_when_it_is_back()
    {
        var time = new SuspendingTime();
        (ProcessLocker node, StagedLockerStore stage) = NewNode(o => (o.TimeProvider, o.LeaseDuration) = (time, TimeSpan.FromMinutes(10)));
        WorkLease lease = await node.AcquireAsync("k");
        lease.IsHeld.ShouldBeTrue();
        time.Suspend(TimeSpan.FromMinutes(11)); // no timer fires
        (lease.IsHeld, lease.LeaseLeft).ShouldBe((false, TimeSpan.Zero));
        (await lease.PublishAsync(new byte[] { 1 })).ShouldBe(PublishOutcome.Superseded);
        stage.Count("publish").ShouldBe(0, "it was refused here, without asking");
    }

    [Fact]
    public async Task Work_whose_lease_ran_out_before_it_began_does_not_begin()
    {
        ManualTimeProvider clock = StopTime();
        (ProcessLocker slow, StagedLockerStore stage) = NewNode(o => o.LeaseDuration = TimeSpan.FromSeconds(5));
        (ProcessLocker other, _) = NewNode();
        stage.Happened = (operation, n) =>
        {
            // The server was busy: its grant comes when the lease is over, and another node has the key.
            if (operation == "request" && n == 1) clock.Advance(TimeSpan.FromSeconds(6));
        };
        int running = 0, most = 0;
        Task<string> late = slow.RunOnceAsync("k", (_, stop) => RunAsync("late", stop));
        Task<string> taken = other.RunOnceAsync("k", (_, stop) => RunAsync("taken", stop));
        await clock.AdvanceUntilAsync(() => late.IsCompleted && taken.IsCompleted, Ms(100), "both have their answer");
        most.ShouldBe(1, "one at a time");
        (await late).ShouldBe(await taken);

        async Task<string> RunAsync(string name, CancellationToken stop)
        {
            int now = Interlocked.Increment(ref running);
            InterlockedMax(ref most, now);
            await Task.Delay(Ms(500), clock, stop);
            Interlocked.Decrement(ref running);
            return name;
        }

        static void InterlockedMax(ref int place, int value)
        {
            for (int seen = Volatile.Read(ref place); value > seen; seen = Volatile.Read(ref place)) Interlocked.CompareExchange(ref place, value, seen);
        }
    }

    [Fact]
    public async Task Short_work_costs_no_subscription()
    {
        StopTime(); // however long the machine stalls
        (ProcessLocker node, StagedLockerStore stage) = NewNode();
        for (int i = 0; i < 20; i++) await node.RunOnceAsync($"k{i}", (_, _) => Task.FromResult("short"));
        stage.Count("subscribe").ShouldBe(0);
    }

    [Fact]
    public async Task An_owner_subscribes_once_its_work_takes_a_while_and_unsubscribes_when_it_ends()
    {
        ManualTimeProvider clock = StopTime();
        (ProcessLocker node, StagedLockerStore stage) = NewNode();
        WorkLease lease = await node.AcquireAsync("k");
        await clock.AdvanceUntilAsync(() => stage.OpenSubscriptions == 1, Ms(50), "it hears of the key");
        await lease.DisposeAsync();
        await Eventually.HoldsAsync(() => stage.OpenSubscriptions == 0, "it has unsubscribed");
        stage.Count("subscribe").ShouldBe(1);
    }

    [Fact]
    public async Task What_happened_to_the_key_before_the_owner_had_subscribed_is_found_as_well()
    {
        ManualTimeProvider clock = StopTime();
        (ProcessLocker node, StagedLockerStore stage) = NewNode();
        (ProcessLocker other, _) = NewNode();
        stage.NotificationsWork = false;
        WorkLease lease = await node.AcquireAsync("k");
        await other.ForgetAsync("k");
        await clock.AdvanceUntilAsync(() => lease.Lost.IsCancellationRequested, Ms(50), "it asks when it has subscribed");
        clock.GetElapsedTime(0).ShouldBeLessThan(TimeSpan.FromMinutes(3), "which is long before its first renewal");
    }

    [Fact]
    public async Task A_call_that_begins_while_the_store_is_down_fails_soon_and_one_that_waits_gets_through()
    {
        ManualTimeProvider clock = StopTime();
        (ProcessLocker node, StagedLockerStore stage) = NewNode();
        (ProcessLocker other, _) = NewNode();
        WorkLease held = await other.AcquireAsync("k");
        Task<WorkLease> waiting = node.AcquireAsync("k");
        await clock.AdvanceUntilAsync(() => stage.Count("request") == 2, Ms(10), "it waits");
        stage.Plan = (_, _) => Fault.Fails;
        TimeSpan down = clock.GetElapsedTime(0);
        Task<string> late = node.RunOnceAsync("other", (_, _) => Task.FromResult(""));
        Task look = node.TryGetAsync("k");
        await clock.AdvanceUntilAsync(() => late.IsFaulted && look.IsFaulted, Ms(100), "they fail");
        (clock.GetElapsedTime(0) - down).ShouldBeInRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4));
        await Should.ThrowAsync<LatchworkStoreException>(late);

        Task released = held.DisposeAsync().AsTask();
        await clock.AdvanceUntilAsync(() => clock.GetElapsedTime(0) - down > TimeSpan.FromSeconds(20), Ms(500), "a while passes");
        waiting.IsCompleted.ShouldBeFalse();
        stage.Plan = static (_, _) => Fault.None;
        await clock.AdvanceUntilAsync(() => waiting.IsCompleted, Ms(100), "it has the lock");
        await (await waiting).DisposeAsync();
        await released;
    }
}
