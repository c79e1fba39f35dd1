using System.Collections.Concurrent;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Xunit;

namespace Latchwork.Postgres.Tests.Transactions;

/// <summary>A store, a timer, and a table of the application in the same database.</summary>
public abstract class TransactionTestBase(PostgresFixture fixture) : IClassFixture<PostgresFixture>, IAsyncLifetime
{
    private protected readonly PostgresFixture _fixture = fixture;

    private protected static readonly TimeSpan _timeout = TimeSpan.FromSeconds(120);

    private protected readonly string _ns = $"tx-{Guid.NewGuid():N}";
    private protected readonly string _table = $"effects_{Guid.NewGuid():N}";
    private protected readonly ConcurrentQueue<Exception> _errors = new();
    private protected NpgsqlDataSource _database = null!;
    private protected PostgresStore _store = null!;
    private protected DistributedTimer _timer = null!;
    private protected readonly List<IAsyncDisposable> _toDispose = [];

    public async Task InitializeAsync()
    {
        _database = NpgsqlDataSource.Create((await PostgresServer.SharedAsync()).ConnectionString + ";Maximum Pool Size=200;Enlist=true");
        _store = await _fixture.OpenWithAsync(static _ => { });
        _timer = NewTimer();
        await RunAsync($"CREATE TABLE {_table} (id text NOT NULL)");
    }

    public async Task DisposeAsync()
    {
        foreach (IAsyncDisposable one in _toDispose) await one.DisposeAsync();
        await _store.DisposeAsync();
        await _database.DisposeAsync();
    }

    private protected DistributedTimer NewTimer()
    {
        var timer = new DistributedTimer(_store, new() { Namespace = _ns, LeaseDuration = TimeSpan.FromSeconds(20), Backoff = new RetryBackoff { Initial = TimeSpan.FromMilliseconds(20) } });
        timer.Error += (_, e) => _errors.Enqueue(e.Exception);
        _toDispose.Add(timer);
        return timer;
    }

    private protected async Task InTransactionAsync(Func<NpgsqlTransaction, Task> act)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await act(transaction);
        await transaction.CommitAsync();
    }

#pragma warning disable CA2100 // the statements are these tests' own
    private protected static async Task WriteAsync(NpgsqlTransaction transaction, string statement)
    {
        await using var command = new NpgsqlCommand(statement, transaction.Connection, transaction);
        await command.ExecuteNonQueryAsync();
    }

    private protected async Task RunAsync(string statement)
    {
        await using NpgsqlCommand command = _database.CreateCommand(statement);
        await command.ExecuteNonQueryAsync();
    }

    private protected async Task<T> AskAsync<T>(string statement)
    {
        await using NpgsqlCommand command = _database.CreateCommand(statement);
        return (T)(await command.ExecuteScalarAsync())!;
    }
#pragma warning restore CA2100
}
