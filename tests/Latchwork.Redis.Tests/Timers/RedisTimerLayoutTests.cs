using Latchwork.Redis.Maintenance;
using Latchwork.Redis.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>The layout of keys, and what happens when it is not as expected.</summary>
public sealed class RedisTimerLayoutTests(RedisTimerFixture fixture) : RedisTimerTests(fixture), IClassFixture<RedisTimerFixture>
{
    private NamespaceRef Unit => new(TransferKind.Timers, Partition.Namespace);

    public static TheoryData<string> OddNamespaces => ["}x", "{", "{}", "a{b}c", "%7D", "a:0", " ", "ü\n\"", "*"];

    [Fact]
    public void Keys_of_a_partition_share_a_tag_that_no_text_can_break()
    {
        var keys = new RedisKeys("lw:");
        keys.Of(new TimerPartition("orders", 0)).ChannelPrefix.ShouldBe("lw:{t:orders:0}:wake:");
        keys.Of(new TimerPartition("}x{%", 3)).ChannelPrefix.ShouldStartWith("lw:{t:%7Dx%7B%25:3:");
        keys.Of(new TimerPartition("%7D", 0)).ChannelPrefix.ShouldNotBe(keys.Of(new TimerPartition("}", 0)).ChannelPrefix);
    }

    [Theory]
    [MemberData(nameof(OddNamespaces))]
    public async Task Any_text_is_a_namespace(string ns)
    {
        var partition = new TimerPartition(ns, 0);
        await Timers.PostAsync(partition, [Entry("a")], CancellationToken.None);
        TimerClaim claim = await Timers.ClaimAsync(partition, Request("t-" + ns), CancellationToken.None);
        claim.Events.Select(e => e.Id).ShouldBe(["a"]);
        (await Timers.NamespacesAsync(CancellationToken.None)).ShouldContain(ns);
    }

    [Fact]
    public async Task All_keys_begin_with_the_prefix()
    {
        string prefix = $"p{Guid.NewGuid():N}:";
        await using RedisStore store = await RedisTimerFixture.ConnectAsync(Server, Clock, prefix);
        await store.Timers.OpenAsync("n", CancellationToken.None);
        await store.Timers.PostAsync(new TimerPartition("n", 0), [Entry("a")], CancellationToken.None);
        await store.Timers.ClaimAsync(new TimerPartition("n", 0), Request("t"), CancellationToken.None);

        string[] keys = await KeysAsync($"{prefix}*");
        keys.ShouldContain($"{prefix}timers");
        keys.ShouldContain(prefix + "{t:n:0}:flight");
        keys.ShouldAllBe(key => key == $"{prefix}timers" || key.StartsWith(prefix + "{t:n:0}:"));
    }

    [Fact]
    public async Task Every_key_is_one_that_the_list_of_keys_names()
    {
        await PostAsync(Entry("done"));
        await Timers.ConfirmAsync(Partition, await TakeAsync("t0"), new CompletedLimits(TimeSpan.FromDays(1), 1), CancellationToken.None);
        await PostAsync(Entry("a"), Entry("b"), Entry("c", maxRetries: 1), Entry("d", 60_000), Entry("e") with { Due = Clock.GetUtcNow().AddDays(1) });
        DeliveryKey[] taken = await TakeAsync("t1");
        await Timers.FailAsync(
            Partition,
            [.. taken.Select(key => new TimerFailure(key, "n1", "no", TimeSpan.Zero, DeadLetterReason.RetriesExhausted))],
            KeepDeadLetters,
            CancellationToken.None);
        await ClaimAsync("t2");
        await Timers.Schedules!.WriteAsync(Partition, new ScheduleWrite("s", null, new string('i', 16), new byte[] { 1 }, true, null), CancellationToken.None);

        // The journal of a move is there only while something is moved here.
        string[] known = [.. Enum.GetValues<TimerKey>().Except([TimerKey.Moved]).Select(TimerPartitionKeys.NameOf)];
        (await KeysAsync()).Select(key => key[(key.LastIndexOf(':') + 1)..]).Order().ShouldBe(known.Order());
    }

