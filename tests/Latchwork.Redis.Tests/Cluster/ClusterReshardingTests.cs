using System.Collections.Concurrent;
using System.Globalization;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Slots move from primary to primary while timers and locks are at work.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterReshardingTests(ClusterFixture fixture, ITestOutputHelper output)
{
    private const int Partitions = 6;

    private RedisCluster Cluster => fixture.Cluster;

    [Fact]
    public async Task Nothing_is_lost_and_nothing_is_repeated_while_all_partitions_move()
    {
        await using RedisStore store = await fixture.ConnectAsync(partitions: Partitions);
        string ns = $"moving-{Guid.NewGuid():N}";
        var delivered = new ConcurrentDictionary<string, int>();
        await using var one = new DistributedTimer(store, new() { Namespace = ns, NodeId = "one", LeaseDuration = TimeSpan.FromMinutes(2) });
        await using var two = new DistributedTimer(store, new() { Namespace = ns, NodeId = "two", LeaseDuration = TimeSpan.FromMinutes(2) });
        foreach (DistributedTimer timer in (DistributedTimer[])[one, two])
        {
            await timer.JoinAsync((delivery, _) =>
            {
                delivered.AddOrUpdate(delivery.Id, 1, (_, count) => count + 1);
                return Task.CompletedTask;
            });
        }

        using var stop = new CancellationTokenSource();
        var posted = new ConcurrentQueue<string>();
        Task[] posters = [.. Enumerable.Range(0, 4).Select(n => Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                string id = string.Create(CultureInfo.InvariantCulture, $"{n}-{i}");
                await one.PostAsync("payload"u8.ToArray(), TimeSpan.FromMilliseconds(i % 300), new() { Id = id });
                posted.Enqueue(id);
            }
        }))];

        // Keys stay half moved for a moment each time, so scripts are told to ask elsewhere, and to try again.
        for (int partition = 0; partition < Partitions; partition++)
        {
            int before = delivered.Count;
            int slot = HashSlot.Of(new RedisKeys("lw:").Of(new TimerPartition(ns, partition)).ChannelPrefix);
            RedisServer owner = await Cluster.OwnerOfAsync(slot);
            RedisServer target = Cluster.Servers.First(server => server != owner);
            await Cluster.BeginMoveAsync(slot, target);
            await RedisCluster.MoveKeysAsync(slot, owner, target, 3);
            await Task.Delay(50);
            await RedisCluster.MoveKeysAsync(slot, owner, target, int.MaxValue);
            await Cluster.EndMoveAsync(slot, owner, target);
            await Eventually.HoldsAsync(() => delivered.Count > before + 50, "events are delivered");
        }

        await stop.CancelAsync();
        await Task.WhenAll(posters);
        await Eventually.HoldsAsync(() => delivered.Count >= posted.Count, "all are delivered");
        delivered.Keys.Order().ShouldBe(posted.Order());
        delivered.Where(pair => pair.Value != 1).ShouldBeEmpty("nothing is repeated");
        await Eventually.ReadsAsync(async () => (await one.GetStatsAsync()) is { Scheduled: 0, InFlight: 0, DeadLetters: 0 }, done => done, "nothing is left");
        output.WriteLine($"{posted.Count} events while {Partitions} slots moved.");
        foreach (RedisServer server in Cluster.Servers)
        {
            string errors = await server.CommandAsync("INFO", "errorstats");
            output.WriteLine(string.Join(' ', errors.Split('\n').Where(line => line.Contains("MOVED") || line.Contains("ASK") || line.Contains("TRYAGAIN"))));
        }
    }

    [Fact]
    public async Task A_waiter_hears_of_a_result_that_is_published_after_the_slot_of_its_key_has_moved()
    {
        await using RedisStore first = await fixture.ConnectAsync();
        await using RedisStore second = await fixture.ConnectAsync();
        await using var owner = new ProcessLocker(first, new() { Namespace = "moved-locks" });
        await using var other = new ProcessLocker(second, new() { Namespace = "moved-locks" });
        string key = $"{Guid.NewGuid():N}";
        RequestResult held = await owner.RequestAsync(key);
        Task<RequestResult> waiter = other.RequestAsync(key);
        int slot = HashSlot.Of(new RedisKeys("lw:", () => true).Of(new LockerKey("moved-locks", key)).Channel);
        RedisServer server = await Cluster.OwnerOfAsync(slot);
        await Cluster.MoveSlotAsync(slot, Cluster.Servers.First(candidate => candidate != server));
        await held.Lease!.PublishAsync("result"u8.ToArray());
        RequestResult result = await waiter.WaitAsync(TimeSpan.FromMinutes(1));
        result.Lease.ShouldBeNull();
    }

    [Fact]
    public async Task A_listing_of_locks_misses_none_that_moves_from_a_primary_to_come_to_one_that_was_scanned()
    {
        await using RedisStore store = await fixture.ConnectAsync();
        string ns = $"listed-{Guid.NewGuid():N}";
        var keys = new RedisKeys("lw:", () => true);
        string[] names = [.. Enumerable.Range(0, 120).Select(i => $"key-{i}")];
        foreach (string name in names)
            await store.Locks.RequestAsync(new LockerKey(ns, name), new LockerRequest("node", name, TimeSpan.FromHours(1), TimeSpan.FromHours(2), null, true), CancellationToken.None);

        IReadOnlyList<RedisServer> primaries = await Cluster.PrimariesAsync();
        string[] atLast = [.. names.Where(name => Owner(name) == 2).Take(3)];
        var seen = new HashSet<string>();
        string? cursor = null;
        int pages = 0;
        bool moved = false;
        do
        {
            LockerPage page = await store.Locks.ListAsync(ns, cursor, 10, CancellationToken.None);
            seen.UnionWith(page.Items.Select(item => item.Key));
            cursor = page.Cursor;
            pages++;
            if (!moved && cursor is not null && cursor.Split(' ')[1] == $"127.0.0.1:{primaries[1].Port}")
            {
                // The first primary was scanned, and the last one is still to come: one key's slot goes over, of another one the key only.
                moved = true;
                foreach (string name in atLast[..2]) await Cluster.MoveSlotAsync(Slot(name), primaries[0]);
            }
        }
        while (cursor is not null);
        moved.ShouldBeTrue();
        seen.Order().ShouldBe(names.Order());
        output.WriteLine($"{pages} pages.");

        int Slot(string name) => HashSlot.Of(keys.Of(new LockerKey(ns, name)).Channel);
        int Owner(string name) => (int)(Slot(name) * 3L / HashSlot.Count);
    }
}
