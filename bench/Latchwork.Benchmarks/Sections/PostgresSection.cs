using System.Globalization;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

internal sealed class PostgresSection : Section
{
    private const int Batch = 1000, Rate = 1_000;
    private static readonly (string Name, string[] Settings)[] _servers = [("fsync off", ["fsync=off"]), ("fsync on", ["fsync=on"])];

    public override string Name => "postgres";

    public override string Title => "PostgreSQL";

    public override string Explanation =>
        "On servers of their own, with PostgreSQL's defaults except for 256 MB of shared buffers, once without `fsync` and once with it; each turn has an empty database. "
        + "Events of 200 bytes are numbered: which were lost, came twice or too early (by more than 1 ms) is counted by one checker from what the handlers saw. One process posts and, "
        + "for lateness, another listens: 1,000 events/s with delays of 0.5 to 1.5 s; what has not come in time counts as late as the wait was long. A drain is of due events, from the start of the listener until its last confirmation, of the peers "
        + "until the last handler; they drain fewer events (1,000 or 10,000, ours 20,000), and rates are compared. The peers' best settings have all rounds, their defaults one, without `fsync`. "
        + "Commits and statements are counted on a third server, with `pg_stat_statements`: statements as clients send them, and transactions that write.";

    public override int FullSeconds => 450;

    public override async Task RunAsync(Bench bench)
    {
        var contenders = new PostgresContenders(bench);
        await contenders.StartAsync();
        await using (PostgresProcess counting = await PostgresProcess.StartAsync("fsync=off", "shared_preload_libraries=pg_stat_statements"))
        {
            bench.Note($"PostgreSQL {counting.Version}.");
            await counting.CountStatementsAsync();
            await CountAsync(bench, contenders, counting);
        }

        await using PostgresProcess off = await PostgresProcess.StartAsync(_servers[0].Settings), on = await PostgresProcess.StartAsync(_servers[1].Settings);
        for (int round = 0; round < bench.Options.Rounds; round++)
        {
            foreach ((string name, PostgresProcess server) in ((string, PostgresProcess)[])[(_servers[0].Name, off), (_servers[1].Name, on)])
            {
                await PostsAsync(bench, contenders, server, name, round);
                await DrainsAsync(bench, contenders, server, name, [.. PostgresContenders.Best, PostgresContenders.Tuned]);
                await LatenessAsync(bench, contenders, server, name, PostgresContenders.Best);
                await CommitsAsync(bench, contenders, server, name);
            }
        }

        await DrainsAsync(bench, contenders, off, _servers[0].Name, PostgresContenders.Defaults);
        await LatenessAsync(bench, contenders, off, _servers[0].Name, PostgresContenders.Defaults);
    }

    private static async Task PostsAsync(Bench bench, PostgresContenders contenders, PostgresProcess server, string name, int round)
    {
        double seconds = bench.Options.Quick ? 0.5 : 1, warmUp = round == 0 ? 0.6 : 0.3;
        foreach (PostgresContender contender in PostgresContenders.Best)
        {
            await contenders.TurnAsync(server, contender, listens: false, async (process, _, _) =>
            {
                JsonObject posts = await process.AskAsync("posts", new { inFlight = 64, seconds, warmUp });
                bench.Add(Posts(name), contender.Who, "/s", posts.Number("rate"));
            });
        }

        foreach (PostgresContender contender in (PostgresContender[])[PostgresContenders.Raw, .. PostgresContenders.Best])
        {
            if (contender.Process == "hangfire-postgres") continue; // it has no batches
            await contenders.TurnAsync(server, contender, listens: false, async (process, _, _) =>
            {
                JsonObject bulk = await process.AskAsync("bulk", new { inFlight = 2, batch = Batch, seconds, warmUp });
                bench.Add(Batches(name), contender.Who, "/s", bulk.Number("rate"));
            });
        }
    }

    private static async Task DrainsAsync(Bench bench, PostgresContenders contenders, PostgresProcess server, string name, IReadOnlyList<PostgresContender> who)
    {
        foreach (PostgresContender contender in who)
        {
            await contenders.TurnAsync(server, contender, listens: false, async (process, _, _) =>
            {
                JsonObject drained = await contenders.DrainAsync(contender.Who, process, DrainCount(bench, contender), bench.Options.Quick ? 4 : 5);
                bench.Add(Drain(name), contender.Who, "/s", drained.Number("rate"));
            });
        }
    }

