using System.Collections.Concurrent;
using System.Transactions;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Transactions;

/// <summary>Posting, cancelling and changing in the application's own transactions.</summary>
public sealed class TransactionTests(PostgresFixture fixture) : TransactionTestBase(fixture)
{
    [Fact]
    public async Task What_is_committed_fires_and_what_is_rolled_back_never_does()
    {
        var got = new ConcurrentQueue<string>();
        await _timer.JoinAsync((delivery, _) =>
        {
            got.Enqueue(delivery.Id);
            return Task.CompletedTask;
        });
        await Parallel.ForAsync(0, 60, async (i, token) =>
        {
            await using NpgsqlConnection connection = await _database.OpenConnectionAsync(token);
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(token);
            (await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromMilliseconds(i), new() { Id = $"{i}" }, token)).Outcome.ShouldBe(PostOutcome.Created);
            if (i % 3 == 0) await transaction.RollbackAsync(token);
            else await transaction.CommitAsync(token);
        });
        await Eventually.HoldsAsync(() => got.Count >= 40, "what was committed is delivered");
        await Eventually.ReadsAsync(() => _timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0 }, "nothing is left");
        got.Select(int.Parse).Order().ShouldBe(Enumerable.Range(0, 60).Where(i => i % 3 != 0));
    }

    [Fact]
    public async Task An_absolute_time_is_right_although_nobody_noted_that_the_clock_went_back_before_it_was_posted()
    {
        var clock = new ManualTimeProvider();
        await using PostgresStore store = await _fixture.OpenWithAsync(options => options.TimeProvider = clock);
        await using var timer = new DistributedTimer(store, new() { Namespace = _ns, TimeProvider = clock });
        var partition = new TimerPartition(_ns, 0);
        DateTimeOffset at = clock.GetUtcNow().AddHours(1);
        clock.Shift(TimeSpan.FromHours(20));
        (await ClaimAsync()).ShouldBeEmpty();
        clock.Shift(-TimeSpan.FromHours(20));
        await using (NpgsqlConnection connection = await _database.OpenConnectionAsync())
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            TransactionalTimer inside = timer.WithTransaction(transaction);
            await inside.PostAsync("{}"u8.ToArray(), at, new() { Id = "a" });
            await inside.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(3), new() { Id = "b" });
            (await inside.ChangeDelayAsync("b", at)).ShouldBe(TimerOutcome.Done);
            await transaction.CommitAsync();
        }

        clock.Advance(TimeSpan.FromMinutes(30)); // nobody has locked the row of the partition meanwhile
        (await ClaimAsync()).ShouldBeEmpty();
        (await timer.PeekAsync("a"))!.Due.ShouldBe(at);
        clock.Advance(TimeSpan.FromMinutes(30) - TimeSpan.FromMilliseconds(1));
        (await ClaimAsync()).ShouldBeEmpty();
        clock.Advance(TimeSpan.FromMilliseconds(1));
        (await ClaimAsync()).ShouldBe(["a", "b"]);

        async Task<string[]> ClaimAsync()
        {
            var request = new ClaimRequest("n", Guid.NewGuid().ToString("N"), 200, 200, 0, TimeSpan.FromSeconds(10), new DeadLetterLimits(TimeSpan.FromDays(1), 10));
            return [.. (await store.Timers.ClaimAsync(partition, request, CancellationToken.None)).Events.Select(e => e.Id)];
        }
    }

    [Fact]
    public async Task A_call_neither_commits_nor_rolls_back_and_uses_the_callers_connection()
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        TransactionalTimer inside = _timer.WithTransaction(transaction);
        await inside.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        (await inside.ChangeDelayAsync("a", TimeSpan.FromHours(2))).ShouldBe(TimerOutcome.Done);
        (await inside.CancelAsync("a")).ShouldBe(TimerOutcome.Done);
        (await inside.CancelAsync("a")).ShouldBe(TimerOutcome.NotFound);
        await inside.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "b" });
        (await _timer.PeekAsync("b")).ShouldBeNull("it is not committed");
        transaction.Connection.ShouldBe(connection);
        await transaction.CommitAsync();
        (await _timer.PeekAsync("b"))!.State.ShouldBe(TimerState.Scheduled);
        (await _timer.GetStatsAsync()).Scheduled.ShouldBe(1);
    }

    [Fact]
    public async Task In_a_pause_a_commit_wakes_nobody()
    {
        var partition = new TimerPartition(_ns, 0);
        await using NotificationRecorder node = await NotificationRecorder.ListenAsync(_store.Timers, _ns, "n1");
        await _store.Timers.ClaimAsync(partition, new ClaimRequest("n1", "t1", 1, 1, 0, TimeSpan.FromMinutes(1), new(TimeSpan.FromDays(1), 10)), default);
        await _timer.PauseAsync("why");
        await using (NpgsqlConnection connection = await _database.OpenConnectionAsync())
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a" });
            await transaction.CommitAsync();
        }

        await _timer.ResumeAsync();
        await Eventually.HoldsAsync(() => node.DueCount > 0, "the end of the pause wakes it");
        node.DueCount.ShouldBe(1, "the commit, which came before, did not");
    }

    [Theory]
    [InlineData(System.Data.IsolationLevel.RepeatableRead)]
    [InlineData(System.Data.IsolationLevel.Serializable)]
    public async Task A_transaction_that_does_not_see_what_is_committed_is_refused_by_name(System.Data.IsolationLevel level)
    {
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(level);
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(
            () => _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "b" }));
        e.Message.ShouldContain("READ COMMITTED");
        e.Outcome.ShouldBe(StoreOutcome.NotApplied);
    }

    [Fact]
    public async Task A_transaction_on_another_database_is_refused_by_name()
    {
        string other = $"other_{Guid.NewGuid():N}";
        await RunAsync($"CREATE DATABASE {other}");
        await using NpgsqlDataSource elsewhere = NpgsqlDataSource.Create((await PostgresServer.SharedAsync()).ConnectionString + $";Database={other};Pooling=false");
        await using NpgsqlConnection connection = await elsewhere.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        ArgumentException e = await Should.ThrowAsync<ArgumentException>(
            () => _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1)));
        e.Message.ShouldContain(other);
    }

    [Fact]
    public async Task Many_are_posted_in_pieces_and_answered_in_order()
    {
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "0250" });
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        TimerPost[] posts = [.. Enumerable.Range(0, 500).Reverse().Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = $"{i:D4}" }))];
        IReadOnlyList<PostResult> results = await _timer.WithTransaction(transaction).PostAsync(posts);
        await transaction.CommitAsync();
        results.Select(result => result.Id).ShouldBe(posts.Select(post => post.Options!.Id!));
        results.Select(result => result.Outcome).ShouldBe(posts.Select(post => post.Options!.Id == "0250" ? PostOutcome.Replaced : PostOutcome.Created));
        (await _timer.GetStatsAsync()).Scheduled.ShouldBe(500);
    }

    [Fact]
    public async Task What_is_cancelled_or_changed_in_a_transaction_that_is_rolled_back_is_as_it_was()
    {
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "b" });
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            await _timer.WithTransaction(transaction).CancelAsync("a");
            await _timer.WithTransaction(transaction).ChangeDelayAsync("b", TimeSpan.Zero);
        }

        (await _timer.PeekAsync("a"))!.State.ShouldBe(TimerState.Scheduled);
        (await _timer.PeekAsync("b"))!.TimeLeft.ShouldBeGreaterThan(TimeSpan.FromMinutes(50));
        (await _timer.GetStatsAsync()).Scheduled.ShouldBe(2);
    }

    [Fact]
    public async Task A_savepoint_takes_back_what_was_posted_after_it()
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "kept" });
        await transaction.SaveAsync("before");
        await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "taken back" });
        await transaction.RollbackAsync("before");
        await transaction.CommitAsync();
        (await _timer.PeekAsync("kept")).ShouldNotBeNull();
        (await _timer.PeekAsync("taken back")).ShouldBeNull();
    }

    [Fact]
    public async Task The_commit_of_what_is_due_soon_notifies_those_who_listen_and_that_of_what_is_due_later_does_not()
    {
        await using NotificationRecorder notified = await NotificationRecorder.ListenAsync(_store.Timers, _ns, "n1");
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using (NpgsqlTransaction later = await connection.BeginTransactionAsync())
        {
            await _timer.WithTransaction(later).PostAsync("{}"u8.ToArray(), TimeSpan.FromMinutes(1));
            await later.CommitAsync();
        }

        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        for (int i = 0; i < 5; i++) await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromSeconds(1));
        notified.DueCount.ShouldBe(0);
        await transaction.CommitAsync();
        await notified.DueAsync();
        notified.DueCount.ShouldBe(1, "PostgreSQL folds what is the same");
    }

    [Fact]
    public async Task A_plain_post_in_a_transaction_scope_is_independent_of_it()
    {
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
            await using PostgresStore opened = await _fixture.OpenWithAsync(static _ => { });
            await using var another = new DistributedTimer(opened, new() { Namespace = _ns });
            await another.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "b" });
            Transaction.Current!.TransactionInformation.DistributedIdentifier.ShouldBe(Guid.Empty);
        }

        (await _timer.PeekAsync("a")).ShouldNotBeNull("the scope was not completed, and that is no affair of the post");
        (await _timer.PeekAsync("b")).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_store_that_cannot_do_it_refuses_by_name()
    {
        await using var memory = new InMemoryStore();
        await using var timer = new DistributedTimer(memory, new() { Namespace = _ns });
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        NotSupportedException e = await Should.ThrowAsync<NotSupportedException>(() => timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.Zero));
        e.Message.ShouldContain(memory.Description);
        e.Message.ShouldContain("PostgreSQL");
    }
}
