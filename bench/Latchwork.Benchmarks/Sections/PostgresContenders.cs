using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Sections;

/// <summary>Who takes part on PostgreSQL: for each a process that posts and one that only listens, started once for all servers.</summary>
internal sealed class PostgresContenders(Bench bench)
{
    private readonly Dictionary<string, (ContenderProcess Poster, ContenderProcess Listener)> _processes = [];

    /// <summary>All with their best setting; ours twice, as the defaults are what is promised.</summary>
    public static IReadOnlyList<PostgresContender> Best { get; } =
    [
        new(Names.Latchwork, "latchwork-postgres", false),
        new("Hangfire.PostgreSql, 64 workers, 1 s", "hangfire-postgres", true),
        new("Quartz.NET ADO, 64 threads", "quartz-postgres", true),
        new("graphile-worker, 64 at a time, 100 ms", "graphile-worker", true),
        new("pg-boss, 4 × 500, 0.5 s", "pg-boss", true),
    ];

    public static PostgresContender Tuned { get; } = new(Names.Tuned, "latchwork-postgres", true);

    /// <summary>The peers as they are without any setting.</summary>
    public static IReadOnlyList<PostgresContender> Defaults { get; } =
    [
        new("Hangfire.PostgreSql, default", "hangfire-postgres", false),
        new("Quartz.NET ADO, default", "quartz-postgres", false),
        new("graphile-worker, default", "graphile-worker", false),
        new("pg-boss, default", "pg-boss", false),
    ];

    /// <summary>Starts their processes. A peer that does not start is noted and left out.</summary>
    public async Task StartAsync()
    {
        foreach (PostgresContender contender in Best)
        {
            await bench.TurnAsync(contender.Process, async () =>
                _processes[contender.Process] = (await bench.StartAsync(contender.Process, "postgres"), await bench.StartAsync(contender.Process, "postgres")));
        }

        _processes[Raw.Process] = (await bench.StartAsync(Raw.Process, "postgres"), null!);
    }

    public static PostgresContender Raw { get; } = new("raw binary COPY of the same rows", "raw-postgres", false);

    /// <summary>One's turn, on an empty database of its own, which is dropped afterwards. What fails is noted.</summary>
    /// <param name="server">The server.</param>
    /// <param name="contender">Whose.</param>
    /// <param name="listens">Whether the second process takes part, too.</param>
    /// <param name="work">What is to be done with poster and listener, and the name of the database.</param>
    public async Task TurnAsync(PostgresProcess server, PostgresContender contender, bool listens, Func<ContenderProcess, ContenderProcess, string, Task> work)
    {
        if (!_processes.TryGetValue(contender.Process, out (ContenderProcess Poster, ContenderProcess Listener) processes)) return;
        ContenderProcess[] used = listens ? [processes.Poster, processes.Listener] : [processes.Poster];
        await bench.TurnAsync(contender.Who, async () =>
        {
            string database = await server.CreateDatabaseAsync();
            try
            {
                foreach (ContenderProcess process in used)
                    await process.AskAsync("open", new { connection = server.Connection(database), url = server.Url(database), database, best = contender.Best });
                await work(processes.Poster, processes.Listener, database);
                foreach (ContenderProcess process in used) await process.AskAsync("close");
            }
            finally
            {
                await server.DropDatabaseAsync(database);
            }
        });
    }

    /// <summary>Fills, drains and checks: the drain's rate. What is lost or comes twice is noted.</summary>
    public async Task<JsonObject> DrainAsync(string who, ContenderProcess process, int count, double limit)
    {
        await process.AskAsync("fill", new { count });
        JsonObject drained = await process.AskAsync("drain", new { expect = count, limit });
        await process.AskAsync("unlisten");
        EventCheck check = EventCheck.Of(count, await process.AskAsync("taken"));
        if (drained.Number("count") < count) bench.Note(FormattableString.Invariant($"{who} drained {drained.Number("count"):N0} of {count:N0} events within {limit} s."));
        else if (check.Lost > 0) throw new InvalidOperationException($"{check.Lost} of {count} drained events were lost.");
        if (check.Repeated > 0) bench.Note(FormattableString.Invariant($"{who} delivered {check.Repeated:N0} of {count:N0} drained events again."));
        return drained;
    }
}

/// <summary>One who takes part.</summary>
/// <param name="Who">How it is called in figures.</param>
/// <param name="Process">The name of its process.</param>
/// <param name="Best">Whether it has the settings that are best for what is measured.</param>
internal sealed record PostgresContender(string Who, string Process, bool Best)
{
    public bool IsOurs => Who.StartsWith(Names.Latchwork, StringComparison.Ordinal);
}
