using System.Collections.Concurrent;
using System.Text;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Xunit;

// Most of a test's time is waiting. What measures, counts or blocks the thread pool is in collections that run alone.
[assembly: CollectionBehavior(MaxParallelThreads = 6)]
[assembly: TestCollectionOrderer(LongestFirst.Name, LongestFirst.Assembly)]

namespace Latchwork.Postgres.Tests;

/// <summary>
/// A schema and a pool of connections for the tests of a class, on the one server of the test process; each test has a namespace and a store of its own.
/// Classes that run one after the other have the same: a session of PostgreSQL compiles and plans each function of a schema when it first calls it, which
/// costs far more than most tests.
/// </summary>
public sealed class PostgresFixture : StoreFixture, IAsyncLifetime
{
    private static readonly ConcurrentBag<(string Schema, NpgsqlDataSource Connections)> _unused = [];

    private string _schema = null!;
    private NpgsqlDataSource _connections = null!;

    /// <summary>The schema of the stores.</summary>
    public string Schema => _schema;

    /// <summary>Not every instant is written down; one in 50 ms is.</summary>
    public override TimeSpan ClockTolerance => TimeSpan.FromMilliseconds(50);

    public override int ModelSequences => 60;

    /// <summary>Operations share several connections, so that a later one may be decided first.</summary>
    public override bool OrdersSubscriptions => false;

    /// <summary>Operations that only look write nothing down.</summary>
    public override bool LocksNoteTimeWhenSeen => false;

    public override async Task<long> OutcomeBytesAsync(LatchworkStore store, string ns)
    {
        await using var connection = new NpgsqlConnection((await PostgresServer.SharedAsync()).ConnectionString);
        await connection.OpenAsync();
#pragma warning disable CA2100 // the name of the schema is this fixture's own
        await using var command = new NpgsqlCommand(
            $"SELECT coalesce(sum(length(l.outcome)), 0) FROM {_schema}.locks l JOIN {_schema}.lock_namespaces n ON n.id = l.namespace_id WHERE n.name = $1", connection);
#pragma warning restore CA2100
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = Encoding.UTF8.GetBytes(ns) });
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public override async Task<LatchworkStore> OpenAsync(TimeProvider? clock) => await OpenAsync(_schema, clock);

    public override async Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => await OpenAsync(_schema + "_other", clock);

    /// <summary>Opens the store with other settings.</summary>
    public async Task<PostgresStore> OpenWithAsync(Action<PostgresOptions> configure)
    {
        var options = Options(_schema, null);
        configure(options);
        return await PostgresStore.OpenAsync(_connections, options);
    }

    // Without a reset, which would throw the plans away; the store leaves nothing behind in a session that it gives back.
    public async Task InitializeAsync()
    {
        string connections = (await PostgresServer.SharedAsync()).ConnectionString + ";Application Name=latchwork;No Reset On Close=true;Maximum Pool Size=200";
        (_schema, _connections) = _unused.TryTake(out (string Schema, NpgsqlDataSource Connections) free) ? free : ($"t_{Guid.NewGuid():N}", NpgsqlDataSource.Create(connections));
    }

    public Task DisposeAsync()
    {
        _unused.Add((_schema, _connections)); // it ends with the process
        return Task.CompletedTask;
    }

    // The machine may stall for seconds, and that is not what is tested.
    private static PostgresOptions Options(string schema, TimeProvider? clock) => new() { Schema = schema, TimeProvider = clock, CommandTimeout = TimeSpan.FromSeconds(60) };

    private Task<PostgresStore> OpenAsync(string schema, TimeProvider? clock) => PostgresStore.OpenAsync(_connections, Options(schema, clock));
}
