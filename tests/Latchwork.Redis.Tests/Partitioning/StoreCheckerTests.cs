using System.Collections.Concurrent;
using System.Text;
using Latchwork.Redis.Tests.Timers;
using Latchwork.Redis.Timers;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Partitioning;

/// <summary>Damage of every kind, done with raw commands while a node listens: it is found, named, and repaired.</summary>
public sealed class StoreCheckerTests(PartitionedFixture fixture) : IClassFixture<PartitionedFixture>, IAsyncLifetime
{
    private readonly string _ns = $"doc-{Guid.NewGuid():N}";
    private readonly ConcurrentQueue<string> _delivered = new();
    private RedisStore _store = null!;
    private DistributedTimer _timer = null!;

    private NamespaceRef Unit => new(TransferKind.Timers, _ns);

    public async Task InitializeAsync()
    {
        _store = await PartitionedFixture.ConnectAsync(fixture.Server, PartitionedFixture.Partitions);
        _timer = new DistributedTimer(_store, new() { Namespace = _ns, LeaseDuration = TimeSpan.FromMinutes(5), ShutdownTimeout = TimeSpan.FromSeconds(1) });
        await _timer.GetStatsAsync();
    }

    public async Task DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Damage_is_found_and_repaired_while_a_node_listens()
    {
        await JoinAsync();
        foreach (string id in (string[])["orphan", "missing", "several", "unleased", "stuck", "fine"])
            await _timer.PostAsync(Encoding.UTF8.GetBytes($"payload of {id}"), DateTimeOffset.UtcNow.AddHours(1), new() { Id = id, Headers = new Dictionary<string, string> { ["h"] = id } });
        long later = DateTimeOffset.UtcNow.AddHours(2).ToUnixTimeMilliseconds(), now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await RunAsync("ZREM", Key("orphan", TimerKey.Due), "orphan");
        await RunAsync("HDEL", Key("missing", TimerKey.Body), "missing");
        await RunAsync("ZADD", Key("several", TimerKey.Dead), $"{now}", "several");
        await RunAsync("ZREM", Key("unleased", TimerKey.Due), "unleased");
        await RunAsync("ZADD", Key("unleased", TimerKey.Flight), $"{later}", "unleased");
        await RunAsync("ZREM", Key("stuck", TimerKey.Due), "stuck");
        await RunAsync("HSET", Key("stuck", TimerKey.Lease), "stuck", $"3 tok - {now} 0 {now} gone");
        await RunAsync("HSET", Key("ghost", TimerKey.Tries), "ghost", "1 1 0 0");
        await RunAsync("HSET", Key("ghost", TimerKey.Past), "0ghost", $"1 {now} 1 1 nx");
        await RunAsync("HSET", Key("nobody", TimerKey.Past), "3nobody", $"1 {now} 1 1 nx");
        await RunAsync("HSET", Key("old", TimerKey.Nodes), "old", $"{(now - 3 * 3_600_000) * 1000} {now - 3 * 3_600_000} 0 0 t");
        await RunAsync("HSET", Key("old", TimerKey.Claims), "older", "x");
        await RunAsync("ZADD", Key("old", TimerKey.Rotation), "1", "oldest");
        await RunAsync("SADD", Key("old", TimerKey.Moved), "some");
        (StoreProblem, string)[] expected =
        [
            (StoreProblem.OrphanPayload, "orphan"), (StoreProblem.MissingPayload, "missing"), (StoreProblem.SeveralStates, "several"),
            (StoreProblem.MissingLease, "unleased"), (StoreProblem.EndlessLease, "stuck"), (StoreProblem.LeftoverRecord, "ghost"),
            (StoreProblem.LeftoverRecord, "nobody"), (StoreProblem.LostNode, "old"), (StoreProblem.LostNode, "older"), (StoreProblem.LostNode, "oldest"),
            (StoreProblem.LeftoverJournal, ""),
        ];

        string before = await fixture.Server.CommandAsync("HLEN", Key("orphan", TimerKey.Body));
        List<StoreFinding> seen = await ExamineAsync(fix: false);
        (await fixture.Server.CommandAsync("HLEN", Key("orphan", TimerKey.Body))).ShouldBe(before);
        var named = Named(seen).ToHashSet(); // a node that listens may have passed "oldest" over meanwhile, and so removed it
        (named.IsSubsetOf(expected) && named.IsSupersetOf(expected.Where(one => one.Item2 != "oldest"))).ShouldBeTrue(string.Join(' ', named));
        seen.ShouldAllBe(finding => !finding.IsRepaired && finding.Unit == Unit);

        List<StoreFinding> repaired = await ExamineAsync(fix: true);
        Named(repaired).Distinct().ToHashSet().IsSupersetOf(expected.Where(one => one.Item2 is not ("nobody" or "oldest"))).ShouldBeTrue(string.Join(' ', Named(repaired)));
        repaired.ShouldAllBe(finding => finding.IsRepaired);
        Named(await ExamineAsync(fix: false)).ShouldBeEmpty();

        TimerSnapshot orphan = (await _timer.PeekAsync("orphan")).ShouldNotBeNull();
        (orphan.State, Encoding.UTF8.GetString(orphan.Payload.Span), orphan.Headers["h"]).ShouldBe((TimerState.DeadLettered, "payload of orphan", "orphan"));
        orphan.Failures.ShouldHaveSingleItem().NodeId.ShouldBe("latchwork doctor");
        foreach (string id in (string[])["orphan", "missing", "stuck", "unleased"]) (await RunAsync("ZSCORE", Key(id, TimerKey.Absolute), id)).ShouldBe("", $"'{id}' is due at no absolute time any more");
        (await RunAsync("ZSCORE", Key("fine", TimerKey.Absolute), "fine")).ShouldBe("0");
        (await _timer.PeekAsync("missing")).ShouldBeNull();
        (await _timer.PeekAsync("several")).ShouldNotBeNull().State.ShouldBe(TimerState.Scheduled);
        (await _timer.PeekAsync("fine")).ShouldNotBeNull().State.ShouldBe(TimerState.Scheduled);
        await Eventually.HoldsAsync(() => _delivered.Contains("unleased"), "the event without a lease is delivered");
        await Eventually.ReadsAsync(async () => (await _timer.PeekAsync("stuck"))?.DeadLetterReason, static reason => reason == DeadLetterReason.LeaseExpired, "what was held for ever is taken back");
        (await _timer.DeadLetters.RequeueAsync("orphan")).ShouldBe(TimerOutcome.Done);
        await Eventually.HoldsAsync(() => _delivered.Contains("orphan"), "what was dead-lettered can be requeued");
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("a record of other parts")]
    public async Task A_schedule_that_cannot_be_read_is_named_holds_up_no_other_and_can_be_declared_anew(string damage)
    {
        Schedule hourly = Schedule.Cron("0 * * * *");
        await _timer.Schedules.AddOrUpdateAsync("damaged", hourly, "x"u8.ToArray());
        await _timer.Schedules.AddOrUpdateAsync("well", hourly, "x"u8.ToArray());

        // The second is the MessagePack of ["stamp", "0", "", "", "rest"].
        if (damage == "garbage") await RunAsync("HSET", Key("damaged", TimerKey.Schedules), "damaged", damage);
        else await RunAsync("EVAL", $"return redis.call('HSET', KEYS[1], 'damaged', cmsgpack.pack({{ 'stamp', '0', '', '', 'rest' }}))", "1", Key("damaged", TimerKey.Schedules));

        foreach (bool fix in (bool[])[false, true]) Named(await ExamineAsync(fix)).ShouldBe([(StoreProblem.DamagedSchedule, "damaged"), (StoreProblem.StrayOccurrence, await OccurrenceAsync())]);
        (await _timer.Schedules.ListAsync().ToListAsync()).Select(one => one.Id).ShouldBe(["well"]);
        (await _timer.Schedules.GetAsync("well")).ShouldNotBeNull();

        (await _timer.Schedules.AddOrUpdateAsync("damaged", hourly, "y"u8.ToArray())).Outcome.ShouldBe(ScheduleOutcome.Created);
        (await ExamineAsync(fix: false)).ShouldBeEmpty();

        async Task<string> OccurrenceAsync() => (await _timer.UpcomingAsync().ToListAsync()).Single(e => e.Id.StartsWith("damaged", StringComparison.Ordinal)).Id;
    }