    private static async Task LatenessAsync(Bench bench, PostgresContenders contenders, PostgresProcess server, string name, IReadOnlyList<PostgresContender> who)
    {
        double seconds = bench.Options.Quick ? 1 : 2, limit = bench.Options.Quick ? 2 : 4;
        foreach (PostgresContender contender in who)
        {
            await contenders.TurnAsync(server, contender, listens: true, async (poster, listener, _) =>
            {
                await listener.AskAsync("listen");
                JsonObject poured = await poster.AskAsync("pour", new { rate = Rate, seconds, minDelay = 500, maxDelay = 1500 });
                int posted = (int)poured.Number("count");
                double rate = posted / poured.Number("seconds");
                if (rate < Rate * 0.9) bench.Note(string.Create(CultureInfo.InvariantCulture, $"{name}: {contender.Who}: its poster managed {rate:N0} posts a second, of {Rate:N0}."));
                await listener.AskAsync("wait", new { expect = posted, limit = 1.5 + limit });
                await listener.AskAsync("unlisten");
                EventCheck check = EventCheck.Of(posted, await listener.AskAsync("taken"));
                foreach ((string what, int value) in ((string, int)[])[("lost", check.Lost), ("repeated", check.Repeated), ("early", check.Early), ("late", check.Late)])
                    bench.Add($"{Late(name)}, {What(what, limit)}", contender.Who, "events", value);

                // What has not come is at least so late; left out, it would make the others look good.
                double[] late = [.. check.Lateness.Concat(Enumerable.Repeat((1.5 + limit) * 1000, check.Lost)).Order()];
                foreach ((string part, double share) in ((string, double)[])[("p50", 0.5), ("p99", 0.99), ("max", 1)])
                    bench.Add($"{Late(name)}, {part}", contender.Who, "ms", Statistics.Percentile(late, share));
            });
        }
    }

    private static async Task CommitsAsync(Bench bench, PostgresContenders contenders, PostgresProcess server, string name)
    {
        double seconds = bench.Options.Quick ? 0.5 : 1;
        foreach ((string who, bool post) in ((string, bool)[])[(Names.Latchwork + ", a post in each", true), ("raw: without a post", false)])
        {
            await contenders.TurnAsync(server, PostgresContenders.Best[0], listens: false, async (process, _, _) =>
            {
                JsonObject commits = await process.AskAsync("commits", new { inFlight = 16, seconds, warmUp = 0.3, post });
                bench.Add(Commits(name), who, "/s", commits.Number("rate"));
            });
        }
    }

    // What hardly depends on how fast a machine is. It comes first, and so compiles in all processes what is measured afterwards.
    private static async Task CountAsync(Bench bench, PostgresContenders contenders, PostgresProcess server)
    {
        double window = bench.Options.Quick ? 1 : 1.5;
        foreach (PostgresContender contender in (PostgresContender[])[.. PostgresContenders.Best, PostgresContenders.Tuned])
        {
            int count = DrainCount(bench, contender);
            await contenders.TurnAsync(server, contender, listens: false, async (process, _, database) =>
            {
                (double statements, double writes) = (await server.StatementsAsync(database), await server.WritesAsync());
                double posted = (await process.AskAsync("posts", new { inFlight = 64, seconds = bench.Options.Quick ? 0.3 : 0.5, warmUp = 0 })).Number("count");
                bench.Add("statements of a post, 64 in flight", contender.Who, "statements", (await server.StatementsAsync(database) - statements) / posted);
                bench.Add("commits of a post, 64 in flight", contender.Who, "commits", (await server.WritesAsync() - writes) / posted);
            });
            await contenders.TurnAsync(server, contender, listens: false, async (process, _, database) =>
            {
                await process.AskAsync("fill", new { count });
                (double statements, double writes) = (await server.StatementsAsync(database), await server.WritesAsync());
                JsonObject drained = await process.AskAsync("drain", new { expect = count, limit = 5 });
                double handled = Math.Max(1, drained.Number("count"));
                await process.AskAsync("unlisten");
                bench.Add("statements of a drained event", contender.Who, "statements", (await server.StatementsAsync(database) - statements) / handled);
                bench.Add("commits of a drained event", contender.Who, "commits", (await server.WritesAsync() - writes) / handled);
            });
            await contenders.TurnAsync(server, contender, listens: false, async (process, _, database) =>
            {
                if (contender == PostgresContenders.Tuned) return; // it waits as with the defaults
                await process.AskAsync("listen");
                await Task.Delay(TimeSpan.FromSeconds(1));
                for (int i = 0; i < bench.Options.Rounds; i++)
                {
                    double statements = await server.StatementsAsync(database);
                    long start = System.Diagnostics.Stopwatch.GetTimestamp();
                    await Task.Delay(TimeSpan.FromSeconds(window));
                    double seconds = System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
                    bench.Add(Idle, contender.Who, "statements/s", (await server.StatementsAsync(database) - statements) / seconds);
                }

                await process.AskAsync("unlisten");
            });
        }
    }

