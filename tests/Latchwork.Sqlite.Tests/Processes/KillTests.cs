using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Processes;

/// <summary>They start processes and keep the disk busy, so they run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessTests
{
    public const string Name = "processes";
}

/// <summary>Processes that are killed (SIGKILL) at any moment: what was acknowledged is there, and the file opens again without help.</summary>
[Collection(ProcessTests.Name)]
[Trait("Process", "own")]
public sealed class KillTests : IDisposable
{
    private const int Rounds = 8;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task No_acknowledged_event_is_lost_however_often_two_writers_are_killed()
    {
        var acknowledged = new List<string>();
        for (int round = 0; round < Rounds; round++)
        {
            await using WorkerProcess first = await StartAsync(), second = await StartAsync();
            first.Send($"timer flood kills a{round} 16");
            second.Send($"timer flood kills b{round} 1");
            await CountAsync(first, "posted", 1 + Random.Shared.Next(2_000));
            first.Kill();
            await CountAsync(second, "posted", Count(second, "posted") + 3); // the other goes on immediately
            second.Kill();
            await first.EndedAsync();
            await second.EndedAsync();
            acknowledged.AddRange(Ids(first, "posted"));
            acknowledged.AddRange(Ids(second, "posted"));
        }

        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        var timer = new DistributedTimer(store, new() { Namespace = "kills" });
        HashSet<string> there = [.. (await timer.UpcomingAsync().ToListAsync()).Select(item => item.Id)];
        acknowledged.Count.ShouldBeGreaterThan(Rounds * 3);
        acknowledged.Where(id => !there.Contains(id)).ShouldBeEmpty();
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(there.Count, "the counts are right as well");
        _folder.Ask("PRAGMA integrity_check").ShouldBe("ok");
    }

    [Fact]
    public async Task No_acknowledged_result_is_lost()
    {
        var acknowledged = new List<string>();
        for (int round = 0; round < Rounds; round++)
        {
            await using WorkerProcess worker = await StartAsync();
            worker.Send($"store r{round} 8");
            await CountAsync(worker, "stored", 1 + Random.Shared.Next(500));
            worker.Kill();
            await worker.EndedAsync();
            acknowledged.AddRange(Ids(worker, "stored"));
        }

        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        foreach (string key in acknowledged)
        {
            LockerOutcome? outcome = await store.Locks.TryGetAsync(new LockerKey(LockerOptions.DefaultNamespace, key), default);
            System.Text.Encoding.UTF8.GetString(outcome.ShouldNotBeNull(key).Data.Span).ShouldBe(key);
        }

        _folder.Ask("PRAGMA integrity_check").ShouldBe("ok");
    }

    [Fact]
    public async Task What_was_confirmed_never_comes_again_and_what_was_not_comes_to_another()
    {
        const int Events = 2_000;
        await using (SqliteStore store = await SqliteStore.OpenAsync(_folder.Database))
        {
            var timer = new DistributedTimer(store, new() { Namespace = "kills" });
            await timer.PostAsync([.. Enumerable.Range(0, Events).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}", MaxRetries = 100 }))]);
        }

        var confirmed = new HashSet<string>();
        var workers = new List<WorkerProcess>();
        for (int round = 0; confirmed.Count < Events; round++)
        {
            WorkerProcess worker = await StartAsync(leaseMs: 300);
            workers.Add(worker);
            worker.Send("timer listen kills");
            bool last = round == Rounds;
            await Eventually.HoldsAsync(
                () => confirmed.Count + Count(worker, "confirmed") >= (last ? Events : Math.Min(Events, confirmed.Count + 100)), "confirmations", TimeSpan.FromSeconds(60));
            worker.Kill();
            await worker.EndedAsync();
            Ids(worker, "got").Where(confirmed.Contains).ShouldBeEmpty("what was acknowledged as confirmed does not come again");
            foreach (string id in Ids(worker, "confirmed")) confirmed.Add(id);

            // An event whose confirmation was done but not acknowledged is confirmed, too: ask the store.
            foreach (string id in await GoneAsync(Ids(worker, "got"))) confirmed.Add(id);
        }

        foreach (WorkerProcess worker in workers) await worker.DisposeAsync();
        await using SqliteStore end = await SqliteStore.OpenAsync(_folder.Database);
        TimerStats stats = await new DistributedTimer(end, new() { Namespace = "kills" }).GetStatsAsync();
        (stats.Scheduled, stats.InFlight, stats.DeadLetters).ShouldBe((0, 0, 0));
    }

    private static IEnumerable<string> Ids(WorkerProcess worker, string word) =>
        worker.Lines.Where(line => line.Words[0] == word).Select(line => line.Words[1]);

    private static int Count(WorkerProcess worker, string word) => worker.Lines.Count(line => line.Words[0] == word);

    private static Task CountAsync(WorkerProcess worker, string word, int count) =>
        Eventually.HoldsAsync(() => Count(worker, word) >= count || worker.Find("error") is not null, $"{count} × {word}", TimeSpan.FromSeconds(60));

    private async Task<IReadOnlyList<string>> GoneAsync(IEnumerable<string> ids)
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        var timer = new DistributedTimer(store, new() { Namespace = "kills" });
        var gone = new List<string>();
        foreach (string id in ids.Distinct())
        {
            if (await timer.PeekAsync(id) is null) gone.Add(id);
        }

        return gone;
    }

    private Task<WorkerProcess> StartAsync(int leaseMs = 5_000) => WorkerProcess.StartAsync(_folder.Uri, TimeSpan.FromMilliseconds(leaseMs));
}