    [Fact]
    public async Task A_process_that_dies_between_a_confirmation_and_the_note_of_it_leaves_no_occurrence_running_for_ever()
    {
        await _timer.Schedules.AddOrUpdateAsync("a", Schedule.Cron("0 0 1 1 *"), "x"u8.ToArray());
        (await _timer.Schedules.TriggerAsync("a")).Outcome.ShouldBe(TriggerOutcome.Triggered);
        TimerPartition home = Home("a");
        ClaimedEvent claimed = (await _store.Timers.ClaimAsync(home, new("gone", "token", 1, 1, 0, TimeSpan.FromMinutes(5), new(TimeSpan.FromDays(1), 1)), default)).Events.ShouldHaveSingleItem();
        var begin = new OccurrenceAdvance(
            new DeliveryKey(claimed.Id, "token"), "gone", default, true, OverlapPolicy.Skip, default, DateTimeOffset.UnixEpoch, null, 0, DateTimeOffset.UnixEpoch, null);
        (await _store.Timers.Schedules!.AdvanceAsync(home, [begin], default)).Single().Outcome.ShouldBe(AdvanceOutcome.Run);
        await ((RedisTimerStore)_store.Timers).SendAsync(TimerScript.Confirm, home, default, 0, 0, 0, claimed.Id, "token"); // the first of the two steps
        (await _timer.PeekAsync(claimed.Id)).ShouldBeNull();
        (await _timer.Schedules.GetAsync("a")).ShouldNotBeNull().History.ShouldHaveSingleItem().Outcome.ShouldBe(OccurrenceOutcome.Running);

        await _store.Timers.Schedules.SweepAsync(home, null, TimeSpan.FromSeconds(10), default);

        ScheduleOccurrence closed = (await _timer.Schedules.GetAsync("a")).ShouldNotBeNull().History.ShouldHaveSingleItem();
        (closed.Outcome, closed.EndedAt).ShouldBe((OccurrenceOutcome.Ended, null));
    }

