using System.Diagnostics;
using Latchwork.Redis.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>A namespace of several partitions, above the store: what is spread comes together again.</summary>
public sealed class PartitionsTests(PartitionedFixture fixture, ITestOutputHelper output) : IClassFixture<PartitionedFixture>
{
    private readonly string _ns = $"parts-{Guid.NewGuid():N}";

    private RedisServer Server => fixture.Server;

    [Theory]
    [InlineData(1, 12)]
    [InlineData(12, 1)]
    [InlineData(5, 7)]
    public async Task Clients_that_disagree_on_the_number_are_refused_and_told_what_to_do(int first, int second)
    {
        await using RedisStore ours = await ConnectAsync(first), theirs = await ConnectAsync(second);
        await using DistributedTimer timer = NewTimer(ours), other = NewTimer(theirs);
        await timer.PostAsync(Bytes("a"), TimeSpan.FromHours(1), new() { Id = "a" });
        string before = await CountKeysAsync();
        Func<Task>[] operations =
        [
            () => other.PostAsync(Bytes("b"), TimeSpan.Zero),
            () => other.PostAsync([new TimerPost(Bytes("b"), TimeSpan.Zero), new TimerPost(Bytes("c"), TimeSpan.Zero)]),
            () => other.JoinAsync((_, _) => Task.CompletedTask),
            () => other.PeekAsync("a"),
            () => other.CancelAsync("a"),
            () => other.GetStatsAsync(),
        ];
        foreach (Func<Task> operation in operations)
        {
            LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(operation);
            e.Outcome.ShouldBe(StoreOutcome.NotApplied);
            e.Message.ShouldContain($"partitions={first};");
            e.Message.ShouldContain($"partitions={second}.");
            e.Message.ShouldContain($"?partitions={first}");
            e.Message.ShouldContain($"latchwork timer repartition {_ns} --to {second}");
        }

        (await CountKeysAsync()).ShouldBe(before, "nothing was written");
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(1);
    }

    [Fact]
    public async Task A_script_refuses_a_client_that_found_the_partitions_otherwise_before()
    {
        await using RedisStore store = await ConnectAsync(5);
        await using DistributedTimer timer = NewTimer(store);
        await timer.PostAsync(Bytes("x"), TimeSpan.FromHours(1), new() { Id = "first" }); // it knows its five partitions from now on
        await timer.CancelAsync("first");
        var keys = new RedisKeys(RedisOptions.DefaultKeyPrefix);
        for (int i = 0; i < 5; i++) await Server.CommandAsync("HSET", MetaOf(keys, i), "partitions", "7");
        for (int i = 0; i < 20; i++)
            (await Should.ThrowAsync<LatchworkStoreException>(() => timer.PostAsync(Bytes("x"), TimeSpan.Zero, new() { Id = $"{i}" }))).Message.ShouldContain("partitions=7");
        (await Server.CommandAsync("EVAL", "return #redis.call('KEYS', ARGV[1])", "0", $"*{_ns}*:body")).ShouldBe("0");
    }

    [Fact]
    public async Task Listings_counts_and_dead_letters_are_those_of_all_partitions()
    {
        await using RedisStore store = await ConnectAsync(5);
        await using DistributedTimer timer = NewTimer(store);
        TimerPost[] posts = [.. Enumerable.Range(0, 1000).Select(i => new TimerPost(Bytes($"{i}"), TimeSpan.FromSeconds(3600 + (i * 7919 % 1000)), new() { Id = $"id{i}" }))];
        IReadOnlyList<PostResult> results = await timer.PostAsync(posts);
        results.Select(result => result.Id).ShouldBe(posts.Select(post => post.Options!.Id!));
        int[] sizes = new int[5];
        for (int i = 0; i < 5; i++) sizes[i] = (int)(await store.Timers.GetStatsAsync(new TimerPartition(_ns, i), default)).Scheduled;
        sizes.Sum().ShouldBe(1000);
        sizes.ShouldAllBe(size => size > 140 && size < 260);

        List<TimerSnapshot> upcoming = await timer.UpcomingAsync().ToListAsync();
        upcoming.Count.ShouldBe(1000);
        upcoming.Select(e => e.Due).ShouldBeInOrder();
        (await timer.UpcomingAsync(limit: 3).ToListAsync()).Select(e => e.Id).ShouldBe(upcoming.Take(3).Select(e => e.Id));
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(1000);

        await using DistributedTimer node = NewTimer(store, options => options.NodeId = "node");
        await node.JoinAsync((_, _) => throw new InvalidOperationException("no"));
        await timer.PostAsync([.. Enumerable.Range(0, 50).Select(i => new TimerPost(Bytes("x"), TimeSpan.Zero, new() { Id = $"dies{i}", MaxRetries = 0 }))]);
        await Eventually.ReadsAsync(async () => (await timer.GetStatsAsync()).DeadLetters, static dead => dead == 50, "fifty are dead");
        (await timer.GetNodesAsync()).ShouldHaveSingleItem().NodeId.ShouldBe("node");
        await node.LeaveAsync();
        List<TimerSnapshot> dead = await timer.DeadLetters.ListAsync().ToListAsync();
        dead.Count.ShouldBe(50);
        dead.Select(e => e.DeadLetteredAt!.Value).ShouldBeInOrder();
        (await timer.DeadLetters.RequeueAsync("dies7", TimeSpan.FromHours(1))).ShouldBe(TimerOutcome.Done);
        (await timer.DeadLetters.PurgeAllAsync()).ShouldBe(49);
        (await timer.CancelAsync("id500")).ShouldBe(TimerOutcome.Done);
        (await timer.GetStatsAsync()).WithoutCounters().ShouldBe(new TimerStats(1000, 0, 0, 0, null));
    }

