using Latchwork.Postgres.Maintenance;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Transactions;

/// <summary>Moves, and warnings, while a transaction of the application is open.</summary>
public sealed class TransactionMaintenanceTests(PostgresFixture fixture) : TransactionTestBase(fixture)
{
    private static readonly TimeSpan _promptly = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_move_that_waits_for_an_open_transaction_keeps_nobody_else_waiting()
    {
        await using PostgresStore store = await _fixture.OpenWithAsync(static options => options.LockTimeout = TimeSpan.FromSeconds(50));
        TimerPartition partition = new(_ns, 0);
        var unit = new NamespaceRef(TransferKind.Timers, _ns);
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a" });
        TimerClaim claim = await store.Timers.ClaimAsync(partition, new ClaimRequest("n1", "token", 1, 1, 0, TimeSpan.FromMinutes(5), new(TimeSpan.FromDays(1), 10)), CancellationToken.None);
        claim.Events.Single().Id.ShouldBe("a");
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "b" });

        (await store.Maintenance.ReadMarksAsync(unit, CancellationToken.None).WaitAsync(_promptly)).Seal.ShouldBeNull();
        await store.Maintenance.ReadCountersAsync(_ns, CancellationToken.None).WaitAsync(_promptly);
        Task<CloseAnswer> look = store.Maintenance.CloseAsync(unit, "check", "somewhere else", checkOnly: true, CancellationToken.None);
        int space = PostgresSettings.Of(new PostgresOptions { Schema = _fixture.Schema }).LockSpace;
        await Eventually.ReadsAsync(
            () => AskAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%pg_advisory_xact_lock({space},%'"), static waiting => waiting > 0, "the look waits");
        for (int i = 0; i < 20; i++) (await store.Timers.ExtendAsync(partition, [new("a", "token")], TimeSpan.FromMinutes(6), CancellationToken.None).WaitAsync(_promptly)).ShouldBe([TimerOutcome.Done]);

        look.IsCompleted.ShouldBeFalse("the transaction is open");
        await transaction.CommitAsync();
        (await look).ShouldSatisfyAllConditions(answer => answer.Seal.ShouldBeNull(), answer => answer.LeaseLeft.ShouldBeGreaterThan(TimeSpan.FromMinutes(5)));
    }

    [Fact]
    public async Task A_move_names_an_open_transaction_as_what_stands_in_its_way_and_leaves_the_session_as_it_was()
    {
        await using PostgresStore store = await _fixture.OpenWithAsync(static options => options.LockTimeout = TimeSpan.FromMilliseconds(300));
        var unit = new NamespaceRef(TransferKind.Timers, _ns);
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });

        LatchworkStoreException failure = await Should.ThrowAsync<LatchworkStoreException>(() => store.Maintenance.CloseAsync(unit, "move", "somewhere else", checkOnly: false, CancellationToken.None));
        (failure.Outcome, failure.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
        failure.Message.ShouldContain("is still open");

        await transaction.CommitAsync();
        (await store.Maintenance.CloseAsync(unit, "move", "somewhere else", checkOnly: false, CancellationToken.None)).Seal.ShouldNotBeNull().Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_transaction_that_has_posted_and_is_idle_counts_as_one_that_holds_vacuum_back()
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        await WriteAsync(transaction, "SAVEPOINT posted"); // closes the portal of the post, which has a snapshot
        await Eventually.ReadsAsync(
            () => AskAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE pid = {connection.ProcessID} AND state = 'idle in transaction' AND backend_xmin IS NULL"),
            static idle => idle == 1,
            "it is idle, without a snapshot");

        (await CountAsync($"{connection.ProcessID}")).ShouldBe(1);
        await transaction.CommitAsync();
        (await CountAsync($"{connection.ProcessID}")).ShouldBe(0);
    }

    [Fact]
    public async Task A_transaction_that_is_prepared_counts_as_one_that_holds_vacuum_back()
    {
        string name = $"prepared-{Guid.NewGuid():N}";
        await RunAsync($"BEGIN; INSERT INTO {_table} VALUES ('a'); PREPARE TRANSACTION '{name}'");
        (await CountAsync(name)).ShouldBe(1);
        await RunAsync($"ROLLBACK PREPARED '{name}'");
        (await CountAsync(name)).ShouldBe(0);
    }

    private Task<long> CountAsync(string name) => AskAsync<long>($"SELECT count(*) FROM ({ServerWarnings.BeginningsOfTransactions}) t WHERE t.name = '{name}' AND t.begun <= clock_timestamp()");
}
