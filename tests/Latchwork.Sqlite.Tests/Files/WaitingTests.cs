using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Microsoft.Data.Sqlite;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Files;

/// <summary>Other users of the same file: they may write and read for long, and nobody gets "database is locked".</summary>
public sealed class WaitingTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_writer_waits_for_another_process_to_end_its_transaction()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        var timer = new DistributedTimer(store);
        await timer.PostAsync(1, TimeSpan.FromHours(1));
        using SqliteConnection other = Connect();
        Run(other, "BEGIN IMMEDIATE");
        Task<PostResult> post = timer.PostAsync(2, TimeSpan.FromHours(1));
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(1, "who only looks need not wait");
        post.IsCompleted.ShouldBeFalse();
        Run(other, "COMMIT");
        (await post).Outcome.ShouldBe(PostOutcome.Created);
    }

    [Fact]
    public async Task Beyond_the_limit_it_is_told_in_words_and_nothing_was_done()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database, new() { BusyTimeout = TimeSpan.FromMilliseconds(100) });
        var timer = new DistributedTimer(store);
        await timer.PostAsync(1, TimeSpan.FromHours(1));
        using SqliteConnection other = Connect();
        Run(other, "BEGIN IMMEDIATE");
        var e = await Should.ThrowAsync<LatchworkStoreException>(() => timer.PostAsync(2, TimeSpan.FromHours(1)));
        (e.Outcome, e.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
        e.Message.ShouldContain("was locked by another process for more than 0.1 s");
        e.Message.ShouldContain("BusyTimeout");
        Run(other, "COMMIT");
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(1);
    }

    [Fact]
    public async Task A_reader_that_takes_its_time_stops_no_writer()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database, new() { BusyTimeout = TimeSpan.FromMilliseconds(500) });
        var timer = new DistributedTimer(store);
        await timer.PostAsync([.. Enumerable.Range(0, 2_000).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.FromHours(1)))]);
        using SqliteConnection other = Connect();
        Run(other, "BEGIN; SELECT count(*) FROM events"); // it sees the database as it is now, until it ends
        int listed = 0;
        await foreach (TimerSnapshot _ in timer.UpcomingAsync())
        {
            // While somebody lists, and somebody else reads on in an old state, events are posted.
            if (listed++ % 100 == 0) await timer.PostAsync(1, TimeSpan.Zero);
        }

        listed.ShouldBeGreaterThanOrEqualTo(2_000);
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(2_000 + 20);
    }

    /// <summary>Who cancels goes on, inside the cancellation, with what waited; and that may wait for the store.</summary>
    [Fact]
    public async Task A_cancellation_whose_callback_waits_for_the_store_does_not_stop_the_store()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        using var hold = new ManualResetEventSlim();
        using var impatient = new CancellationTokenSource();
        Task<bool> holding = store.Writer.RunAsync(_ => hold.Wait(TimeSpan.FromMinutes(1)), isDurable: false, impatient.Token);
        Task<bool> afterwards = holding.ContinueWith(
            _ =>
            {
                hold.Set(); // the operation ends, while the callback that cancelled it still runs
                return store.Writer.RunAsync(_ => true, isDurable: false, CancellationToken.None).Wait(TimeSpan.FromSeconds(30));
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);

        await impatient.CancelAsync();

        (await afterwards).ShouldBeTrue();
        await Should.ThrowAsync<OperationCanceledException>(() => holding);
    }

    [Fact]
    public async Task What_waits_shares_a_transaction_and_each_gets_its_own_answer()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        var partition = new TimerPartition("group", 0);
        await store.Timers.OpenAsync("group", default);
        long before = store.Writer.Commits;
        using SqliteConnection other = Connect();
        Run(other, "BEGIN IMMEDIATE");
        Task<IReadOnlyList<PostOutcome>>[] posts =
        [
            .. Enumerable.Range(0, 1_000).Select(i => store.Timers.PostAsync(
                partition, [new TimerEntry($"{i % 500}", TimeSpan.FromHours(1), "x"u8.ToArray(), 0, IfExists.Keep, null, false)], default)),
        ];
        Run(other, "COMMIT");
        IReadOnlyList<PostOutcome>[] outcomes = await Task.WhenAll(posts);
        outcomes.Select((outcome, i) => outcome[0] == (i < 500 ? PostOutcome.Created : PostOutcome.Kept)).ShouldAllBe(isRight => isRight);
        (store.Writer.Commits - before).ShouldBeLessThan(500, "far fewer transactions than operations");
    }

    [Fact]
    public async Task One_that_cannot_be_done_spoils_nothing_for_those_who_share_its_transaction()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        await store.Timers.OpenAsync("good", default);
        await store.Timers.OpenAsync("bad", default);
        _folder.Ask("UPDATE timer_namespaces SET format = 9 WHERE name = 'bad' RETURNING id");
        using SqliteConnection other = Connect();
        Run(other, "BEGIN IMMEDIATE");
        Task<IReadOnlyList<PostOutcome>>[] posts =
        [
            .. Enumerable.Range(0, 30).Select(i => store.Timers.PostAsync(
                new TimerPartition(i % 3 == 1 ? "bad" : "good", 0), [new TimerEntry($"{i}", TimeSpan.FromHours(1), "x"u8.ToArray(), 0, IfExists.Fail, null, false)], default)),
        ];
        Run(other, "COMMIT");
        for (int i = 0; i < posts.Length; i++)
        {
            if (i % 3 == 1) (await Should.ThrowAsync<LatchworkStoreException>(() => posts[i])).Outcome.ShouldBe(StoreOutcome.NotApplied);
            else (await posts[i]).Single().ShouldBe(PostOutcome.Created, "done once, although it was tried twice");
        }

        (await store.Timers.GetStatsAsync(new TimerPartition("good", 0), default)).Scheduled.ShouldBe(20);
    }

    [Fact]
    public async Task What_must_survive_a_loss_of_power_is_synced_and_a_lease_is_not()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database);
        var partition = new TimerPartition("sync", 0);
        await store.Timers.PostAsync(partition, [new TimerEntry("a", DateTimeOffset.UnixEpoch.AddYears(50), "x"u8.ToArray(), 0, IfExists.Fail, null, true)], default);
        store.Writer.LastWasSynced.ShouldBeTrue();
        await store.Timers.ClaimAsync(partition, new ClaimRequest("n", "t", 1, 1, 0, TimeSpan.FromMinutes(1), new(TimeSpan.FromDays(1), 10)), default);
        store.Writer.LastWasSynced.ShouldBeFalse();
        (await store.Timers.ConfirmAsync(partition, [new DeliveryKey("a", "t")], CompletedLimits.None, default)).ShouldBe([TimerOutcome.Done]);
        store.Writer.LastWasSynced.ShouldBeTrue();

        await using SqliteStore normal = await SqliteStore.OpenAsync(_folder.Database, new() { Synchronous = SqliteSynchronous.Normal });
        await normal.Timers.PostAsync(partition, [new TimerEntry("a", DateTimeOffset.UnixEpoch.AddYears(50), "x"u8.ToArray(), 0, IfExists.Fail, null, true)], default);
        normal.Writer.LastWasSynced.ShouldBeFalse();
    }

    private static void Run(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteScalar();
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection($"Data Source={_folder.Database};Pooling=false");
        connection.Open();
        return connection;
    }
}