    [Theory]
    [InlineData("format", "2", "format=2 partitions=1")]
    [InlineData("partitions", "4", "format=1 partitions=4")]
    public async Task Another_layout_is_refused_by_every_script_and_nothing_is_written(string field, string value, string found)
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });
        await using RedisStore store = await RedisTimerFixture.ConnectAsync(server, Clock);
        ITimerStore timers = store.Timers;
        await timers.PostAsync(Partition, [Entry("a"), Entry("b")], CancellationToken.None);
        var key = new DeliveryKey((await timers.ClaimAsync(Partition, Request("t", 1), CancellationToken.None)).Events[0].Id, "t");
        await server.CommandAsync("HSET", $"lw:{{t:{Partition.Namespace}:0}}:meta", field, value);
        string before = await DigestAsync(server);

        Func<Task>[] operations =
        [
            () => timers.OpenAsync(Partition.Namespace, CancellationToken.None),
            () => timers.PostAsync(Partition, [Entry("c")], CancellationToken.None),
            () => timers.ClaimAsync(Partition, Request("u"), CancellationToken.None),
            () => timers.ConfirmAsync(Partition, [key], CompletedLimits.None, CancellationToken.None),
            () => timers.ExtendAsync(Partition, [key], TimeSpan.FromSeconds(60), CancellationToken.None),
            () => timers.ReleaseAsync(Partition, [key], CancellationToken.None),
            () => timers.FailAsync(Partition, [new(key, "n1", "no", null, DeadLetterReason.Rejected)], KeepDeadLetters, CancellationToken.None),
            () => timers.PeekAsync(Partition, "a", CancellationToken.None),
            () => timers.CancelAsync(Partition, "b", true, CancellationToken.None),
            () => timers.ChangeDelayAsync(Partition, "b", TimeSpan.Zero, CancellationToken.None),
            () => timers.InFlightAsync(Partition, null, 10, CancellationToken.None),
            () => timers.UpcomingAsync(Partition, null, null, null, 10, CancellationToken.None),
            () => timers.DeadLettersAsync(Partition, null, 10, CancellationToken.None),
            () => timers.CompletedAsync(Partition, null, 10, CancellationToken.None),
            () => store.Maintenance.ReadCompletedAsync(Partition.Namespace, null, CancellationToken.None),
            () => store.Maintenance.WriteCompletedAsync(Partition.Namespace, "m", [new("c", Clock.GetUtcNow(), Clock.GetUtcNow(), Clock.GetUtcNow(), "n1", 0, 0, CompletedOutcome.Succeeded)], CancellationToken.None),
            () => timers.RequeueAsync(Partition, [new("a", null)], TimeSpan.Zero, CancellationToken.None),
            () => timers.PurgeAsync(Partition, [new("a", null)], CancellationToken.None),
            () => timers.GetNodesAsync(Partition, CancellationToken.None),
            () => timers.GetStatsAsync(Partition, CancellationToken.None),
            () => timers.LeaveAsync(Partition, "n1", CancellationToken.None),
            () => store.Maintenance.ReadMarksAsync(Unit, CancellationToken.None),
            () => store.Maintenance.CloseAsync(Unit, "m", "elsewhere", checkOnly: false, CancellationToken.None),
            () => store.Maintenance.SwitchAsync(Unit, new(null, null), new(null, new(TransferPhase.Importing, "m", 0, "elsewhere")), CancellationToken.None),
            () => store.Maintenance.ReadEventsAsync(Partition.Namespace, "m", ["b"], CancellationToken.None),
            () => store.Maintenance.WriteEventsAsync(Partition.Namespace, "m", [new("c", default, new Dictionary<string, string>(), 0, 0, TimeSpan.Zero, [], null)], CancellationToken.None),
            () => store.Maintenance.DropJournalAsync(Unit, CancellationToken.None),
        ];
        foreach (Func<Task> operation in operations)
        {
            LatchworkStoreException e = await ShouldBeRefusedAsync(operation);
            e.Message.ShouldContain(found);
            e.Message.ShouldContain("format=1 partitions=1");
        }

        (await DigestAsync(server)).ShouldBe(before);
    }

    [Fact]
    public async Task A_namespace_is_noted_again_after_somebody_flushed_the_database()
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });
        await using RedisStore store = await RedisTimerFixture.ConnectAsync(server);
        await store.Timers.OpenAsync("n", CancellationToken.None);
        await server.CommandAsync("FLUSHALL");
        (await store.Timers.NamespacesAsync(CancellationToken.None)).ShouldBeEmpty();

        await store.Timers.PostAsync(new TimerPartition("n", 0), [Entry("a")], CancellationToken.None);
        (await store.Timers.NamespacesAsync(CancellationToken.None)).ShouldBe(["n"]);
        await store.Timers.OpenAsync("n", CancellationToken.None);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task A_server_that_came_back_without_its_data_is_reported_once_whoever_finds_out(int partitions)
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });
        using var log = new TestLog();
        await using RedisStore store = await RedisStore.ConnectAsync(server.LenientUri, new RedisOptions { TimeProvider = Clock, Partitions = partitions, LoggerFactory = log });
        await store.Timers.OpenAsync("n", CancellationToken.None);
        await store.Timers.OpenAsync("other", CancellationToken.None);
        await store.Timers.PostAsync(new TimerPartition("n", 0), [Entry("a")], CancellationToken.None);
        (await WarningsAsync()).ShouldBeEmpty("to begin a namespace is no loss");

        await server.CommandAsync("FLUSHALL");
        for (int i = 0; i < partitions; i++)
        {
            await store.Timers.ClaimAsync(new TimerPartition("n", i), Request("t"), CancellationToken.None);
            await store.Timers.PostAsync(new TimerPartition("n", i), [Entry("b")], CancellationToken.None);
        }

        (await WarningsAsync()).Single().Message.ShouldContain("'n'");
        log.Entries.Where(entry => entry.StartsWith("Error 2016:", StringComparison.Ordinal)).ShouldHaveSingleItem().ShouldContain("timer namespace n ");

        await store.Timers.PostAsync(new TimerPartition("other", partitions - 1), [Entry("b")], CancellationToken.None);
        (await WarningsAsync()).Count.ShouldBe(2);
        Clock.Advance(LossMonitor.Retention);
        (await WarningsAsync()).ShouldBeEmpty();

        async Task<List<StoreWarning>> WarningsAsync() => [.. (await store.CheckAsync()).Where(warning => warning.Code == LossMonitor.Code)];
    }

    [Fact]
    public async Task A_namespace_that_was_dropped_and_begun_again_here_is_no_loss()
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });
        await using RedisStore store = await RedisTimerFixture.ConnectAsync(server);
        await store.Timers.OpenAsync("n", CancellationToken.None);
        (await store.Maintenance.DropTimersAsync("n", force: false, CancellationToken.None))!.IsDropped.ShouldBeTrue();
        await store.Timers.PostAsync(new TimerPartition("n", 0), [Entry("a")], CancellationToken.None);
        (await store.CheckAsync()).ShouldAllBe(warning => warning.Code != LossMonitor.Code);
    }

    [Fact]
    public async Task A_cluster_runs_every_script_within_one_slot()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Primaries = 1, Replicas = 0, NodeTimeout = TimeSpan.FromMinutes(1) });
        await using RedisStore store = await RedisStore.ConnectAsync(cluster.LenientUri, new RedisOptions { TimeProvider = Clock });
        ITimerStore timers = store.Timers;
        var partition = new TimerPartition("a}b{c", 0);
        await timers.OpenAsync(partition.Namespace, CancellationToken.None);
        await using IAsyncDisposable notifications = await timers.SubscribeAsync(partition.Namespace, "n1", _ => { }, CancellationToken.None);
        await timers.PostAsync(partition, [Entry("a"), Entry("b", maxRetries: 1), Entry("c"), Entry("d", 60_000)], CancellationToken.None);
        TimerClaim claim = await timers.ClaimAsync(partition, Request("t"), CancellationToken.None);
        DeliveryKey[] keys = [.. claim.Events.Select(e => new DeliveryKey(e.Id, "t"))];
        keys.Length.ShouldBe(3);
        await timers.ExtendAsync(partition, keys, TimeSpan.FromSeconds(20), CancellationToken.None);
        await timers.ConfirmAsync(partition, [keys[0]], new CompletedLimits(TimeSpan.FromDays(1), 1), CancellationToken.None);
        (await timers.CompletedAsync(partition, null, 10, CancellationToken.None)).Items.ShouldHaveSingleItem();
        (await timers.PeekAsync(partition, keys[0].Id, CancellationToken.None)).ShouldNotBeNull().State.ShouldBe(TimerState.Completed);
        await timers.FailAsync(partition, [new(keys[1], "n1", "no", TimeSpan.Zero, DeadLetterReason.Rejected)], KeepDeadLetters, CancellationToken.None);
        await timers.FailAsync(partition, [new(keys[2], "n1", "no", null, DeadLetterReason.Rejected)], KeepDeadLetters, CancellationToken.None);
        (await timers.PeekAsync(partition, "b", CancellationToken.None)).ShouldNotBeNull();
        (await timers.DeadLettersAsync(partition, null, 10, CancellationToken.None)).Items.Select(e => e.Id).ShouldBe(["c"]);
        await timers.RequeueAsync(partition, [new("c", null)], TimeSpan.Zero, CancellationToken.None);
        await timers.ClaimAsync(partition, Request("u", 1), CancellationToken.None);
        await timers.ReleaseAsync(partition, [new("b", "u"), new("c", "u")], CancellationToken.None);
        await timers.ChangeDelayAsync(partition, "d", TimeSpan.FromSeconds(1), CancellationToken.None);
        await timers.CancelAsync(partition, "d", true, CancellationToken.None);
        (await timers.UpcomingAsync(partition, null, null, null, 10, CancellationToken.None)).Items.Count.ShouldBe(2);
        await timers.PurgeAsync(partition, [new("c", null)], CancellationToken.None);
        (await timers.GetNodesAsync(partition, CancellationToken.None)).Count.ShouldBe(1);
        (await timers.GetStatsAsync(partition, CancellationToken.None)).Scheduled.ShouldBe(2);
        await timers.LeaveAsync(partition, "n1", CancellationToken.None);
    }
}
