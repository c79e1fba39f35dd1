using System.Text;
using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Files;

/// <summary>Damage done with SQL while a node listens: it is found, named, and repaired.</summary>
public sealed class StoreCheckerTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Another_number_of_partitions_is_refused_by_name()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        (await Should.ThrowAsync<NotSupportedException>(() => store.Maintenance.RepartitionAsync("n", 2, null, default))).Message.ShouldStartWith($"{store.Description} keeps each namespace in one partition");
    }

    [Fact]
    public async Task Damage_is_found_and_repaired_while_a_node_listens()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await using var timer = new DistributedTimer(store, new() { Namespace = "n", LeaseDuration = TimeSpan.FromMinutes(5) });
        await timer.JoinAsync((_, _) => Task.CompletedTask);
        foreach (string id in (string[])["orphan", "missing", "several", "fine"])
            await timer.PostAsync(Encoding.UTF8.GetBytes(id), TimeSpan.FromHours(1), new() { Id = id });
        (await ExamineAsync(store, fix: true)).ShouldBeEmpty();

        _folder.Ask("DELETE FROM scheduled WHERE id = 'orphan'");
        _folder.Ask("DELETE FROM events WHERE id = 'missing'");
        _folder.Ask("INSERT INTO dead (key, namespace, died, id, reason) SELECT key, namespace, 1700000000000, id, 2 FROM events WHERE id = 'several'");
        _folder.Ask("INSERT INTO imported (namespace, id) SELECT id, 'x' FROM timer_namespaces");
        StoreProblem[] expected =
            [StoreProblem.MissingPayload, StoreProblem.OrphanPayload, StoreProblem.SeveralStates, StoreProblem.LeftoverJournal, StoreProblem.WrongCount];

        List<StoreFinding> seen = await ExamineAsync(store, fix: false);
        seen.Select(finding => finding.Problem).Order().ShouldBe(expected.Order());
        seen.ShouldAllBe(finding => !finding.IsRepaired);
        seen.Single(finding => finding.Problem == StoreProblem.MissingPayload).Names.ShouldBe(["missing"]);
        List<StoreFinding> repaired = await ExamineAsync(store, fix: true);
        repaired.Select(finding => finding.Problem).ShouldContain(StoreProblem.OrphanPayload);
        repaired.ShouldAllBe(finding => finding.IsRepaired);
        (await ExamineAsync(store, fix: false)).ShouldBeEmpty();

        TimerSnapshot orphan = (await timer.PeekAsync("orphan")).ShouldNotBeNull();
        (orphan.State, Encoding.UTF8.GetString(orphan.Payload.Span)).ShouldBe((TimerState.DeadLettered, "orphan"));
        (await timer.PeekAsync("missing")).ShouldBeNull();
        (await timer.PeekAsync("several")).ShouldNotBeNull().State.ShouldBe(TimerState.Scheduled);
        (await timer.GetStatsAsync()).WithoutCounters().ShouldBe(new TimerStats(2, 0, 1, 0, null));
    }

    [Fact]
    public async Task A_schedule_whose_last_occurrences_cannot_be_read_is_named_holds_up_nothing_and_loses_them()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await using var timer = new DistributedTimer(store, new() { Namespace = "n" });
        await timer.Schedules.AddOrUpdateAsync("a", Schedule.Cron("0 * * * *"), "x"u8.ToArray());
        await timer.Schedules.AddOrUpdateAsync("b", Schedule.Cron("0 * * * *"), "x"u8.ToArray());
        await timer.Schedules.TriggerAsync("a");
        _folder.Ask("UPDATE schedules SET running = x'09', history = x'01FFFFFFFF7F' WHERE id = 'a'");

        (await timer.Schedules.ListAsync().ToListAsync()).Select(one => (one.Id, one.History.Count)).ShouldBe([("a", 0), ("b", 0)]);
        StoreFinding finding = (await ExamineAsync(store, fix: false)).ShouldHaveSingleItem();
        (finding.Problem, finding.IsRepaired).ShouldBe((StoreProblem.DamagedOccurrences, false));
        finding.Names.ShouldBe(["a"]);
        (await ExamineAsync(store, fix: true)).ShouldHaveSingleItem().IsRepaired.ShouldBeTrue();
        (await ExamineAsync(store, fix: false)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Wrong_counts_are_put_right()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await using var timer = new DistributedTimer(store, new() { Namespace = "n" });
        for (int i = 0; i < 5; i++) await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1));
        _folder.Ask("UPDATE timer_namespaces SET scheduled = 77, dead = 3");
        StoreFinding finding = (await ExamineAsync(store, fix: true)).ShouldHaveSingleItem();
        finding.Problem.ShouldBe(StoreProblem.WrongCount);
        finding.Detail.ShouldContain("77 scheduled");
        (await timer.GetStatsAsync()).WithoutCounters().ShouldBe(new TimerStats(5, 0, 0, 0, null));
    }

    [Fact]
    public async Task A_healthy_file_under_load_is_healthy()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await using var timer = new DistributedTimer(store, new() { Namespace = "n", LeaseDuration = TimeSpan.FromMinutes(5), ShutdownTimeout = TimeSpan.FromSeconds(1) });
        int delivered = 0;
        await timer.JoinAsync((delivery, _) => Interlocked.Increment(ref delivered) % 5 == 0 ? throw new InvalidOperationException("no") : Task.CompletedTask);
        using var stop = new CancellationTokenSource();
        Task load = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await timer.PostAsync([.. Enumerable.Range(0, 40).Select(n => new TimerPost(Encoding.UTF8.GetBytes($"{n}"), TimeSpan.FromMilliseconds(n % 20), new() { MaxRetries = n % 3 }))]);
        });
        for (int round = 0; round < 6; round++) (await ExamineAsync(store, fix: round % 2 == 0)).ShouldBeEmpty();
        await Eventually.HoldsAsync(() => Volatile.Read(ref delivered) > 0, "something is delivered");
        await stop.CancelAsync();
        await load;
    }

    private static async Task<List<StoreFinding>> ExamineAsync(SqliteStore store, bool fix) => await store.Maintenance.ExamineAsync("n", fix, default).ToListAsync();
}
