using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;
using Npgsql;

namespace Latchwork.Benchmarks.Sections;

internal sealed class PostgresBloatSection : Section
{
    private const int Parts = 10, OpenFrom = 4, OpenTo = 6;
    private const string ClaimP50 = "PostgreSQL: claims that bring events, p50, by events passed through", ClaimP99 = "PostgreSQL: claims that bring events, p99, by events passed through";
    private const string Passed = "PostgreSQL: events posted, handled and confirmed, by events passed through";
    private const string Size = "PostgreSQL: size of all tables and indexes, by events passed through", Dead = "PostgreSQL: dead rows, by events passed through";

    public override string Name => "postgres-bloat";

    public override string Title => "PostgreSQL: what stays behind";

    public override string Explanation =>
        "Events of 200 bytes are posted in batches, handled and confirmed by one tuned listener, at most 20,000 ahead of it, with autovacuum at PostgreSQL's defaults and without `fsync`. After each "
        + "tenth: the size of all tables and indexes of the schema, dead rows, and how long the claims of that tenth took. A transaction of somebody else, with a snapshot that holds back "
        + "vacuum, is open from the beginning of the fourth tenth to the end of the sixth.";

    /// <summary>Ten million events at some 40,000 a second, and as much again for a slower machine.</summary>
    public override int FullSeconds => 600;

    public override bool OnlyByName => true;

    public override async Task RunAsync(Bench bench)
    {
        await using PostgresProcess server = await PostgresProcess.StartAsync("fsync=off");
        bench.Note($"PostgreSQL {server.Version}.");
        string database = await server.CreateDatabaseAsync();
        ContenderProcess ours = await bench.StartAsync("latchwork-postgres", "postgres");
        await ours.AskAsync("open", new { connection = server.Connection(database), database, best = true });
        int part = (int)Math.Max(1_000, bench.Options.Events / Parts);
        NpgsqlConnection? holder = null;
        NpgsqlTransaction? open = null;
        try
        {
            for (int i = 1; i <= Parts; i++)
            {
                if (i == OpenFrom)
                {
                    holder = new NpgsqlConnection(server.Connection(database) + ";Pooling=false");
                    await holder.OpenAsync();
                    open = await holder.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
                    await using var look = new NpgsqlCommand("SELECT txid_current()", holder, open); // which takes the snapshot, and an id
                    await look.ExecuteScalarAsync();
                }

                double limit = Math.Max(60, part / 1_000.0);
                JsonObject flow = await ours.AskAsync("flow", new { count = part, limit }, limit: limit + 60);
                if (flow.Number("lost") > 0) throw new InvalidOperationException(FormattableString.Invariant($"{flow.Number("lost"):N0} of {part:N0} events had not come within {limit:N0} s."));
                double at = (double)part * i;
                bench.Add(Passed, Names.Tuned, "/s", flow.Number("rate"), at);
                bench.Add(ClaimP50, Names.Tuned, "ms", flow.Number("claimP50"), at);
                bench.Add(ClaimP99, Names.Tuned, "ms", flow.Number("claimP99"), at);
                bench.Add("PostgreSQL: events delivered again, by events passed through", Names.Tuned, "events", flow.Number("repeated"), at);
                bench.Add(Size, Names.Tuned, "MB", await SizeAsync(server, database), at);
                bench.Add(Dead, Names.Tuned, "rows", await server.NumberAsync("SELECT coalesce(sum(n_dead_tup), 0)::float8 FROM pg_stat_user_tables WHERE schemaname = 'latchwork'", database), at);
                if (i == OpenTo)
                {
                    await open!.CommitAsync();
                    await holder!.DisposeAsync();
                }
            }
        }
        finally
        {
            if (holder is not null) await holder.DisposeAsync(); // which ends its transaction
        }

        await ours.AskAsync("close");
    }

    private static async Task<double> SizeAsync(PostgresProcess server, string database) =>
        await server.NumberAsync("SELECT sum(pg_total_relation_size(relid))::float8 FROM pg_stat_user_tables WHERE schemaname = 'latchwork'", database) / 1e6;

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        Figure[] claims = [.. result.Figures.Where(figure => figure.Work == ClaimP99).OrderBy(figure => figure.At)];
        double? before = claims.Length >= Parts ? Statistics.Median([.. claims[..(OpenFrom - 1)].Select(figure => figure.Median)]) : null;
        double? during = before is null ? null : claims[(OpenFrom - 1)..OpenTo].Max(figure => figure.Median);
        yield return Target.Less("PostgreSQL: claim p99 while a transaction is open, to before", during / before, 10, "×");
        yield return Target.Less("PostgreSQL: claim p99 of the last tenth, to before (1.5 is within the noise)", before is null ? null : claims[^1].Median / before, 1.5, "×");
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return new LineChart("postgres-bloat-size.svg", "PostgreSQL: size of all tables and indexes, by events passed through", "events", "MB", LineChart.SeriesOf(result, Size));
        yield return new LineChart(
            "postgres-bloat-claims.svg", "PostgreSQL: claims that bring events, by events passed through", "events", "ms",
            [.. LineChart.SeriesOf(result, ClaimP50, "p50"), .. LineChart.SeriesOf(result, ClaimP99, "p99")]);
    }
}
