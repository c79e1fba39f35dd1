using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Timers;

/// <summary>
/// What an operation reads depends on how many events it is about, not on what the planner believes of the table: a queue that was empty at its last vacuum has a
/// size of zero until the next one, however many events have come since.
/// </summary>
public sealed class PlanTests : IAsyncLifetime
{
    private const int Many = 5_000, Some = 100;
    private readonly string _schema = $"t_{Guid.NewGuid():N}";
    private NpgsqlDataSource _database = null!;
    private PostgresStore _store = null!;
    private DistributedTimer _timer = null!;
    private int _partition;

    public async Task InitializeAsync()
    {
        _database = NpgsqlDataSource.Create((await PostgresServer.SharedAsync()).ConnectionString + ";Maximum Pool Size=20");
        _store = await PostgresStore.OpenAsync(_database, new() { Schema = _schema, CommandTimeout = TimeSpan.FromSeconds(60) });
        _timer = new DistributedTimer(_store, new() { Namespace = "ns" });
        await PostAsync(Some);
        _partition = await AskAsync<int>($"SELECT id FROM {_schema}.timer_partitions");
        await AskAsync<int>($"WITH gone AS (DELETE FROM {_schema}.timer_events RETURNING 1) SELECT count(*)::integer FROM gone");
        await using (NpgsqlCommand vacuum = _database.CreateCommand($"VACUUM {_schema}.timer_events, {_schema}.timer_completed")) await vacuum.ExecuteNonQueryAsync();
        await PostAsync(Many);
    }

    public async Task DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _store.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData("confirm", "c.ids, c.tokens, 86400000, 100, 0, true")]
    [InlineData("extend", "c.ids, c.tokens, 60000000")]
    [InlineData("release", "c.ids, c.tokens")]
    [InlineData("fail", "c.ids, c.tokens, c.tokens, c.tokens, array_fill(1000::bigint, ARRAY[100]), array_fill(0, ARRAY[100]), array_fill(false, ARRAY[100]), 1000, 1000")]
    public async Task An_operation_on_some_events_reads_little_more_than_those(string operation, string arguments)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await using (NpgsqlCommand claim = Command(
            $"CREATE TEMPORARY TABLE claimed ON COMMIT DROP AS SELECT c.ids, array_fill('token'::bytea, ARRAY[cardinality(c.ids)]) AS tokens FROM {_schema}.timer_claim({_partition}, NULL, NULL, 'node', 'token', {Some}, {Some}, 0, 30000000, 1000, 1000, true, false, 86400000, 100, 200) c"))
        {
            await claim.ExecuteNonQueryAsync();
        }

        (await ReadAsync<int>("SELECT cardinality(ids) FROM claimed")).ShouldBe(Some);
        long before = await RowsReadAsync();
        before.ShouldBeLessThan(5 * Some, "by the claim");
        await ReadAsync<int[]>($"SELECT x.outcomes FROM claimed c, {_schema}.timer_{operation}({_partition}, NULL, NULL, {arguments}) x");
        (await RowsReadAsync() - before).ShouldBeLessThan(10 * Some, $"by {operation}");

        NpgsqlCommand Command(string sql)
        {
#pragma warning disable CA2100 // the statements are this test's own
            return new NpgsqlCommand(sql, connection, transaction);
#pragma warning restore CA2100
        }

        async Task<T> ReadAsync<T>(string sql)
        {
            await using NpgsqlCommand command = Command(sql);
            return (T)(await command.ExecuteScalarAsync())!;
        }

        Task<long> RowsReadAsync() => ReadAsync<long>(
            $"SELECT sum(idx_tup_fetch + seq_tup_read)::bigint FROM pg_stat_xact_user_tables WHERE schemaname = '{_schema}' AND relname IN ('timer_events', 'timer_completed')");
    }

    private async Task PostAsync(int count) =>
        await _timer.PostAsync([.. Enumerable.Range(0, count).Select(static _ => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero))]);

    private async Task<T> AskAsync<T>(string statement)
    {
#pragma warning disable CA2100 // the statements are this test's own
        await using NpgsqlCommand command = _database.CreateCommand(statement);
#pragma warning restore CA2100
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
