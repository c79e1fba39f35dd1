using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Transactions;

/// <summary>Statements in transactions of the application are prepared where its sessions last: the pool then keeps their plans, too.</summary>
public sealed class PreparedStatementTests : IAsyncLifetime
{
    private string _connectionString = null!;
    private PostgresStore _store = null!;
    private DistributedTimer _timer = null!;

    public async Task InitializeAsync()
    {
        _connectionString = (await PostgresServer.SharedAsync()).ConnectionString;
        _store = await PostgresStore.OpenAsync(_connectionString, new() { Schema = $"t_{Guid.NewGuid():N}", CommandTimeout = TimeSpan.FromSeconds(60) });
        _timer = new DistributedTimer(_store, new() { Namespace = "ns" });
    }

    public async Task DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task A_connection_that_goes_back_to_its_pool_keeps_its_plans()
    {
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(_connectionString + ";Maximum Pool Size=1");
        for (int i = 0; i < 10; i++) await PostAsync(source);

        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand("SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE '%timer_post%'", connection);
        (await command.ExecuteScalarAsync()).ShouldBe(10L, "one statement, which was executed ten times");
    }

    [Fact]
    public async Task Where_commands_share_connections_the_statement_is_executed_without()
    {
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(_connectionString + ";Multiplexing=true");
        for (int i = 0; i < 3; i++) await PostAsync(source);
        (await _timer.GetStatsAsync()).Scheduled.ShouldBe(3);
    }

    [Fact]
    public async Task A_store_over_connections_that_commands_share_is_refused()
    {
        string shared = _connectionString + ";Multiplexing=true";
        (await Should.ThrowAsync<ArgumentException>(() => PostgresStore.OpenAsync(shared))).Message.ShouldContain("Multiplexing=true");
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(shared);
        (await Should.ThrowAsync<ArgumentException>(() => PostgresStore.OpenAsync(source))).Message.ShouldContain("Multiplexing=true");
    }

    private async Task PostAsync(NpgsqlDataSource source)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await _timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1));
        await transaction.CommitAsync();
    }
}
