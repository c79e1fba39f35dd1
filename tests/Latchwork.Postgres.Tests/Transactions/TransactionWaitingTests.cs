using System.Collections.Concurrent;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Transactions;

/// <summary>What waits for an open transaction of the application, and what does not.</summary>
public sealed class TransactionWaitingTests(PostgresFixture fixture) : TransactionTestBase(fixture)
{
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

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_batch_of_new_ids_of_which_one_is_being_posted_waits_for_that_and_is_posted_as_a_whole(bool isCommitted)
    {
        await using PostgresStore store = await _fixture.OpenWithAsync(static options => options.LockTimeout = TimeSpan.FromSeconds(50));
        await using var timer = new DistributedTimer(store, new() { Namespace = _ns });
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "50" });

        Task<IReadOnlyList<PostResult>> batch = timer.PostAsync(
            [.. Enumerable.Range(0, 100).Select(static i => new TimerPost("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = $"{i}", IfExists = IfExists.Keep }))]);
        await IsWaitedForAsync(connection);
        if (isCommitted) await transaction.CommitAsync();
        else await transaction.RollbackAsync();

        IReadOnlyList<PostResult> results = await batch.WaitAsync(_timeout);
        results.Where(static one => one.Outcome == PostOutcome.Kept).Select(static one => one.Id).ShouldBe(isCommitted ? ["50"] : []);
        results.Count(static one => one.Outcome == PostOutcome.Created).ShouldBe(isCommitted ? 99 : 100);
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(100);
    }

    [Fact]
    public async Task A_post_that_waits_for_one_id_replaces_another_as_it_is_by_then()
    {
        await _timer.PostAsync([.. new[] { "a", "b" }.Select(static id => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = id }))]);
        TimerPartition partition = new(_ns, 0);
        await _store.Timers.ClaimAsync(partition, new ClaimRequest("n1", "token", 2, 2, 0, TimeSpan.FromMinutes(5), new(TimeSpan.FromDays(1), 10)), CancellationToken.None);
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction holdsA = await connection.BeginTransactionAsync();
        await WriteAsync(holdsA, $"SELECT 1 FROM {_fixture.Schema}.timer_events WHERE id = 'a' AND partition_id = (SELECT id FROM {_fixture.Schema}.timer_partitions WHERE namespace = convert_to('{_ns}', 'UTF8')) FOR UPDATE");
        await using PostgresStore patient = await _fixture.OpenWithAsync(static options => options.LockTimeout = TimeSpan.FromSeconds(50));
        await using var timer = new DistributedTimer(patient, new() { Namespace = _ns });
        Task<IReadOnlyList<PostResult>> posting = timer.PostAsync([.. new[] { "a", "b" }.Select(static id => new TimerPost("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = id }))]);
        await IsWaitedForAsync(connection);

        // Meanwhile b is confirmed, posted anew, and is being cancelled.
        await _store.Timers.ConfirmAsync(partition, [new("b", "token")], CompletedLimits.None, CancellationToken.None);
        (await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(2), new() { Id = "b" })).Outcome.ShouldBe(PostOutcome.Created);
        await using NpgsqlConnection other = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction cancels = await other.BeginTransactionAsync();
        (await _timer.WithTransaction(cancels).CancelAsync("b")).ShouldBe(TimerOutcome.Done);
        await holdsA.RollbackAsync();
        await IsWaitedForAsync(other);
        await cancels.CommitAsync();

        (await posting.WaitAsync(_timeout)).Select(static one => one.Outcome).ShouldBe([PostOutcome.Replaced, PostOutcome.Created]);
        (await _timer.PeekAsync("b")).ShouldNotBeNull().State.ShouldBe(TimerState.Scheduled);
        (await _timer.GetStatsAsync()).ShouldSatisfyAllConditions(stats => stats.Scheduled.ShouldBe(2), stats => stats.InFlight.ShouldBe(0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_an_open_transaction_removes_and_posts_anew_is_found_by_those_who_waited(bool cancels)
    {
        await using PostgresStore patient = await _fixture.OpenWithAsync(static options => options.LockTimeout = TimeSpan.FromSeconds(50));
        await using var timer = new DistributedTimer(patient, new() { Namespace = _ns });
        await timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        TransactionalTimer inside = _timer.WithTransaction(transaction);
        await inside.CancelAsync("a");
        await inside.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(2), new() { Id = "a" });

        Task<TimerOutcome> waits = cancels ? timer.CancelAsync("a") : timer.ChangeDelayAsync("a", TimeSpan.FromHours(3));
        await IsWaitedForAsync(connection);
        await transaction.CommitAsync();
        (await waits.WaitAsync(_timeout)).ShouldBe(TimerOutcome.Done);
        TimerSnapshot? after = await timer.PeekAsync("a");
        if (cancels) after.ShouldBeNull();
        else after!.TimeLeft.ShouldBeGreaterThan(TimeSpan.FromHours(2.5));
    }

    private Task IsWaitedForAsync(NpgsqlConnection connection) => Eventually.ReadsAsync(
        () => AskAsync<long>($"SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid' AND {connection.ProcessID} = ANY (pg_blocking_pids(pid))"),
        static waiting => waiting == 1,
        "somebody waits");

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
        await using PostgresStore impatient = await _fixture.OpenWithAsync(static options => options.LockTimeout = TimeSpan.FromMilliseconds(100));
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
        await using PostgresStore impatient = await _fixture.OpenWithAsync(static options => options.LockTimeout = TimeSpan.FromMilliseconds(50));
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
}
