using System.Collections.Concurrent;
using System.Transactions;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Transactions;

/// <summary>Posting, cancelling and confirming in the application's own transactions.</summary>
public sealed class TransactionTests(PostgresFixture fixture) : IClassFixture<PostgresFixture>, IAsyncLifetime
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(120);

    private readonly string _ns = $"tx-{Guid.NewGuid():N}";
    private readonly string _table = $"effects_{Guid.NewGuid():N}";
    private readonly List<IAsyncDisposable> _toDispose = [];
    private readonly ConcurrentQueue<Exception> _errors = new();
    private NpgsqlDataSource _database = null!;
    private PostgresStore _store = null!;
    private DistributedTimer _timer = null!;

    public async Task InitializeAsync()
    {
        _database = NpgsqlDataSource.Create((await PostgresServer.SharedAsync()).ConnectionString + ";Maximum Pool Size=200;Enlist=true");
        _store = await fixture.OpenWithAsync(static _ => { });
        _timer = NewTimer();
        await RunAsync($"CREATE TABLE {_table} (id text NOT NULL)");
    }

    public async Task DisposeAsync()
    {
        foreach (IAsyncDisposable one in _toDispose) await one.DisposeAsync();
        await _store.DisposeAsync();
        await _database.DisposeAsync();
    }

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
        await using PostgresStore store = await fixture.OpenWithAsync(options => options.TimeProvider = clock);
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
    public async Task An_occurrence_that_was_confirmed_in_a_transaction_is_not_shown_as_running_for_ever()
    {
        await _timer.Schedules.AddOrUpdateAsync("a", Schedule.Cron("0 0 1 1 *"), "x"u8.ToArray());
        await _timer.Schedules.TriggerAsync("a");
        await _timer.JoinAsync(async (delivery, cancellationToken) =>
        {
            await using NpgsqlConnection connection = await _database.OpenConnectionAsync(cancellationToken);
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
            await delivery.ConfirmAsync(transaction, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        });

        ScheduleOccurrence shown = (await Eventually.ReadsAsync(
            async () => (await _timer.Schedules.GetAsync("a"))?.History.Single(), one => one?.Outcome == OccurrenceOutcome.Ended, "a sweep has closed it"))!;
        (shown.StartedAt is not null, shown.EndedAt).ShouldBe((true, null));
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
    public async Task What_a_transaction_leaves_as_it_is_can_be_extended_and_confirmed_while_the_transaction_is_open()
    {
        TimerPartition partition = new(_ns, 0);
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a" });
        TimerClaim claim = await _store.Timers.ClaimAsync(
            partition, new ClaimRequest("n1", "token", 1, 1, 0, TimeSpan.FromMinutes(5), new(TimeSpan.FromDays(1), 10)), CancellationToken.None);
        claim.Events.Single().Id.ShouldBe("a");

        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        TransactionalTimer inside = _timer.WithTransaction(transaction);
        (await inside.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a", IfExists = IfExists.Keep })).Outcome.ShouldBe(PostOutcome.Kept);
        (await inside.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a", IfExists = IfExists.Fail })).Outcome.ShouldBe(PostOutcome.Exists);
        (await inside.CancelAsync("a")).ShouldBe(TimerOutcome.InFlight);
        (await inside.ChangeDelayAsync("a", TimeSpan.Zero)).ShouldBe(TimerOutcome.InFlight);

        (await _store.Timers.ExtendAsync(partition, [new("a", "token")], TimeSpan.FromMinutes(6), CancellationToken.None)).ShouldBe([TimerOutcome.Done]);
        (await _store.Timers.ConfirmAsync(partition, [new("a", "token")], CompletedLimits.None, CancellationToken.None)).ShouldBe([TimerOutcome.Done]);
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
    public async Task Thirty_two_open_transactions_that_have_posted_hold_up_nobody_else()
    {
        const int Open = 32, Others = 300;
        var got = new ConcurrentDictionary<string, bool>();
        DistributedTimer listener = NewTimer();
        await listener.JoinAsync((delivery, _) =>
        {
            got[delivery.Id] = true;
            return Task.CompletedTask;
        });
        NpgsqlTransaction[] transactions = await Task.WhenAll(Enumerable.Range(0, Open).Select(async i =>
        {
            NpgsqlConnection connection = await _database.OpenConnectionAsync();
            _toDispose.Add(connection);
            NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"open {i}" });
            return transaction;
        }));

        // Everything that others do goes through: posts, claims, confirmations, and looking. None of them waits for a row.
        await Task.WhenAll(Enumerable.Range(0, Others).Select(i => _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"other {i}" }))).WaitAsync(_timeout);
        await Eventually.HoldsAsync(() => got.Count == Others, "all others are delivered");
        await Eventually.ReadsAsync(() => _timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0 }, "and confirmed");
        (await AskAsync<long>("SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND locktype IN ('tuple', 'transactionid')"))
            .ShouldBe(0, "nobody waits for a row");

        foreach (NpgsqlTransaction transaction in transactions) await transaction.CommitAsync();
        await Eventually.HoldsAsync(() => got.Count == Others + Open, "those are delivered, too");
        _errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_business_row_and_a_post_in_opposite_orders_never_wait_for_each_other_in_a_circle()
    {
        await RunAsync($"INSERT INTO {_table} VALUES ('row')");
        for (int round = 0; round < 20; round++)
        {
            var bothBegan = new Barrier(2);
            await Task.WhenAll(
                Task.Run(() => InTransactionAsync(async transaction =>
                {
                    await WriteAsync(transaction, $"UPDATE {_table} SET id = 'row' WHERE id = 'row'");
                    bothBegan.SignalAndWait(_timeout).ShouldBeTrue();
                    await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"a{round}" });
                })),
                Task.Run(() => InTransactionAsync(async transaction =>
                {
                    await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"b{round}" });
                    bothBegan.SignalAndWait(_timeout).ShouldBeTrue();
                    await WriteAsync(transaction, $"UPDATE {_table} SET id = 'row' WHERE id = 'row'");
                }))).WaitAsync(_timeout);
        }

        (await _timer.GetStatsAsync()).Scheduled.ShouldBe(40);
    }

    [Fact]
    public async Task Transactions_that_post_the_same_ids_in_any_order_never_wait_for_each_other_in_a_circle()
    {
        await Parallel.ForAsync(0, 8, async (i, token) =>
        {
            for (int round = 0; round < 10; round++)
            {
                int[] ids = [.. Enumerable.Range(0, 30)];
                Random.Shared.Shuffle(ids);
                await InTransactionAsync(transaction => _timer.WithTransaction(transaction).PostAsync(
                    [.. ids.Select(id => new TimerPost("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = $"{id}" }))], token));
            }
        });
        (await _timer.GetStatsAsync()).Scheduled.ShouldBe(30);
    }

    [Fact]
    public async Task A_post_of_an_id_that_an_open_transaction_has_posted_is_known_not_to_have_happened()
    {
        await using PostgresStore impatient = await fixture.OpenWithAsync(static options => options.LockTimeout = TimeSpan.FromMilliseconds(100));
        await using var timer = new DistributedTimer(impatient, new() { Namespace = _ns });
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(() => timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" }));
        (e.Outcome, e.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
        e.Message.ShouldContain("LockTimeout");
        await transaction.RollbackAsync();
        (await timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" })).Outcome.ShouldBe(PostOutcome.Created);
    }

    [Fact]
    public async Task A_delivery_whose_row_an_open_transaction_holds_does_not_keep_others_from_being_confirmed()
    {
        await using PostgresStore impatient = await fixture.OpenWithAsync(static options => options.LockTimeout = TimeSpan.FromMilliseconds(50));
        var partition = new TimerPartition(_ns, 0);
        for (int i = 0; i < 3; i++) await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}" });
        var request = new ClaimRequest("n1", "t", 10, 10, 0, TimeSpan.FromMinutes(1), new DeadLetterLimits(TimeSpan.FromDays(1), 100));
        (await impatient.Timers.ClaimAsync(partition, request, CancellationToken.None)).Events.Count.ShouldBe(3);
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        (await _timer.WithTransaction(transaction).CancelAsync("1", revoke: true)).ShouldBe(TimerOutcome.Done);
        DeliveryKey[] keys = [new("0", "t"), new("1", "t"), new("2", "t")];
        (await impatient.Timers.ConfirmAsync(partition, keys, CompletedLimits.None, CancellationToken.None)).ShouldBe([TimerOutcome.Done, TimerOutcome.Stale, TimerOutcome.Done]);
        await transaction.RollbackAsync();
        (await _timer.PeekAsync("1"))!.State.ShouldBe(TimerState.InFlight);
    }

    [Fact]
    public async Task A_delivery_that_an_open_transaction_replaces_is_neither_extended_nor_lost_until_the_transaction_ends()
    {
        var partition = new TimerPartition(_ns, 0);
        foreach (string id in (string[])["a", "b"]) await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = id });
        var request = new ClaimRequest("n1", "t", 10, 10, 0, TimeSpan.FromMinutes(1), new DeadLetterLimits(TimeSpan.FromDays(1), 100));
        (await _store.Timers.ClaimAsync(partition, request, CancellationToken.None)).Events.Count.ShouldBe(2);
        DeliveryKey[] keys = [new("a", "t"), new("b", "t"), new("a", "stale"), new("c", "t")];
        foreach (bool commits in (bool[])[false, true])
        {
            await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            (await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" })).Outcome.ShouldBe(PostOutcome.Replaced);
            (await ExtendAsync()).ShouldBe([TimerOutcome.InFlight, TimerOutcome.Done, TimerOutcome.Stale, TimerOutcome.NotFound]);
            if (commits) await transaction.CommitAsync();
            else await transaction.RollbackAsync();
            (await ExtendAsync()).ShouldBe([commits ? TimerOutcome.Stale : TimerOutcome.Done, TimerOutcome.Done, TimerOutcome.Stale, TimerOutcome.NotFound]);
        }

        Task<IReadOnlyList<TimerOutcome>> ExtendAsync() => _store.Timers.ExtendAsync(partition, keys, TimeSpan.FromMinutes(1), CancellationToken.None);
    }

    [Fact]
    public async Task A_handler_whose_event_is_replaced_in_a_transaction_that_is_rolled_back_goes_on()
    {
        var begun = new TaskCompletionSource<TimerDelivery>(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        DistributedTimer timer = _timer;
        await timer.JoinAsync(async (delivery, _) =>
        {
            begun.TrySetResult(delivery);
            await go.Task;
        });
        await timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a" });
        TimerDelivery held = await begun.Task.WaitAsync(_timeout);
        await using (NpgsqlConnection connection = await _database.OpenConnectionAsync())
        {
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            await timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
            (await held.ExtendAsync(TimeSpan.FromSeconds(20))).ShouldBe(TimerOutcome.InFlight);
            await transaction.RollbackAsync();
        }

        (await held.ExtendAsync(TimeSpan.FromSeconds(20))).ShouldBe(TimerOutcome.Done);
        held.Lost.IsCancellationRequested.ShouldBeFalse();
        go.SetResult();
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0 }, "it is confirmed");
    }

    [Fact]
    public async Task A_plain_post_in_a_transaction_scope_is_independent_of_it()
    {
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
            await using PostgresStore opened = await fixture.OpenWithAsync(static _ => { });
            await using var another = new DistributedTimer(opened, new() { Namespace = _ns });
            await another.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "b" });
            Transaction.Current!.TransactionInformation.DistributedIdentifier.ShouldBe(Guid.Empty);
        }

        (await _timer.PeekAsync("a")).ShouldNotBeNull("the scope was not completed, and that is no affair of the post");
        (await _timer.PeekAsync("b")).ShouldNotBeNull();
    }

    [Fact]
    public async Task Effects_and_confirmations_are_committed_together_whatever_goes_wrong()
    {
        const int Events = 60;
        var attempts = new ConcurrentDictionary<string, int>();
        DistributedTimer listener = NewTimer();
        await listener.JoinAsync(async (delivery, token) =>
        {
            int attempt = attempts.AddOrUpdate(delivery.Id, 1, static (_, before) => before + 1);
            await using NpgsqlConnection connection = await _database.OpenConnectionAsync(token);
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(token);
            await WriteAsync(transaction, $"INSERT INTO {_table} VALUES ('{delivery.Id}')");
            if (attempt == 1 && delivery.Id.EndsWith('1')) throw new TimeoutException("before the confirmation");
            await delivery.ConfirmAsync(transaction, token);
            if (attempt == 1 && delivery.Id.EndsWith('2')) throw new TimeoutException("between the confirmation and the commit");
            await transaction.CommitAsync(token);
            if (attempt == 1 && delivery.Id.EndsWith('3')) throw new TimeoutException("after the commit");
        });
        await _timer.PostAsync([.. Enumerable.Range(0, Events).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}", MaxRetries = 3 }))]);
        await Eventually.ReadsAsync(() => _timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0, DeadLetters: 0 }, "everything is confirmed");
        (await AskAsync<long>($"SELECT count(*) FROM {_table}")).ShouldBe(Events);
        (await AskAsync<long>($"SELECT count(DISTINCT id) FROM {_table}")).ShouldBe(Events);
        attempts.ShouldAllBe(pair => pair.Value == (pair.Key.EndsWith('1') || pair.Key.EndsWith('2') ? 2 : 1));
        _errors.ShouldAllBe(error => error is TimeoutException);
    }

    [Fact]
    public async Task A_delivery_that_was_replaced_cannot_be_confirmed_and_its_transaction_is_told()
    {
        var replaced = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thrown = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        DistributedTimer listener = NewTimer();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await listener.JoinAsync(async (delivery, _) =>
        {
            begun.TrySetResult();
            await replaced.Task;
            await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            thrown.TrySetResult(await Should.ThrowAsync<LeaseLostException>(() => delivery.ConfirmAsync(transaction)));
        });
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a" });
        await begun.Task.WaitAsync(_timeout);
        (await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" })).Outcome.ShouldBe(PostOutcome.Replaced);
        replaced.SetResult();
        (await thrown.Task.WaitAsync(_timeout)).Message.ShouldContain("'a'");
        (await _timer.PeekAsync("a"))!.State.ShouldBe(TimerState.Scheduled);
    }

    [Fact]
    public async Task The_line_of_a_confirmation_comes_with_the_transaction_which_locks_no_line_of_another_id()
    {
        var partition = new TimerPartition(_ns, 0);
        var keep = new CompletedLimits(TimeSpan.FromDays(1), 2);
        await _timer.PostAsync([.. Enumerable.Range(0, 5).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"e{i}" }))]);
        TimerClaim claim = await _store.Timers.ClaimAsync(
            partition, new ClaimRequest("n1", "t1", 5, 5, 0, TimeSpan.FromMinutes(5), new(TimeSpan.FromDays(1), 10)), CancellationToken.None);
        claim.Events.Count.ShouldBe(5);
        await _store.Timers.ConfirmAsync(partition, [new("e0", "t1"), new("e1", "t1")], keep, CancellationToken.None);
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            (await _store.TimerTransactions.ConfirmAsync(transaction, partition, new DeliveryKey("e2", "t1"), keep, CancellationToken.None)).ShouldBe(TimerOutcome.Done);
            (await _timer.PeekAsync("e2"))!.State.ShouldBe(TimerState.InFlight, "nobody sees what is not committed");
            await transaction.RollbackAsync();
        }

        (await CompletedIdsAsync()).ShouldBe(["e0", "e1"]);
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            await _store.TimerTransactions.ConfirmAsync(transaction, partition, new DeliveryKey("e2", "t1"), keep, CancellationToken.None);

            // Whatever is too much goes with the confirmation of another, while the transaction is open: it waits for nothing.
            (await _store.Timers.ConfirmAsync(partition, [new("e3", "t1")], keep, CancellationToken.None)).ShouldBe([TimerOutcome.Done]);
            (await CompletedIdsAsync()).Count.ShouldBe(2);
            await transaction.CommitAsync();
        }

        (await CompletedIdsAsync()).ShouldContain("e2");
        (await _timer.PeekAsync("e2"))!.ShouldSatisfyAllConditions(line => line.State.ShouldBe(TimerState.Completed), line => line.Outcome.ShouldBe(CompletedOutcome.Succeeded));
        await _store.Timers.ConfirmAsync(partition, [new("e4", "t1")], keep, CancellationToken.None);
        (await CompletedIdsAsync()).Count.ShouldBe(2, "what the transaction left over went with the next confirmation");

        async Task<List<string>> CompletedIdsAsync()
        {
            var ids = new List<string>();
            await foreach (TimerSnapshot line in _timer.CompletedAsync()) ids.Add(line.Id);
            return [.. ids.Order()];
        }
    }

    [Fact]
    public async Task While_the_transaction_of_a_confirmation_is_open_nobody_takes_the_event_even_after_its_lease()
    {
        var timers = _store.Timers;
        var partition = new TimerPartition(_ns, 0);
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a", MaxRetries = 5 });
        (await ClaimAsync("t1", TimeSpan.FromMilliseconds(50))).Events.Count.ShouldBe(1);
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        (await _store.TimerTransactions.ConfirmAsync(transaction, partition, new DeliveryKey("a", "t1"), CompletedLimits.None, CancellationToken.None)).ShouldBe(TimerOutcome.Done);
        var taken = new List<ClaimedEvent>();
        await Eventually.ReadsAsync(
            async () =>
            {
                TimerClaim claim = await ClaimAsync(Guid.NewGuid().ToString(), TimeSpan.FromSeconds(10));
                taken.AddRange(claim.Events);
                return claim;
            },
            static claim => claim.AskAgainIn > TimeSpan.FromMilliseconds(150),
            "nothing spins on what it may not have");
        taken.ShouldBeEmpty();
        await transaction.RollbackAsync();
        await Eventually.ReadsAsync(() => ClaimAsync(Guid.NewGuid().ToString(), TimeSpan.FromSeconds(10)), claim => claim.Events.Count == 1, "then it comes again");

        Task<TimerClaim> ClaimAsync(string token, TimeSpan lease) => timers.ClaimAsync(
            partition, new ClaimRequest("n1", token, 10, 10, 0, lease, new DeadLetterLimits(TimeSpan.FromDays(1), 100)), CancellationToken.None);
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

    private DistributedTimer NewTimer()
    {
        var timer = new DistributedTimer(_store, new() { Namespace = _ns, LeaseDuration = TimeSpan.FromSeconds(20), Backoff = new RetryBackoff { Initial = TimeSpan.FromMilliseconds(20) } });
        timer.Error += (_, e) => _errors.Enqueue(e.Exception);
        _toDispose.Add(timer);
        return timer;
    }

    private async Task InTransactionAsync(Func<NpgsqlTransaction, Task> act)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await act(transaction);
        await transaction.CommitAsync();
    }

#pragma warning disable CA2100 // the statements are these tests' own
    private static async Task WriteAsync(NpgsqlTransaction transaction, string statement)
    {
        await using var command = new NpgsqlCommand(statement, transaction.Connection, transaction);
        await command.ExecuteNonQueryAsync();
    }

    private async Task RunAsync(string statement)
    {
        await using NpgsqlCommand command = _database.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<T> AskAsync<T>(string statement)
    {
        await using NpgsqlCommand command = _database.CreateCommand(statement);
        return (T)(await command.ExecuteScalarAsync())!;
    }
#pragma warning restore CA2100
}