    [Fact]
    public async Task A_node_never_holds_more_than_it_may_however_many_partitions_there_are()
    {
        await using RedisStore store = await ConnectAsync(12);
        await using DistributedTimer timer = NewTimer(store, options => (options.MaxEvents, options.MaxInFlight, options.MaxConcurrency) = (8, 10, 10));
        int running = 0, most = 0, handled = 0;
        await timer.PostAsync([.. Enumerable.Range(0, 600).Select(_ => new TimerPost(Bytes("x"), TimeSpan.Zero))]);
        long before = await ScriptsAsync();
        await timer.JoinAsync(async (_, _) =>
        {
            InterlockedMax(ref most, Interlocked.Increment(ref running));
            await Task.Yield();
            Interlocked.Decrement(ref running);
            Interlocked.Increment(ref handled);
        });
        await Eventually.HoldsAsync(() => Volatile.Read(ref handled) == 600, "all are handled");
        long scripts = await ScriptsAsync() - before;
        output.WriteLine($"{scripts} scripts for 600 events, at most {most} at once");
        most.ShouldBeLessThanOrEqualTo(10);
        scripts.ShouldBeLessThan(600 * 4, "a node without room does not ask every partition for each event that it has done with");
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(12, 1)]
    [InlineData(12, 3)]
    [InlineData(64, 2)]
    public async Task An_idle_namespace_costs_about_one_script_a_second_and_partition(int partitions, int nodes)
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });
        await using RedisStore store = await PartitionedFixture.ConnectAsync(server, partitions);
        var timers = new List<DistributedTimer>();
        for (int i = 0; i < nodes; i++)
        {
            timers.Add(NewTimer(store));
            await timers[i].JoinAsync((_, _) => Task.CompletedTask);
        }

        await Task.Delay(TimeSpan.FromSeconds(1)); // the first poll slots
        long before = await ScriptsAsync(server), began = Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(4));
        double perSecond = (await ScriptsAsync(server) - before) / Stopwatch.GetElapsedTime(began).TotalSeconds;
        output.WriteLine($"{perSecond:F1} scripts/s with {partitions} partitions and {nodes} nodes");
        perSecond.ShouldBeLessThan((Math.Min(partitions, 16) * 2.5) + 1.5);
        foreach (DistributedTimer timer in timers) await timer.DisposeAsync();
    }

    [Theory]
    [InlineData("0", "'Partitions' must be between 1 and 1024; it is 0")]
    [InlineData("1025", "'Partitions' must be between 1 and 1024; it is 1025")]
    [InlineData("-3", "partitions '-3' is not a number")]
    [InlineData("many", "partitions 'many' is not a number")]
    public void A_wrong_number_is_named(string value, string named) =>
        Should.Throw<ArgumentException>(() => ReadPartitions($"redis://localhost?partitions={value}")).Message.ShouldContain(named);

    [Fact]
    public void The_number_can_be_written_in_an_address()
    {
        ReadPartitions("redis://localhost?partitions=12").ShouldBe(12);
        ReadPartitions("localhost:6379,partitions=1024").ShouldBe(1024);
        ReadPartitions("redis://localhost").ShouldBe(1);
    }

    private static int ReadPartitions(string connection)
    {
        var options = new RedisOptions();
        TestConnection.Read(connection, options);
        return options.CheckedCopy().Partitions;
    }

    private Task<RedisStore> ConnectAsync(int partitions) => PartitionedFixture.ConnectAsync(Server, partitions);

    private DistributedTimer NewTimer(LatchworkStore store, Action<TimerOptions>? configure = null)
    {
        var options = new TimerOptions { Namespace = _ns, LeaseDuration = TimeSpan.FromMinutes(5), ShutdownTimeout = TimeSpan.FromSeconds(1) };
        configure?.Invoke(options);
        return new DistributedTimer(store, options);
    }

    private string MetaOf(RedisKeys keys, int partition) => keys.Of(new TimerPartition(_ns, partition)).ChannelPrefix[..^"wake:".Length] + "meta";

    private async Task<string> CountKeysAsync() => await Server.CommandAsync("EVAL", "return #redis.call('KEYS', ARGV[1])", "0", $"*{_ns}*");

    private Task<long> ScriptsAsync() => ScriptsAsync(Server);

    private static async Task<long> ScriptsAsync(RedisServer server)
    {
        string line = (await server.CommandAsync("INFO", "commandstats")).Split('\n').FirstOrDefault(line => line.StartsWith("cmdstat_evalsha:", StringComparison.Ordinal)) ?? "x:calls=0,";
        return long.Parse(line.Split("calls=")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    private static byte[] Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private static void InterlockedMax(ref int most, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref most)) < value && Interlocked.CompareExchange(ref most, value, seen) != seen) { }
    }
}
