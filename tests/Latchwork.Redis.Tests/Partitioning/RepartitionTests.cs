using System.Text;
using Latchwork.Redis.Tests.Timers;
using Latchwork.Storage;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Partitioning;

/// <summary>Changing the number of partitions: everything is there exactly once, as it was, whatever happens in between.</summary>
public sealed partial class RepartitionTests(PartitionedFixture fixture) : IClassFixture<PartitionedFixture>, IAsyncLifetime
{
    private static readonly DeadLetterLimits _keepDeadLetters = new(TimeSpan.FromDays(30), 100_000);

    private readonly ManualTimeProvider _clock = new();
    private readonly string _ns = $"re-{Guid.NewGuid():N}";
    private readonly List<RedisStore> _stores = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (RedisStore store in _stores) await store.DisposeAsync();
    }

    [Theory]
    [InlineData(1, 12)]
    [InlineData(12, 5)]
    [InlineData(5, 1)]
    [InlineData(3, 4)]
    public async Task All_events_are_there_exactly_once_with_all_their_fields(int from, int to)
    {
        RedisStore old = await ConnectAsync(from);
        await FillAsync(old, from, seed: from * 100 + to, count: 700);
        Dictionary<string, string> before = await ReadAsync(old, from);
        before.Count.ShouldBe(700);
        LetNodesDie();
        before = await ReadAsync(old, from);

        PartitionChange change = await RepartitionAsync(old, to);

        (change.From, change.To, change.Obstacle).ShouldBe((from, to, null));
        change.Moved.ShouldBeGreaterThan(0);
        change.Doubled.ShouldBeEmpty();
        Dictionary<string, string> after = await ReadAsync(await ConnectAsync(to), to);
        after.Keys.Order().ShouldBe(before.Keys.Order());
        foreach ((string id, string was) in before) after[id].ShouldBe(was, id);
        await ShouldBeRefusedAsync(old, $"?partitions={to}");
        (await RepartitionAsync(old, to)).Moved.ShouldBe(0, "nothing is left to do");
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(5, 2)]
    public async Task Schedules_are_where_their_occurrences_are(int from, int to)
    {
        RedisStore old = await ConnectAsync(from);
        await old.Timers.OpenAsync(_ns, default);
        for (int i = 0; i < 50; i++)
        {
            var entry = new TimerEntry($"s{i}\u001Fone", Due.In(TimeSpan.FromHours(1)), new byte[1], 0, IfExists.Replace, null, IdIsNew: false);
            await old.Timers.Schedules!.WriteAsync(TimerPartition.Of(_ns, $"s{i}", from), new ScheduleWrite($"s{i}", null, $"in{i}", Encoding.UTF8.GetBytes($"body {i}"), false, entry), default);
        }

        (await RepartitionAsync(old, to)).Obstacle.ShouldBeNull();

        RedisStore next = await ConnectAsync(to);
        int count = 0;
        for (int i = 0; i < to; i++) count += (await next.Timers.Schedules!.ListAsync(new TimerPartition(_ns, i), null, 200, default)).Records.Count;
        count.ShouldBe(50);
        for (int i = 0; i < 50; i++)
        {
            ScheduleRecord record = (await next.Timers.Schedules!.ReadAsync(TimerPartition.Of(_ns, $"s{i}", to), [$"s{i}"], default)).Records.Single().ShouldNotBeNull();
            (record.ExpectedState, record.Version, Encoding.UTF8.GetString(record.Body.Span)).ShouldBe((TimerState.Scheduled, new ScheduleVersion($"in{i}", 1), $"body {i}"));
        }
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(5, 2)]
    [InlineData(12, 1)]
    public async Task Counters_are_kept(int from, int to)
    {
        RedisStore old = await ConnectAsync(from);
        await using (var timer = new DistributedTimer(old, new() { Namespace = _ns }))
        {
            await timer.PostAsync([.. Enumerable.Range(0, 40).Select(_ => new TimerPost(new byte[1], TimeSpan.FromHours(9)))]);
            _clock.Advance(TimeSpan.FromMinutes(70));
            await timer.PostAsync([.. Enumerable.Range(0, 30).Select(_ => new TimerPost(new byte[1], TimeSpan.FromHours(9)))]);
        }

        foreach (int number in (int[])[to, from, to]) (await RepartitionAsync(old, number)).Obstacle.ShouldBeNull();
        await using var after = new DistributedTimer(await ConnectAsync(to), new() { Namespace = _ns });
        TimerCounters counters = (await after.GetStatsAsync()).Counters;
        (counters.Totals.Posted, counters.Hours.Sum(hour => hour.Counts.Posted), counters.Minutes.Sum(minute => minute.Counts.Posted)).ShouldBe((70, 70, 30));
    }

    [Theory]
    [InlineData(2, 5)]
    [InlineData(5, 2)]
    public async Task A_pause_is_that_of_every_partition_afterwards(int from, int to)
    {
        RedisStore old = await ConnectAsync(from);
        TimerPause pause;
        await using (var timer = new DistributedTimer(old, new() { Namespace = _ns }))
        {
            await timer.PostAsync([.. Enumerable.Range(0, 40).Select(_ => new TimerPost(new byte[1], TimeSpan.Zero))]);
            pause = await timer.PauseAsync("why", "anna");
        }

        (await RepartitionAsync(old, to)).Obstacle.ShouldBeNull();

        RedisStore next = await ConnectAsync(to);
        for (int i = 0; i < to; i++) (await next.Timers.GetStatsAsync(new TimerPartition(_ns, i), default)).Pause.ShouldBe(pause);
        await using (var timer = new DistributedTimer(next, new() { Namespace = _ns })) (await timer.ResumeAsync()).ShouldBe(pause);
        (await RepartitionAsync(next, from)).Obstacle.ShouldBeNull();
        RedisStore back = await ConnectAsync(from);
        for (int i = 0; i < from; i++) (await back.Timers.GetStatsAsync(new TimerPartition(_ns, i), default)).Pause.ShouldBeNull();
    }

    [Theory]
    [InlineData(1, 3, false)]
    [InlineData(1, 3, true)]
    [InlineData(3, 1, false)]
    [InlineData(3, 1, true)]
    public async Task Stopped_at_any_step_it_is_gone_on_with(int from, int to, bool afterEffect)
    {
        // Few events for few steps; pages and batches are the business of the tests above.
        RedisStore steady = await ConnectAsync(from);
        for (int stopAt = 1; ; stopAt++)
        {
            string ns = $"{_ns}-{stopAt}";
            await FillAsync(steady, from, seed: stopAt, count: 60, ns);
            LetNodesDie();
            Dictionary<string, string> before = await ReadAsync(steady, from, ns);
            (RedisStore stopping, StoppingConnection connection) = await ConnectOverAsync(from, stopAt, afterEffect);
            PartitionChange? change = null;
            try
            {
                change = await stopping.Maintenance.RepartitionAsync(ns, to, null, default);
            }
            catch (StoppedException)
            {
                connection.Happened.ShouldBeTrue();
            }

            if (change is null)
            {
                // Until it has come to its end, nobody is served; then only who has the new number is.
                bool served = await IsServedAsync(await ConnectAsync(to), ns);
                if (served) await ShouldBeRefusedAsync(steady, "partitions=", ns);
                change = await steady.Maintenance.RepartitionAsync(ns, to, null, default);
            }

            change.ShouldNotBeNull().Obstacle.ShouldBeNull();
            Dictionary<string, string> after = await ReadAsync(await ConnectAsync(to), to, ns);
            after.Keys.Order().ShouldBe(before.Keys.Order(), $"stopped at {stopAt}");
            foreach ((string id, string was) in before) after[id].ShouldBe(was, id);
            await ShouldBeRefusedAsync(steady, $"partitions={to}", ns);
            if (!connection.Happened)
            {
                stopAt.ShouldBeGreaterThan(10);
                return;
            }
        }
    }

    [Fact]
    public async Task Stopped_at_any_step_it_can_be_turned_back()
    {
        RedisStore steady = await ConnectAsync(2);
        for (int stopAt = 1; ; stopAt++)
        {
            string ns = $"{_ns}-{stopAt}";
            await FillAsync(steady, 2, seed: stopAt, count: 60, ns);
            LetNodesDie();
            Dictionary<string, string> before = await ReadAsync(steady, 2, ns);
            (RedisStore stopping, StoppingConnection connection) = await ConnectOverAsync(2, stopAt, afterEffect: stopAt % 2 == 0);
            try
            {
                await stopping.Maintenance.RepartitionAsync(ns, 5, null, default);
            }
            catch (StoppedException)
            {
                connection.Happened.ShouldBeTrue();
            }

            (await steady.Maintenance.RepartitionAsync(ns, 2, null, default)).ShouldNotBeNull().Obstacle.ShouldBeNull();
            Dictionary<string, string> after = await ReadAsync(steady, 2, ns);
            after.Keys.Order().ShouldBe(before.Keys.Order(), $"stopped at {stopAt}");
            foreach ((string id, string was) in before) after[id].ShouldBe(was, id);
            if (!connection.Happened) return;
        }
    }

    [Fact]
    public async Task A_node_that_listens_is_named_and_nothing_is_changed()
    {
        RedisStore store = await ConnectAsync(5);
        await using var timer = new DistributedTimer(store, new() { Namespace = _ns, NodeId = "node-7", TimeProvider = _clock });
        await timer.JoinAsync((_, _) => Task.CompletedTask);
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        PartitionChange change = await RepartitionAsync(store, 12);
        change.Obstacle.ShouldNotBeNull().ShouldContain("node-7");
        (await timer.PeekAsync("a")).ShouldNotBeNull();
        await timer.LeaveAsync();
        (await RepartitionAsync(store, 12)).Obstacle.ShouldBeNull();
    }

    [Fact]
    public async Task Posts_meanwhile_are_refused_or_kept()
    {
        RedisStore posting = await ConnectAsync(1), coming = await ConnectAsync(6);
        await FillAsync(posting, 1, seed: 7, count: 300);
        LetNodesDie();
        HashSet<string> expected = [.. (await ReadAsync(posting, 1)).Keys];
        await using var old = new DistributedTimer(posting, new() { Namespace = _ns });
        await old.GetStatsAsync();
        int kept = 0, refused = 0;
        (RedisStore stopping, StoppingConnection connection) = await ConnectOverAsync(1, 0, false, async number =>
        {
            foreach (RedisStore client in (RedisStore[])[posting, coming])
            {
                string id = $"post-{number}-{client.Description.Length}-{ReferenceEquals(client, posting)}";
                await using var timer = new DistributedTimer(client, new() { Namespace = _ns });
                try
                {
                    DistributedTimer poster = ReferenceEquals(client, posting) ? old : timer;
                    await poster.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = id });
                    expected.Add(id);
                    kept++;
                }
                catch (LatchworkStoreException e)
                {
                    e.Outcome.ShouldBe(StoreOutcome.NotApplied);
                    e.IsTransient.ShouldBe(ReferenceEquals(client, coming) && e.Message.Contains("1>6", StringComparison.Ordinal), e.Message);
                    refused++;
                }
            }
        });
        (await stopping.Maintenance.RepartitionAsync(_ns, 6, null, default)).ShouldNotBeNull().Obstacle.ShouldBeNull();
        (kept > 3 && refused > 30).ShouldBeTrue($"{kept} kept, {refused} refused");
        (await ReadAsync(coming, 6)).Keys.Order().ShouldBe(expected.Order());
    }

    [Fact]
    public async Task A_delivery_of_a_node_that_fell_silent_can_still_be_confirmed_or_runs_out()
    {
        RedisStore store = await ConnectAsync(1);
        await store.Timers.OpenAsync(_ns, default);
        await store.Timers.PostAsync(new(_ns, 0), [Entry("a"), Entry("b", maxRetries: 2)], default);
        var request = new ClaimRequest("gone", "token", 10, 10, 0, TimeSpan.FromMinutes(5), _keepDeadLetters);
        (await store.Timers.ClaimAsync(new(_ns, 0), request, default)).Events.Count.ShouldBe(2);
        LetNodesDie();
        await RepartitionAsync(store, 9);

        RedisStore wide = await ConnectAsync(9);
        (await wide.Timers.PeekAsync(TimerPartition.Of(_ns, "a", 9), "a", default)).ShouldNotBeNull().LeaseLeft.ShouldBe(TimeSpan.FromMinutes(4));
        (await wide.Timers.ConfirmAsync(TimerPartition.Of(_ns, "a", 9), [new("a", "token")], CompletedLimits.None, default)).ShouldBe([TimerOutcome.Done]);
        _clock.Advance(TimeSpan.FromMinutes(5));
        TimerClaim again = await wide.Timers.ClaimAsync(TimerPartition.Of(_ns, "b", 9), request with { NodeId = "n2", ClaimToken = "t2" }, default);
        again.Events.ShouldHaveSingleItem().Retries.ShouldBe(1);
    }

    [Fact]
    public async Task Clocks_that_went_back_in_some_partitions_make_nothing_early_or_late()
    {
        RedisStore store = await ConnectAsync(1);
        await store.Timers.OpenAsync(_ns, default);
        await store.Timers.PostAsync(new(_ns, 0), [Entry("a", 600_000), Entry("b", 600_000), Entry("c", 600_000)], default);
        _clock.Shift(TimeSpan.FromHours(-1));
        foreach (string id in (string[])["a", "b", "c"]) (await store.Timers.PeekAsync(new(_ns, 0), id, default))!.TimeLeft.ShouldBe(TimeSpan.FromMinutes(10), id);
        await RepartitionAsync(store, 8);
        RedisStore wide = await ConnectAsync(8);
        foreach (string id in (string[])["a", "b", "c"])
            (await wide.Timers.PeekAsync(TimerPartition.Of(_ns, id, 8), id, default))!.TimeLeft.ShouldBeInRange(TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(10) + TimeSpan.FromMilliseconds(1), id);
    }

    [Fact]
    public async Task What_cannot_be_done_is_said()
    {
        RedisStore store = await ConnectAsync(2);
        (await store.Maintenance.RepartitionAsync(_ns, 3, null, default)).ShouldBeNull();
        await store.Timers.OpenAsync(_ns, default);
        (RedisStore stopping, _) = await ConnectOverAsync(2, 7, false);
        await Should.ThrowAsync<StoppedException>(() => stopping.Maintenance.RepartitionAsync(_ns, 3, null, default));
        (await RepartitionAsync(store, 7)).Obstacle.ShouldNotBeNull().ShouldContain("--to 3");
        (await RepartitionAsync(store, 2)).Obstacle.ShouldBeNull();
        (await Should.ThrowAsync<ArgumentOutOfRangeException>(() => RepartitionAsync(store, 2000))).Message.ShouldContain("1024");

        var unit = new NamespaceRef(TransferKind.Timers, _ns);
        (await store.Maintenance.CloseAsync(unit, "m", "elsewhere", checkOnly: false, default)).Seal.ShouldNotBeNull();
        (await RepartitionAsync(store, 3)).Obstacle.ShouldNotBeNull().ShouldContain("elsewhere");
    }

    [Fact]
    public async Task Back_and_forth_through_many_numbers_nothing_is_lost()
    {
        RedisStore store = await ConnectAsync(1);
        await FillAsync(store, 1, seed: 3, count: 250);
        LetNodesDie();
        Dictionary<string, string> before = await ReadAsync(store, 1);
        foreach (int to in (int[])[12, 5, 3, 12, 2, 7, 1]) (await RepartitionAsync(store, to)).Obstacle.ShouldBeNull($"to {to}");
        Dictionary<string, string> after = await ReadAsync(store, 1);
        after.Keys.Order().ShouldBe(before.Keys.Order());
        foreach ((string id, string was) in before) after[id].ShouldBe(was, id);
    }
}