    [Fact]
    public async Task A_lease_that_cannot_be_read_keeps_nobody_from_looking_at_schedules()
    {
        await _timer.Schedules.AddOrUpdateAsync("a", Schedule.Cron("0 * * * *"), "x"u8.ToArray());
        string occurrence = (await _timer.UpcomingAsync().ToListAsync()).ShouldHaveSingleItem().Id;
        foreach (string lease in (string[])["", "x", "7 tok - 1 0 1 n", "3 tok", "3 tok - soon 0 1 n"])
        {
            await RunAsync("HSET", Key("a", TimerKey.Lease), occurrence, lease);
            (await _timer.Schedules.GetAsync("a")).ShouldNotBeNull(lease);
            (await _timer.Schedules.ListAsync().ToListAsync()).ShouldHaveSingleItem(lease);
        }
    }

    [Fact]
    public async Task Schedules_without_an_occurrence_are_found_although_the_end_of_another_occurrence_cannot_be_noted()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisStore store = await PartitionedFixture.ConnectAsync(server, 1);
        await using var timer = new DistributedTimer(store, new() { Namespace = _ns });
        foreach (string id in (string[])["a", "b"]) await timer.Schedules.AddOrUpdateAsync(id, Schedule.Cron("0 * * * *"), "x"u8.ToArray());
        await timer.Schedules.TriggerAsync("a");
        var home = new TimerPartition(_ns, 0);
        await server.CommandAsync("DEL", KeyOf(home, TimerKey.Due), KeyOf(home, TimerKey.Body));
        await server.CommandAsync("ACL", "SETUSER", "default", "-hset");

        ScheduleSweep sweep = await store.Timers.Schedules!.SweepAsync(home, "A", TimeSpan.FromSeconds(10), default); // the first page would be noted

