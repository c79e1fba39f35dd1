using System.Diagnostics;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Connecting;
using Latchwork.Redis.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>A primary of a cluster is lost, with timers and locks at work, and its replica takes its place.</summary>
public sealed class ClusterFailoverTests(ITestOutputHelper output)
{
    private static readonly RedisScript _count = new("count", "return redis.call('INCR', KEYS[1])");

    public enum Fault
    {
        Killed,
        Frozen,
        Exchanged,
    }

    [Theory]
    [InlineData(Fault.Killed, true)]
    [InlineData(Fault.Killed, false)]
    [InlineData(Fault.Frozen, false)]
    [InlineData(Fault.Exchanged, true)]
    public async Task All_goes_on_with_the_new_primary(Fault fault, bool waits)
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        using var log = new LogTimes();
        await using RedisStore store = await RedisStore.ConnectAsync(
            $"{cluster.Uri}?commandTimeout=30s&connectTimeout=1m{(waits ? "&waitReplicas=1&waitTimeout=100ms" : "")}", new RedisOptions { LoggerFactory = log.Factory() });
        await using var posts = new FailoverTests.PostLoad(store);
        await posts.StartAsync();
        await using var locker = new ProcessLocker(store);
        await using var other = new ProcessLocker(store);
        await using WorkLease held = await locker.AcquireAsync("key");
        Task<RequestResult> waiter = other.RequestAsync("key");
        await posts.MoreAsync(200);

        int slot = HashSlot.Of(new RedisKeys("lw:", () => true).Of(new TimerPartition("failover", 0)).ChannelPrefix);
        RedisServer old = await cluster.OwnerOfAsync(slot);
        RedisServer replica = await cluster.ReplicaOfAsync(old);
        long struck = Stopwatch.GetTimestamp();
        switch (fault)
        {
            case Fault.Killed:
                old.Kill();
                break;
            case Fault.Frozen:
                old.Freeze();
                break;
            default:
                await replica.CommandAsync("CLUSTER", "FAILOVER");
                break;
        }

        RedisServer owner = await Eventually.ReadsAsync(
            () => cluster.OwnerOfAsync(slot), current => current != old, "another primary is known", TimeSpan.FromMinutes(1));
        long known = Stopwatch.GetTimestamp();
        owner.ShouldBe(replica);
        await posts.MoreAsync(40);
        await posts.StopAsync();
        await held.DisposeAsync();
        RequestResult result = await waiter.WaitAsync(TimeSpan.FromMinutes(1));
        if (result is { Lease: { } lease }) await lease.DisposeAsync();

