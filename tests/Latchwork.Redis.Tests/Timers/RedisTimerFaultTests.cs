using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>What the server does to us: full memory, lost scripts, a clock that goes back, errors.</summary>
public sealed class RedisTimerFaultTests(RedisTimerFixture fixture) : RedisTimerTests(fixture), IClassFixture<RedisTimerFixture>
{
    [Fact]
    public async Task At_the_memory_limit_only_posts_are_refused()
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });
        await using RedisStore store = await RedisTimerFixture.ConnectAsync(server, Clock);
        ITimerStore timers = store.Timers;
        await timers.OpenAsync(Partition.Namespace, CancellationToken.None);
        await timers.PostAsync(Partition, [.. Entries(8).Select(e => e with { MaxRetries = 1 }), Entry("later", 60_000)], CancellationToken.None);
        await timers.ClaimAsync(Partition, Request("old", 1, "gone"), CancellationToken.None);
        await server.CommandAsync("CONFIG", "SET", "maxmemory", "1");
        string before = await DigestAsync(server);

        LatchworkStoreException e = await ShouldBeRefusedAsync(() => timers.PostAsync(Partition, [Entry("new"), Entry("later")], CancellationToken.None));
        e.Message.ShouldContain("OOM");
        (await DigestAsync(server)).ShouldBe(before);

        // A new node, and an event whose lease ran out: claiming writes a lot.
        Clock.Advance(TimeSpan.FromSeconds(11));
        TimerClaim claim = await timers.ClaimAsync(Partition, Request("t"), CancellationToken.None);
        DeliveryKey[] keys = [.. claim.Events.Select(x => new DeliveryKey(x.Id, "t"))];
        keys.Length.ShouldBe(8);
        await timers.ClaimAsync(Partition, Request("idle", 0), CancellationToken.None);
        await DoneAsync(timers.ExtendAsync(Partition, keys, TimeSpan.FromSeconds(60), CancellationToken.None));
        await DoneAsync(timers.ConfirmAsync(Partition, [keys[1]], new CompletedLimits(TimeSpan.FromDays(1), 10), CancellationToken.None));
        (await timers.CompletedAsync(Partition, null, 10, CancellationToken.None)).Items.ShouldHaveSingleItem().Id.ShouldBe(keys[1].Id, "it frees before it writes");
        await DoneAsync(timers.ReleaseAsync(Partition, [keys[2]], CancellationToken.None));
        await DoneAsync(timers.FailAsync(Partition, [new(keys[3], "n1", "no", TimeSpan.Zero, DeadLetterReason.Rejected)], KeepDeadLetters, CancellationToken.None));
        (await timers.FailAsync(Partition, [new(keys[4], "n1", "no", null, DeadLetterReason.Rejected)], KeepDeadLetters, CancellationToken.None))
            .ShouldBe([TimerOutcome.DeadLettered]);
        await DoneAsync(timers.RequeueAsync(Partition, [new(keys[4].Id, null)], TimeSpan.Zero, CancellationToken.None));
        (await timers.ChangeDelayAsync(Partition, "later", TimeSpan.FromSeconds(1), CancellationToken.None)).ShouldBe(TimerOutcome.Done);
        (await timers.CancelAsync(Partition, "later", false, CancellationToken.None)).ShouldBe(TimerOutcome.Done);
        (await timers.CancelAsync(Partition, keys[5].Id, true, CancellationToken.None)).ShouldBe(TimerOutcome.Done);
        await timers.LeaveAsync(Partition, "n1", CancellationToken.None);
        (await timers.GetStatsAsync(Partition, CancellationToken.None)).Counters.Totals.ShouldBe(
            new TimerCounts { Posted = 9, Cancelled = 2, Delivered = 9, Confirmed = 1, Failed = 2, HandedBack = 1, ExpiredLeases = 1, Rejected = 1 },
            "what is done is counted, and the refused post is not");

        static async Task DoneAsync(Task<IReadOnlyList<TimerOutcome>> outcomes) => (await outcomes).ShouldAllBe(outcome => outcome == TimerOutcome.Done);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0 - x 0 0 n1")]
    [InlineData("7 - 1 0 0 n1")]
    [InlineData("0 - 1 0 99999999999999999 n1")]
    [InlineData("0 - 1 0 1")]
    public async Task A_line_of_the_history_that_somebody_else_changed_is_shown_as_damaged_beside_the_others(string record)
    {
        await PostAsync(Entry("a"), Entry("b"));
        await Timers.ConfirmAsync(Partition, await TakeAsync("t"), new CompletedLimits(TimeSpan.FromDays(1), 10), CancellationToken.None);
        string key = $"lw:{{t:{Partition.Namespace}:0}}:completed";
        await Server.CommandAsync(record.Length == 0 ? ["HDEL", key, "a"] : ["HSET", key, "a", record]);

        IReadOnlyList<TimerSnapshot> lines = (await Timers.CompletedAsync(Partition, null, 10, CancellationToken.None)).Items;
        lines.Select(line => (line.Id, line.IsDamaged)).ShouldBe([("b", false), ("a", true)]);
        TimerSnapshot seen = (await Timers.PeekAsync(Partition, "a", CancellationToken.None)).ShouldNotBeNull();
        (seen.State, seen.IsDamaged, seen.CompletedAt, seen.NodeId, seen.Outcome).ShouldBe((TimerState.Completed, true, lines[0].CompletedAt, null, null));

        await Server.CommandAsync("HSET", key, "gone", "0 - 1 0 1 n1");
        StoreFinding finding = (await Store.Maintenance!.ExamineAsync(Partition.Namespace, fix: true, default).ToListAsync()).ShouldHaveSingleItem();
        (finding.Problem, finding.Names.Single()).ShouldBe((StoreProblem.LeftoverRecord, "gone"));
        (await Server.CommandAsync("HEXISTS", key, "gone")).ShouldBe("0");
    }

    [Fact]
    public async Task Everything_goes_on_after_the_server_lost_its_scripts()
    {
        await PostAsync(Entry("a"), Entry("b"));
        await Server.CommandAsync("SCRIPT", "FLUSH");
        await PostAsync(Entry("c"));
        await Server.CommandAsync("SCRIPT", "FLUSH");
        DeliveryKey[] taken = await TakeAsync("t");
        taken.Length.ShouldBe(3);
        await Server.CommandAsync("SCRIPT", "FLUSH");
        (await Timers.ConfirmAsync(Partition, taken, CompletedLimits.None, CancellationToken.None)).ShouldAllBe(outcome => outcome == TimerOutcome.Done);
    }

    [Fact]
    public async Task A_clock_that_goes_back_is_made_up_for_and_the_store_remembers_by_how_much()
    {
        await PostAsync(Entry("a", 1000));
        Clock.Advance(TimeSpan.FromMilliseconds(600));
        await PostAsync(Entry("b", 60_000)); // the store notes the time
        Clock.Shift(TimeSpan.FromHours(-1));

        (await ClaimAsync("t1")).Events.ShouldBeEmpty();
        (await Server.CommandAsync("HGET", $"lw:{{t:{Partition.Namespace}:0}}:meta", "offset")).ShouldBe("3600000000");

        await using RedisStore other = await RedisTimerFixture.ConnectAsync(Server, Clock);
        TimerSnapshot? seen = await other.Timers.PeekAsync(Partition, "a", CancellationToken.None);
        seen!.TimeLeft.ShouldBe(TimeSpan.FromMilliseconds(400));
        Clock.Advance(TimeSpan.FromMilliseconds(400));
        TimerClaim claim = await other.Timers.ClaimAsync(Partition, Request("t2"), CancellationToken.None);
        claim.Events.Single().Lateness.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task Without_a_clock_of_its_own_the_store_goes_by_the_server()
    {
        await using RedisStore store = await RedisTimerFixture.ConnectAsync(Server);
        string[] time = (await Server.CommandAsync("TIME")).Split('\n');
        var now = DateTimeOffset.FromUnixTimeSeconds(long.Parse(time[0], System.Globalization.CultureInfo.InvariantCulture));
        await store.Timers.PostAsync(Partition, [Entry("a", 3_600_000)], CancellationToken.None);

        TimerSnapshot? seen = await store.Timers.PeekAsync(Partition, "a", CancellationToken.None);
        seen!.Due.ShouldBe(now.AddHours(1), TimeSpan.FromMinutes(2));
        seen.TimeLeft.ShouldBeInRange(TimeSpan.FromMinutes(58), TimeSpan.FromHours(1) + TimeSpan.FromMilliseconds(1)); // rounded up
    }

    [Fact]
    public async Task A_message_of_another_hand_makes_the_node_look()
    {
        var notifications = new System.Collections.Concurrent.ConcurrentQueue<WakeNotification>();
        await using IAsyncDisposable subscription = await Timers.SubscribeAsync(Partition.Namespace, "n1", notifications.Enqueue, CancellationToken.None);
        string[] messages = ["", "c", "c 1", "c x y", "c 5 5 5", "r 9 short", "r -1 x", "z 1 2", "g 99999999999999999999 1"];
        foreach (string message in messages) await Server.CommandAsync("PUBLISH", $"lw:{{t:{Partition.Namespace}:0}}:wake:n1", message);

        await Eventually.HoldsAsync(() => notifications.Count == messages.Length, "all notifications");
        notifications.ShouldAllBe(notification => notification.Kind == WakeNotificationKind.Missed);
    }
}
