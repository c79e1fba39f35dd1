using Latchwork.Redis.Tests.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Renewals of leases need no free thread of the pool, at no primary of a cluster, and wait for no other primary.</summary>
[Collection(BlockedPoolAlone.Name)]
[Trait("Process", "own")]
public sealed class ClusterBlockedPoolTests(ClusterFixture fixture) : IClassFixture<ClusterFixture>
{
    private static readonly TimeSpan _lease = TimeSpan.FromSeconds(6);

    private RedisCluster Cluster => fixture.Cluster;

    [Fact]
    public async Task No_lease_is_lost_in_three_leases_while_the_pool_is_blocked()
    {
        for (int round = 1; ; round++)
        {
            using var stalls = new StallProbe();
            (int locks, int events, string said) = await HoldAsync($"kept{round}");
            if (locks + events == 0) return;

            // Where not even a thread that only sleeps had its turn, nothing can be said of ours.
            if (stalls.Longest > _lease / 4 && round < 3) continue;
            Assert.Fail($"{locks} locks and {events} events were lost; the machine stood still for {stalls.Longest.TotalSeconds:F1} s at most.\n{said}");
        }
    }

    private async Task<(int Locks, int Events, string Said)> HoldAsync(string ns)
    {
        var log = new TestLog();
        await using RedisStore store = await RedisStore.ConnectAsync(Cluster.LenientUri + "&partitions=6", new RedisOptions { LoggerFactory = log });
        await using var locker = new ProcessLocker(store, new() { Namespace = ns, LeaseDuration = _lease, LoggerFactory = log });
        await using var timer = new DistributedTimer(store, new() { Namespace = ns, LeaseDuration = _lease, LoggerFactory = log });
        WorkLease[] held = [.. await Task.WhenAll(Enumerable.Range(0, 30).Select(i => locker.AcquireAsync($"key {i}")))];
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int started = 0, lost = 0;
        await timer.JoinAsync(async (_, cancellationToken) =>
        {
            using CancellationTokenRegistration registration = cancellationToken.Register(() => Interlocked.Increment(ref lost));
            Interlocked.Increment(ref started);
            await end.Task;
        });
        for (int i = 0; i < 12; i++) await timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}" });
        await Eventually.HoldsAsync(() => Volatile.Read(ref started) == 12, "all are handled");

        await BlockAsync(() => Thread.Sleep(3 * _lease));

        int lostLocks = held.Count(lease => lease.Lost.IsCancellationRequested), lostEvents = Volatile.Read(ref lost);
        foreach (WorkLease lease in held) await lease.DisposeAsync();
        end.SetResult();
        await Eventually.ReadsAsync(async () => (await timer.GetStatsAsync()).InFlight, static count => count == 0, "all are confirmed or have come back");
        return (lostLocks, lostEvents, string.Join('\n', log.Entries));
    }

    [Fact]
    public async Task A_frozen_primary_costs_no_lease_at_the_others_while_the_pool_is_blocked()
    {
        await using RedisStore store = await RedisStore.ConnectAsync(Cluster.LenientUri);
        await using var locker = new ProcessLocker(store, new() { Namespace = "frozen", LeaseDuration = _lease });
        var keys = new RedisKeys("lw:", () => true);
        string[] names = [.. Enumerable.Range(0, 60).Select(i => $"key {i}")];
        WorkLease[] held = [.. await Task.WhenAll(names.Select(name => locker.AcquireAsync(name)))];
        RedisServer frozen = Cluster.Servers[1];
        IEnumerable<(WorkLease Lease, bool IsThere)> places = held.Zip(names, (lease, name) => (lease, (int)(HashSlot.Of(keys.Of(new LockerKey("frozen", name)).Channel) * 3L / HashSlot.Count) == 1));
        WorkLease[] elsewhere = [.. places.Where(place => !place.IsThere).Select(place => place.Lease)];
        elsewhere.Length.ShouldBeInRange(1, 59);

        frozen.Freeze();
        try
        {
            await BlockAsync(() => Thread.Sleep(3 * _lease));
            elsewhere.ShouldAllBe(lease => !lease.Lost.IsCancellationRequested);
        }
        finally
        {
            frozen.Resume();
        }

        foreach (WorkLease lease in held) await lease.DisposeAsync();
    }

    // On a thread of its own, because the test's own continuations need the pool.
    private static Task BlockAsync(Action action) => Task.Factory.StartNew(
        () =>
        {
            using var blockade = new BlockedPool();
            action();
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);
}