    private const string Idle = "PostgreSQL: statements a second of a listener that waits";

    private static int DrainCount(Bench bench, PostgresContender contender)
    {
        int count = contender.IsOurs ? 20_000 : contender.Process is "graphile-worker" or "pg-boss" ? 10_000 : 1_000;
        return bench.Options.Quick ? count / 4 : count;
    }

    private static string Posts(string server) => $"PostgreSQL, {server}: single posts, 64 in flight";

    private static string Batches(string server) => $"PostgreSQL, {server}: posts in batches of 1,000, 2 in flight";

    private static string Drain(string server) => $"PostgreSQL, {server}: drain of due events, each confirmed";

    private static string Late(string server) => $"PostgreSQL, {server}: lateness at 1,000 events/s";

    private static string Commits(string server) => $"PostgreSQL, {server}: commits of a user, 16 callers";

    private static string What(string what, double limit) => what switch
    {
        "lost" => string.Create(CultureInfo.InvariantCulture, $"not come {limit:0} s after the last was due"),
        "late" => "more than 1 s late",
        _ => what,
    };

    public override bool HigherIsBetter(Figure figure) => figure.Unit == "/s";

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        foreach ((string name, _) in _servers)
        {
            yield return Target.More($"{Posts(name)}: to the best peer", result.Of(Posts(name), Names.Latchwork) / result.BestPeer(Posts(name), more: true), 1.5, "×");
            yield return Target.More($"{Batches(name)}: to raw COPY", 100 * result.Of(Batches(name), Names.Latchwork) / result.Of(Batches(name), PostgresContenders.Raw.Who), 80, "%");
            yield return Target.More($"{Drain(name)}: to the best peer", result.Of(Drain(name), Names.Latchwork) / result.BestPeer(Drain(name), more: true), 1.5, "×");
            double? p99 = result.Of($"{Late(name)}, p99", Names.Latchwork);
            yield return Target.Less($"{Late(name)}, p50", result.Of($"{Late(name)}, p50", Names.Latchwork), 3, "ms");
            yield return Target.Less($"{Late(name)}, p99", p99, 15, "ms");
            yield return Target.More($"{Late(name)}, p99: the best peer's to ours", result.BestPeer($"{Late(name)}, p99", more: false) / p99, 10, "×");
            foreach (string what in (string[])["early", "repeated"]) yield return Target.Less($"{Late(name)}, {what}", result.Of($"{Late(name)}, {what}", Names.Latchwork), 0, "events");
        }

        yield return Target.Less("PostgreSQL: commits of a post at load", result.Of("commits of a post, 64 in flight", Names.Latchwork), 0.1, "commits");
        yield return Target.Less("PostgreSQL: commits of a drained event at load", result.Of("commits of a drained event", Names.Latchwork), 0.1, "commits");
        yield return Target.Less(Idle, result.Of(Idle, Names.Latchwork), 2, "statements/s");
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return BarChart.Of(result, "postgres-posts.svg", "PostgreSQL: events posted a second", [.. _servers.SelectMany(server => (string[])[Posts(server.Name), Batches(server.Name)])]);
        yield return BarChart.Of(result, "postgres-drain.svg", "PostgreSQL: due events handled and confirmed a second, one listener", [.. _servers.Select(server => Drain(server.Name))]);
        yield return BarChart.Of(result, "postgres-commits.svg", "PostgreSQL: commits of a user a second, with and without a post in each", [.. _servers.Select(server => Commits(server.Name))]);
    }
}