        sweep.Strays.Select(one => one.Id).ShouldBe(["a", "b"]);
    }

    [Fact]
    public async Task What_a_move_hands_back_at_an_absolute_time_is_known_to_be_one()
    {
        await using RedisStore store = await PartitionedFixture.ConnectAsync(fixture.Server, 1);
        var home = new TimerPartition($"{_ns}-moved", 0);
        string meta = KeyOf(home, TimerKey.Meta);
        var entry = new TimerEntry("a\u001F1", Due.At(DateTimeOffset.UtcNow.AddMinutes(-1)), "x"u8.ToArray(), 0, IfExists.Replace, null, IdIsNew: false);
        await store.Timers.Schedules!.WriteAsync(home, new ScheduleWrite("a", null, "in", "body"u8.ToArray(), false, entry), default);
        (await store.Timers.ClaimAsync(home, new("gone", "t", 1, 1, 0, TimeSpan.FromSeconds(10), new(TimeSpan.FromDays(1), 1)), default)).Events.ShouldHaveSingleItem();
        await RunAsync("HDEL", meta, "absolute"); // as in a partition to which its lease was moved
        await RunAsync("HSET", meta, "seal", "moving m 2 redis://elsewhere:6379/0");

        await ((RedisTimerStore)store.Timers).SendAsync(TimerScript.NextEvents, home, default, "m");

        (await RunAsync("ZCARD", KeyOf(home, TimerKey.Absolute))).ShouldBe("1");
        (await RunAsync("HGET", meta, "absolute")).ShouldBe("1");
    }

    [Fact]
    public async Task Events_in_the_wrong_partition_are_moved_home()
    {
        await JoinAsync();
        string[] ids = [.. Enumerable.Range(0, 30).Select(i => $"stray{i}").Where(id => Home(id).Index != 2)];
        await _store.Timers.PostAsync(new(_ns, 2), [.. ids.Select(id => Entry(id, 3600_000))], default);
        await _store.Timers.PostAsync(new(_ns, 2), [Entry("twice", 3600_000, "wrong")], default);
        if (Home("twice").Index == 2) throw new InvalidOperationException("choose another id");
        await _timer.PostAsync("right"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "twice" });
        (await _timer.PeekAsync(ids[0])).ShouldBeNull();

        List<StoreFinding> seen = await ExamineAsync(fix: false);
        Named(seen).ToHashSet().SetEquals(ids.Append("twice").Select(id => (StoreProblem.WrongPartition, id))).ShouldBeTrue(string.Join(' ', Named(seen)));
        List<StoreFinding> repaired = await ExamineAsync(fix: true);
        Named([.. repaired.Where(finding => finding.IsRepaired)]).ToHashSet().SetEquals(ids.Select(id => (StoreProblem.WrongPartition, id))).ShouldBeTrue();
        Named([.. repaired.Where(finding => !finding.IsRepaired)]).ShouldBe([(StoreProblem.WrongPartition, "twice")]);
        foreach (string id in ids)
        {
            TimerSnapshot e = (await _timer.PeekAsync(id)).ShouldNotBeNull(id);
            (e.State, e.Retries, Encoding.UTF8.GetString(e.Payload.Span)).ShouldBe((TimerState.Scheduled, 0, "{}"));
            e.TimeLeft.ShouldBeInRange(TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
        }

        (await _store.Timers.GetStatsAsync(new(_ns, 2), default)).InFlight.ShouldBe(0);
        await _store.Timers.CancelAsync(new(_ns, 2), "twice", revoke: false, default);
        Named(await ExamineAsync(fix: false)).ShouldBeEmpty();
        (await _timer.GetStatsAsync()).Scheduled.ShouldBe(ids.Length + 1);
    }

    [Fact]
    public async Task What_is_half_done_is_named_and_left_alone()
    {
        await _timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        await RunAsync("HSET", KeyOf(new(_ns, 0), TimerKey.Meta), "import", "importing m 0 redis://elsewhere:6379/0");
        (await ExamineAsync(fix: true)).ShouldHaveSingleItem().Detail.ShouldContain("redis://elsewhere");
        await RunAsync("HDEL", KeyOf(new(_ns, 0), TimerKey.Meta), "import");

        await RunAsync("HSET", KeyOf(new(_ns, 3), TimerKey.Meta), "partitions", "9");
        (await ExamineAsync(fix: true)).ShouldHaveSingleItem().Problem.ShouldBe(StoreProblem.OtherLayout);
        await RunAsync("HSET", KeyOf(new(_ns, 3), TimerKey.Meta), "partitions", "5");

        await using RedisStore twelve = await PartitionedFixture.ConnectAsync(fixture.Server, 12);
        await twelve.Timers.PostAsync(new(_ns, 9), [Entry("far", 1000)], default);
        StoreFinding far = (await ExamineAsync(fix: true)).ShouldHaveSingleItem();
        far.Problem.ShouldBe(StoreProblem.StrayPartition);
        far.Detail.ShouldContain("partition 9");
        (await _store.Maintenance.RepartitionAsync(_ns, 12, null, default)).ShouldNotBeNull().Obstacle.ShouldBeNull();
        (await _store.Maintenance.RepartitionAsync(_ns, 5, null, default)).ShouldNotBeNull().Obstacle.ShouldBeNull();
        (await ExamineAsync(fix: false)).ShouldBeEmpty();
        (await _timer.PeekAsync("far")).ShouldNotBeNull("it came in by the detour that was advised");

        await RunAsync("HSET", KeyOf(new(_ns, 0), TimerKey.Meta), "partitions", "5>7");
        (await ExamineAsync(fix: true)).ShouldHaveSingleItem().Detail.ShouldContain("--to 7");
    }

    [Fact]
    public async Task A_lease_that_is_long_over_is_reported_and_left_to_listeners()
    {
        await _store.Timers.PostAsync(Home("a"), [Entry("a", 0) with { Due = Due.At(DateTimeOffset.UtcNow.AddMinutes(-1)) }], default);
        (await _store.Timers.ClaimAsync(Home("a"), new("gone", "t", 1, 1, 0, TimeSpan.FromSeconds(10), new(TimeSpan.FromDays(1), 1)), default)).Events.ShouldHaveSingleItem();
        await RunAsync("ZADD", Key("a", TimerKey.Flight), "1700000000000", "a");
        StoreFinding finding = (await ExamineAsync(fix: true)).ShouldHaveSingleItem();
        (finding.Problem, finding.IsRepaired).ShouldBe((StoreProblem.LeaseLongOver, false));
        (await _timer.PeekAsync("a")).ShouldNotBeNull().State.ShouldBe(TimerState.InFlight);
    }

    [Fact]
    public async Task A_healthy_namespace_under_load_is_healthy()
    {
        await JoinAsync(fails: true);
        using var stop = new CancellationTokenSource();
        Task load = Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                await _timer.PostAsync([.. Enumerable.Range(0, 50).Select(n => new TimerPost(Encoding.UTF8.GetBytes($"{n}"), TimeSpan.FromMilliseconds(n % 20), new() { Id = $"load{(i * 50) + n}", MaxRetries = n % 3 }))]);
                await _timer.CancelAsync($"load{(i * 50) + 7}", revoke: true);
            }
        });
        for (int round = 0; round < 6; round++) (await ExamineAsync(fix: round % 2 == 0)).ShouldBeEmpty();
        await stop.CancelAsync();
        await load;
        _delivered.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_key_of_a_locker_that_would_stay_for_ever_is_given_an_end()
    {
        string prefix = $"p{Guid.NewGuid():N}:", ns = "locks";
        await using RedisStore store = await PartitionedFixture.ConnectAsync(fixture.Server, 1, null, prefix);
        await using var locker = new ProcessLocker(store, new() { Namespace = ns });
        await using WorkLease lease = await locker.AcquireAsync("key");
        async Task<List<StoreFinding>> ExamineAsync(bool fix) => await store.Maintenance.ExamineAsync(ns, fix, default).ToListAsync();
        (await ExamineAsync(false)).ShouldBeEmpty();
        string name = prefix + "{l:locks:other}:lock";
        await RunAsync("SET", name, "x");
        (await ExamineAsync(false)).ShouldHaveSingleItem().Names.ShouldBe(["other"]);
        (await ExamineAsync(true)).ShouldHaveSingleItem().IsRepaired.ShouldBeTrue();
        (await ExamineAsync(false)).ShouldBeEmpty();
        long.Parse(await fixture.Server.CommandAsync("PTTL", name), System.Globalization.CultureInfo.InvariantCulture).ShouldBeGreaterThan(0);
    }

    private static TimerEntry Entry(string id, double dueInMs, string payload = "{}") =>
        new(id, Due.In(TimeSpan.FromMilliseconds(dueInMs)), Encoding.UTF8.GetBytes(payload), 0, IfExists.Fail, null, IdIsNew: false);

    private static (StoreProblem, string)[] Named(IReadOnlyList<StoreFinding> findings) =>
        [.. findings.SelectMany(finding => finding.Names.DefaultIfEmpty("").Select(name => (finding.Problem, name)))];

    private async Task JoinAsync(bool fails = false) => await _timer.JoinAsync((delivery, _) =>
    {
        _delivered.Enqueue(delivery.Id);
        return fails && delivery.Id.EndsWith('3') ? throw new InvalidOperationException("no") : Task.CompletedTask;
    });

    private async Task<List<StoreFinding>> ExamineAsync(bool fix) => await _store.Maintenance.ExamineAsync(_ns, fix, default).ToListAsync();

    private TimerPartition Home(string id) => TimerPartition.Of(_ns, id, PartitionedFixture.Partitions);

    private string Key(string id, TimerKey key) => KeyOf(Home(id), key);

    private static string KeyOf(TimerPartition partition, TimerKey key) =>
        new RedisKeys(RedisOptions.DefaultKeyPrefix).Of(partition).ChannelPrefix[..^"wake:".Length] + TimerPartitionKeys.NameOf(key);

    private Task<string> RunAsync(params string[] command) => fixture.Server.CommandAsync(command);
}
