using System.Text;
using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Files;

/// <summary>Damage done with SQL while a node listens: it is found, named, and mended.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Damage_is_found_and_mended_while_a_node_listens()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await using var timer = new DistributedTimer(store, new() { Namespace = "n", ConfirmTimeout = TimeSpan.FromMinutes(5) });
        await timer.JoinAsync((_, _) => Task.CompletedTask);
        foreach (string id in (string[])["orphan", "missing", "several", "fine"])
            await timer.PostAsync(Encoding.UTF8.GetBytes(id), TimeSpan.FromHours(1), new() { Id = id });
        (await ExamineAsync(store, fix: true)).ShouldBeEmpty();

        _folder.Ask("DELETE FROM scheduled WHERE id = 'orphan'");
        _folder.Ask("DELETE FROM events WHERE id = 'missing'");
        _folder.Ask("INSERT INTO dead (key, namespace, died, id, reason) SELECT key, namespace, 1700000000000, id, 2 FROM events WHERE id = 'several'");
        _folder.Ask("INSERT INTO imported (namespace, id) SELECT id, 'x' FROM timer_namespaces");
        DoctorProblem[] expected =
            [DoctorProblem.MissingPayload, DoctorProblem.OrphanPayload, DoctorProblem.SeveralStates, DoctorProblem.LeftoverJournal, DoctorProblem.WrongCount];

        List<DoctorFinding> seen = await ExamineAsync(store, fix: false);
        seen.Select(finding => finding.Problem).Order().ShouldBe(expected.Order());
        seen.ShouldAllBe(finding => !finding.IsMended);
        seen.Single(finding => finding.Problem == DoctorProblem.MissingPayload).Names.ShouldBe(["missing"]);
        List<DoctorFinding> mended = await ExamineAsync(store, fix: true);
        mended.Select(finding => finding.Problem).ShouldContain(DoctorProblem.OrphanPayload);
        mended.ShouldAllBe(finding => finding.IsMended);
        (await ExamineAsync(store, fix: false)).ShouldBeEmpty();

        TimerSnapshot orphan = (await timer.PeekAsync("orphan")).ShouldNotBeNull();
        (orphan.State, Encoding.UTF8.GetString(orphan.Payload.Span)).ShouldBe((TimerState.Dead, "orphan"));
        (await timer.PeekAsync("missing")).ShouldBeNull();
        (await timer.PeekAsync("several")).ShouldNotBeNull().State.ShouldBe(TimerState.Scheduled);
        (await timer.StatsAsync()).ShouldBe(new TimerStats(2, 0, 1, 0, null));
    }

    [Fact]
    public async Task Wrong_counts_are_put_right()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await using var timer = new DistributedTimer(store, new() { Namespace = "n" });
        for (int i = 0; i < 5; i++) await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1));
        _folder.Ask("UPDATE timer_namespaces SET scheduled = 77, dead = 3");
        DoctorFinding finding = (await ExamineAsync(store, fix: true)).ShouldHaveSingleItem();
        finding.Problem.ShouldBe(DoctorProblem.WrongCount);
        finding.Detail.ShouldContain("77 scheduled");
        (await timer.StatsAsync()).ShouldBe(new TimerStats(5, 0, 0, 0, null));
    }

    [Fact]
    public async Task A_healthy_file_under_load_is_healthy()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await using var timer = new DistributedTimer(store, new() { Namespace = "n", ConfirmTimeout = TimeSpan.FromMinutes(5), LeaveTimeout = TimeSpan.FromSeconds(1) });
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

    private static async Task<List<DoctorFinding>> ExamineAsync(SqliteStore store, bool fix) => await store.Doctor.ExamineAsync("n", fix, default).ToListAsync();
}
