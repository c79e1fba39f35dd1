using System.Globalization;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>They start many processes, so they run alone: others must keep leases of some hundred milliseconds meanwhile.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ProcessTests
{
    public const string Name = "processes";
}

/// <summary>Lockers in processes of their own, which are killed and frozen.</summary>
[Collection(ProcessTests.Name)]
[Trait("Process", "own")]
public sealed class LockerProcessTests : IAsyncLifetime
{
    private readonly List<WorkerProcess> _workers = [];
    private RedisServer _server = null!;

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });

    public async Task DisposeAsync()
    {
        foreach (WorkerProcess worker in _workers) await worker.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Twenty_processes_with_500_callers_each_for_100_keys_make_100_runs()
    {
        const int Processes = 20, Callers = 500, Keys = 100;
        WorkerProcess[] workers = await StartAsync(Processes, TimeSpan.FromMinutes(1));
        foreach (WorkerProcess worker in workers) worker.Send($"once key {Keys} {Callers}");
        foreach (WorkerProcess worker in workers) await worker.ReadAsync("finished");

        WorkerLine[] lines = [.. workers.SelectMany(worker => worker.Lines)];
        lines.Where(line => line.Words[0] == "ran").Select(line => line.Words[1]).Order()
            .ShouldBe(Enumerable.Range(0, Keys).Select(i => $"key-{i}").Order(), "each key was run once");
        WorkerLine[] got = [.. lines.Where(line => line.Words[0] == "got")];
        got.Sum(line => int.Parse(line.Words[3], CultureInfo.InvariantCulture)).ShouldBe(Processes * Callers);
        got.Select(line => (line.Words[1], line.Words[2])).Distinct().Count().ShouldBe(Keys, "everyone has the same bytes");
    }

    [Fact]
    public async Task When_the_owner_is_killed_exactly_one_of_those_who_wait_takes_over()
    {
        // With re-checks of half an hour, and a lock timeout of an hour, they come only because the lease runs out.
        WorkerProcess[] workers = await StartAsync(3, TimeSpan.FromSeconds(6), recheck: TimeSpan.FromMinutes(30));
        string token = (await workers[0].AskAsync("hold a", "locked", "a")).Words[2];
        foreach (WorkerProcess waiting in workers[1..]) await waiting.AskAsync("wait a 50", "waiting");
        await Eventually.ReadsAsync(
            () => _server.CommandAsync("PUBSUB", "NUMSUB", "lw:{l:locker:a}:wake"), answer => answer.EndsWith("\n3", StringComparison.Ordinal), "both wait, and the owner listens");

        workers[0].Kill();
        WorkerLine[] woke = await Task.WhenAll(workers[1..].Select(waiting => waiting.ReadAsync("woke", "a")));

        WorkerLine run = workers[1..].SelectMany(worker => worker.Lines).Single(line => line.Words[0] == "ran");
        long.Parse(run.Words[2], CultureInfo.InvariantCulture).ShouldBeGreaterThan(long.Parse(token, CultureInfo.InvariantCulture));
        woke.Select(line => string.Join(' ', line.Words[4..])).Distinct().Count().ShouldBe(1, "all have the one result");
    }

    [Fact]
    public async Task An_owner_that_was_frozen_beyond_its_lease_changes_nothing_any_more()
    {
        WorkerProcess owner = (await StartAsync(1, TimeSpan.FromSeconds(1)))[^1];
        WorkerProcess next = (await StartAsync(1, TimeSpan.FromMinutes(10)))[^1];
        await owner.AskAsync("hold a", "locked", "a");
        owner.Freeze();
        await next.AskAsync("hold a", "locked", "a");
        (await next.AskAsync("publish a new", "published", "a")).Words[2].ShouldBe(nameof(PublishOutcome.Accepted));

        owner.Send("publish a old"); // it finds this in its input when it wakes up
        owner.Send("held a");
        owner.Resume();
        (await owner.ReadAsync("published", "a")).Words[2].ShouldBe(nameof(PublishOutcome.Superseded));
        (await owner.ReadAsync("held", "a")).Words[2].ShouldBe("False");
        await owner.ReadAsync("lost", "a");
        await ExpectResultAsync("a", "new");
    }

    [Fact]
    public async Task A_key_deleted_under_a_living_owner_is_lost_at_the_next_renewal()
    {
        WorkerProcess owner = (await StartAsync(1, TimeSpan.FromMilliseconds(500)))[0];
        await owner.AskAsync("hold a", "locked", "a");
        await _server.CommandAsync("DEL", "lw:{l:locker:a}:lock");
        await owner.ReadAsync("lost", "a");
        (await owner.AskAsync("publish a old", "published", "a")).Words[2].ShouldBe(nameof(PublishOutcome.Superseded));
        (await _server.CommandAsync("KEYS", "lw:{l:*")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Waiters_of_other_processes_are_served_by_the_notification_and_not_by_the_poll()
    {
        // With a lease and re-checks of half an hour, only the notification can be in time.
        TimeSpan halfAnHour = TimeSpan.FromMinutes(30);
        WorkerProcess[] workers = await StartAsync(3, halfAnHour, recheck: halfAnHour);
        await workers[0].AskAsync("hold a", "locked", "a");
        foreach (WorkerProcess waiting in workers[1..]) await waiting.AskAsync("wait a 200", "waiting");
        await Eventually.ReadsAsync(
            () => _server.CommandAsync("PUBSUB", "NUMSUB", "lw:{l:locker:a}:wake"), answer => answer.EndsWith("\n3", StringComparison.Ordinal), "both wait, and the owner listens");
        await workers[0].AskAsync("publish a result", "published", "a");
        foreach (WorkerProcess waiting in workers[1..])
        {
            WorkerLine woke = await waiting.ReadAsync("woke", "a");
            woke.Words[4..].ShouldBe(["result"]);
        }
    }

    private async Task<WorkerProcess[]> StartAsync(int count, TimeSpan lease, TimeSpan? recheck = null)
    {
        Task<WorkerProcess>[] starting = [.. Enumerable.Range(0, count).Select(_ => WorkerProcess.StartAsync(_server.Uri, lease, recheck))];
        foreach (Task<WorkerProcess> worker in starting) _workers.Add(await worker);
        return [.. _workers];
    }

    private async Task ExpectResultAsync(string key, string result)
    {
        await using RedisStore store = await RedisStore.ConnectAsync(_server.LenientUri);
        LockerOutcome? outcome = await store.Locks.TryGetAsync(new LockerKey(LockerOptions.DefaultNamespace, key), default);
        System.Text.Encoding.UTF8.GetString(outcome.ShouldNotBeNull().Data.Span).ShouldBe(result);
    }
}
