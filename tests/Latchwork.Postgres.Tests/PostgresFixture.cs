using Latchwork.StoreConformance.Support;
using Xunit;

[assembly: CollectionBehavior(MaxParallelThreads = 4)]

namespace Latchwork.Postgres.Tests;

/// <summary>A schema for all tests of a class, on the one server of the test process; each test has a namespace and a store of its own.</summary>
public sealed class PostgresFixture : StoreFixture
{
    private readonly string _schema = $"t_{Guid.NewGuid():N}";

    /// <summary>Not every instant is written down; one in 50 ms is.</summary>
    public override TimeSpan ClockTolerance => TimeSpan.FromMilliseconds(50);

    public override int ModelSequences => 60;

    public override async Task<LatchworkStore> OpenAsync(TimeProvider? clock) => await OpenAsync(_schema, clock);

    public override async Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => await OpenAsync(_schema + "_other", clock);

    /// <summary>Opens the store with other settings.</summary>
    public async Task<PostgresStore> OpenWithAsync(Action<PostgresOptions> configure)
    {
        var options = Options(_schema, null);
        configure(options);
        return await PostgresStore.OpenAsync((await PostgresServer.SharedAsync()).ConnectionString, options);
    }

    // The machine may stall for seconds, and that is not what is tested.
    private static PostgresOptions Options(string schema, TimeProvider? clock) => new() { Schema = schema, TimeProvider = clock, CommandTimeout = TimeSpan.FromSeconds(60) };

    private static async Task<PostgresStore> OpenAsync(string schema, TimeProvider? clock) =>
        await PostgresStore.OpenAsync((await PostgresServer.SharedAsync()).ConnectionString, Options(schema, clock));
}