        double resumed = posts.FirstSuccessAfter(known) is { } at ? Stopwatch.GetElapsedTime(known, at).TotalMilliseconds : -1;
        output.WriteLine($"{fault}: the new primary was known after {Stopwatch.GetElapsedTime(struck, known).TotalMilliseconds:F0} ms; the next post succeeded {resumed:F0} ms later.");
        output.WriteLine($"{fault}: {posts.Acknowledged} acknowledged, {posts.Lost} of them lost, {posts.DeadLetters} dead; {posts.NotReplicated} applied but not replicated; {posts.Failures.Count} failed; the longest call took {posts.Longest.TotalSeconds:F2} s.");
        if (waits) posts.Lost.ShouldBe(0, "what was acknowledged is on the replica, which is the primary now");
        // A primary that was replaced is given a moment to answer what was sent to it; on a machine that stalls it may be too short.
        posts.Failures.ShouldAllBe(e => !e.Message.Contains("was closed", StringComparison.Ordinal), "only a member is left, not the store");
        posts.Longest.ShouldBeLessThan(TimeSpan.FromSeconds(25), "nobody waits for the old primary until the command timeout of 30 s");
        if (fault == Fault.Frozen) old.Resume();
    }

    [Fact]
    public async Task Writes_that_wait_go_on_when_the_first_member_that_was_named_is_lost()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        RedisServer first = cluster.Servers[0];
        var keys = new RedisKeys("lw:", () => true);
        string ns = Enumerable.Range(0, 1000).Select(i => $"ns{i}").First(name => HashSlot.Of(keys.Of(new TimerPartition(name, 0)).ChannelPrefix) < 5000);
        await using RedisStore store = await RedisStore.ConnectAsync($"{cluster.Uri}?commandTimeout=30s&connectTimeout=1m&waitReplicas=1&waitTimeout=100ms");
        await using var timer = new DistributedTimer(store, new() { Namespace = ns });
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "before" });
        first.Kill();
        Task<PostResult> during = timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "during" });
        await cluster.NewOwnerAsync(HashSlot.Of(keys.Of(new TimerPartition(ns, 0)).ChannelPrefix), first);
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => during); // there is no other replica
        error.Outcome.ShouldBeOneOf(StoreOutcome.NotReplicated, StoreOutcome.Unknown);
        error = await Should.ThrowAsync<LatchworkStoreException>(() => timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "after" }));
        error.Outcome.ShouldBe(StoreOutcome.NotReplicated);
        (await timer.PeekAsync("after")).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_write_whose_slot_has_moved_waits_for_the_replicas_of_the_new_owner()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { NodeTimeout = TimeSpan.FromMinutes(1) });
        string key = new RedisKeys("lw:", () => true).Of(new TimerPartition("moved", 0)).ChannelPrefix;
        RedisServer owner = await cluster.OwnerOfAsync(HashSlot.Of(key));
        RedisServer next = cluster.Servers.Take(3).First(server => server != owner);
        await using RedisStore store = await RedisStore.ConnectAsync($"{cluster.Uri}?commandTimeout=1m&connectTimeout=1m&waitReplicas=1&waitTimeout=500ms");
        await using var timer = new DistributedTimer(store, new() { Namespace = "moved" });
        (await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "before" })).Outcome.ShouldBe(PostOutcome.Created);
        RedisServer replica = await cluster.ReplicaOfAsync(next);
        await cluster.MoveSlotAsync(HashSlot.Of(key), next);
        replica.Freeze();
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "after" }));
        error.Outcome.ShouldBe(StoreOutcome.NotReplicated, "the replica of the former owner has nothing to do with it");
        replica.Resume();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_member_that_is_silent_costs_the_others_nothing(bool hasTraffic)
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { NodeTimeout = TimeSpan.FromMinutes(1), Replicas = 0 });
        RedisServer frozen = cluster.Servers[0], other = cluster.Servers[1];
        string[] keys = [.. Enumerable.Range(0, 1000).Select(i => $"key-{i}")];
        string there = keys.First(key => HashSlot.Of(key) < 5000), elsewhere = keys.First(key => HashSlot.Of(key) is > 6000 and < 10000);
        using var log = new LogTimes();
        await using RedisConnection connection = await TestConnection.OpenAsync($"{cluster.Uri}?commandTimeout=2s&connectTimeout=1m", new RedisOptions { LoggerFactory = log.Factory() });
        foreach (string key in new[] { there, elsewhere }) await connection.EvaluateAsync(_count, [key], [], CancellationToken.None);
        string[] before = await IdsAsync();

        frozen.Freeze();
        Task<RedisReply> lost = connection.EvaluateAsync(_count, [there], [], CancellationToken.None).AsTask();
        while (hasTraffic && !lost.IsCompleted) await connection.EvaluateAsync(_count, [elsewhere], [], CancellationToken.None);
        (await Should.ThrowAsync<LatchworkStoreException>(() => lost)).Outcome.ShouldBe(StoreOutcome.Unknown);
        await Eventually.HoldsAsync(() => log.Lines.Any(line => line.Id == 2002 && line.Text.Contains($":{frozen.Port} ", StringComparison.Ordinal)), "the silent one is left");
        (await IdsAsync()).ShouldBe(before);
        log.Lines.ShouldNotContain(line => line.Id == 2002 && line.Text.Contains($":{other.Port} ", StringComparison.Ordinal));
        frozen.Resume();

        async Task<string[]> IdsAsync() =>
            [.. (await other.CommandAsync("CLIENT", "LIST")).Split('\n').Where(line => line.Contains("name=latchwork", StringComparison.Ordinal)).Select(line => line.Split(' ')[0]).Order()];
    }

    [Fact]
    public async Task A_cluster_that_is_found_late_is_watched_and_its_subscriptions_are_in_force()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Replicas = 0, AppendOnly = true, NodeTimeout = TimeSpan.FromMinutes(1) });
        foreach (RedisServer server in cluster.Servers) server.Kill();
        await using RedisConnection connection = await TestConnection.OpenAsync($"{cluster.Uri}?commandTimeout=2m&connectTimeout=1s&abortConnect=false");
        connection.OrdersSubscriptions.ShouldBeTrue();
        int heard = 0;
        Task<IAsyncDisposable> subscribing = connection.SubscribeAsync("channel", _ => Interlocked.Increment(ref heard), static () => { }, default).AsTask();
        foreach (RedisServer server in cluster.Servers) await server.StartAgainAsync();
        await using IAsyncDisposable subscription = await subscribing;
        await Eventually.HoldsAsync(() => !connection.OrdersSubscriptions, "its subscriptions have a connection of their own");
        var publish = new RedisScript("publish", "return redis.call('PUBLISH', KEYS[1], 'x')");
        await Eventually.ReadsAsync(
            async () =>
            {
                await connection.EvaluateAsync(publish, ["channel"], [], CancellationToken.None);
                return Volatile.Read(ref heard);
            },
            static count => count > 0,
            "a message comes");
    }

    [Fact]
    public async Task A_cluster_that_is_down_is_waited_for()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Replicas = 0, AppendOnly = true });
        await using RedisConnection connection = await TestConnection.OpenAsync(cluster.LenientUri);
        string[] keys = [.. Enumerable.Range(0, 30).Select(i => $"key-{i}")];
        foreach (string key in keys) await connection.EvaluateAsync(_count, [key], [], CancellationToken.None);

        cluster.Servers[2].Kill();
        foreach (RedisServer server in cluster.Servers.Take(2))
        {
            // Each of them finds that out for itself, and answers until then.
            await Eventually.ReadsAsync(
                () => server.CommandAsync("CLUSTER", "INFO"), info => info.Contains("cluster_state:fail", StringComparison.Ordinal), "the cluster is down");
        }

        Task<RedisReply>[] waiting = [.. keys.Select(key => connection.EvaluateAsync(_count, [key], [], CancellationToken.None).AsTask())];
        await Eventually.ReadsAsync(
            () => cluster.Servers[0].CommandAsync("INFO", "errorstats"), errors => errors.Contains("CLUSTERDOWN", StringComparison.Ordinal), "they are refused");
        waiting.ShouldAllBe(task => !task.IsCompleted);

        await cluster.Servers[2].StartAgainAsync();
        RedisReply[] replies = await Task.WhenAll(waiting);
        replies.ShouldAllBe(reply => reply.Number == 2, "each ran once more, and only once");
    }

    [Fact]
    public async Task Replicas_are_good_for_finding_the_cluster()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { NodeTimeout = TimeSpan.FromMinutes(1) });
        string uri = $"redis+cluster://{string.Join(',', cluster.Servers.Skip(3).Select(server => $"127.0.0.1:{server.Port}"))}?connectTimeout=2m&commandTimeout=2m";
        await using RedisConnection connection = await TestConnection.OpenAsync(uri);
        for (int i = 0; i < 30; i++) (await connection.EvaluateAsync(_count, [$"key-{i}"], [], CancellationToken.None)).Number.ShouldBe(1);
        connection.Primaries.Select(RedisConfiguration.Text).ShouldBe(cluster.Servers.Take(3).Select(server => $"127.0.0.1:{server.Port}"));
    }
}
