using System.Globalization;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Sections;

internal sealed class SqliteSection : Section
{
    private const string Stored = "SQLite: batch posts at random due times, by what is stored";
    private const string Handler = "SQLite: post to handler in another process";
    private const string Waiter = "SQLite: publish to waiter in another process";

    public override string Name => "sqlite";

    public override string Title => "SQLite";

    public override string Explanation =>
        "On a file with the defaults (every acknowledged write is synced to the disk), in the system's folder for temporary files. Waking is measured between two processes.";

    public override int FullSeconds => 100;

    public override async Task RunAsync(Bench bench)
    {
        string folder = Directory.CreateTempSubdirectory("latchwork-bench-").FullName;
        try
        {
            string uri = "sqlite:" + Path.Combine(folder, "bench.db");
            await using (ContenderProcess ours = await bench.StartOursAsync(uri)) await ThroughputAsync(bench, ours);
            await using (ContenderProcess ours = await bench.StartOursAsync(uri))
            await using (ContenderProcess other = await bench.StartOursAsync(uri)) await WakingAsync(bench, ours, other);
            await using (ContenderProcess ours = await bench.StartOursAsync("sqlite:" + Path.Combine(folder, "large.db"))) await GrowAsync(bench, ours);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task ThroughputAsync(Bench bench, ContenderProcess ours)
    {
        int count = bench.Options.Quick ? 2_000 : 30_000;
        for (int round = 0; round < bench.Options.Rounds; round++)
        {
            await ours.AskAsync("open", new { ns = Bench.NewName() });
            JsonObject posts = await ours.AskAsync("posts", new { inFlight = 64, seconds = bench.Options.Seconds, warmUp = 0.5 });
            bench.Add("SQLite: single posts, 64 in flight", Names.Latchwork, "/s", posts.Number("rate"));
            JsonObject bulk = await ours.AskAsync("bulk", new { inFlight = 1, batch = 1000, seconds = bench.Options.Seconds, warmUp = 0.5 });
            bench.Add("SQLite: batch posts", Names.Latchwork, "/s", bulk.Number("rate"));
            foreach ((string who, object listener) in ((string, object)[])[
                (Names.Latchwork, new { count, limit = 60 }), (Names.Tuned, new { count, limit = 60, maxEvents = Names.TunedMaxEvents, maxInFlight = Names.TunedMaxInFlight })])
            {
                await ours.AskAsync("open", new { ns = Bench.NewName() });
                await ours.AskAsync("fill", new { count });
                JsonObject drain = await ours.AskAsync("drain", listener);
                bench.Add("SQLite: claimed and confirmed", who, "/s", drain.Number("rate"));
            }
        }
    }

    private static async Task WakingAsync(Bench bench, ContenderProcess ours, ContenderProcess other)
    {
        string ns = Bench.NewName();
        await ours.AskAsync("open", new { ns });
        await other.AskAsync("listen", new { ns, listeners = 1 });
        double seconds = bench.Options.Quick ? 1 : 8;
        for (int round = -1; round < 1; round++)
        {
            // Due immediately: how late it is, is what it takes to wake the other process.
            JsonObject poured = await ours.AskAsync("pour", new { rate = 25, seconds = round < 0 ? 1 : seconds, minDelay = 0, maxDelay = 0 });
            JsonObject told = await other.AskAsync("lateness", new { expect = poured.Number("count"), limit = 5 });
            await other.AskAsync("forget");
            if (round < 0) continue;
            foreach (string part in (string[])["p50", "p99", "max"]) bench.Add($"{Handler}, {part}", Names.Latchwork, "ms", told.Number(part));
        }

        JsonObject rest = await other.AskAsync("rest", new { seconds = bench.Options.Quick ? 1 : 5 });
        bench.Add("SQLite: CPU of an idle listener, in a second", Names.Latchwork, "ms", 1000 * rest.Number("cpu") / rest.Number("wall"));

        List<double> took = [];
        int rounds = bench.Options.Quick ? 5 : 60;
        for (int round = -3; round < rounds; round++)
        {
            string key = Bench.NewName();
            await ours.AskAsync("hold", new { key });
            await other.AskAsync("wait", new { key, count = 1 });
            await Task.Delay(30);
            double at = (await ours.AskAsync("publish", new { key })).Number("at");
            double woke = (await other.AskAsync("woke")).Numbers("times")[0];
            if (round >= 0) took.Add((woke - at) / 1000);
        }

        double[] sorted = [.. took.Order()];
        bench.Add($"{Waiter}, p50", Names.Latchwork, "ms", Statistics.Percentile(sorted, 0.5));
        bench.Add($"{Waiter}, p99", Names.Latchwork, "ms", Statistics.Percentile(sorted, 0.99));
    }

    private static async Task GrowAsync(Bench bench, ContenderProcess ours)
    {
        await ours.AskAsync("open", new { ns = Bench.NewName() });
        long step = Math.Max(10_000, bench.Options.Stored / 10);
        for (long stored = 0; stored < bench.Options.Stored; stored += step)
        {
            JsonObject grown = await ours.AskAsync("grow", new { count = step }, limit: 300);
            bench.Add(Stored, Names.Latchwork, "/s", grown.Number("rate"), stored + step);
        }
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        yield return Target.More("SQLite: single posts, 64 in flight", result.Of("SQLite: single posts, 64 in flight", Names.Latchwork), 20_000, "/s");
        yield return Target.More("SQLite: batch posts", result.Of("SQLite: batch posts", Names.Latchwork), 50_000, "/s");
        yield return Target.More("SQLite: claimed and confirmed, tuned", result.Of("SQLite: claimed and confirmed", Names.Tuned), 15_000, "/s");
        yield return Target.More("SQLite: claimed and confirmed, all defaults", result.Of("SQLite: claimed and confirmed", Names.Latchwork), 15_000, "/s");
        yield return Target.Less($"{Handler}, p50", result.Of($"{Handler}, p50", Names.Latchwork), 5, "ms");
        yield return Target.Less($"{Handler}, p99", result.Of($"{Handler}, p99", Names.Latchwork), 25, "ms");
        yield return Target.Less($"{Waiter}, p50", result.Of($"{Waiter}, p50", Names.Latchwork), 5, "ms");
        yield return Target.Less($"{Waiter}, p99", result.Of($"{Waiter}, p99", Names.Latchwork), 25, "ms");
        Figure? last = result.Figures.Where(f => f.Work == Stored).MaxBy(f => f.At);
        yield return Target.More(
            string.Create(CultureInfo.InvariantCulture, $"SQLite: batch posts at {last?.At ?? 0:N0} stored (promised for 5,000,000; `--stored 5000000` measures that)"), last?.Median, 15_000, "/s");
    }

    public override IEnumerable<Rendering.Chart> Charts(SectionResult result)
    {
        yield return new Rendering.LineChart("sqlite-stored.svg", "SQLite: batch posts a second, by stored events", "stored events", "posts/s", Rendering.LineChart.SeriesOf(result, Stored));
    }
}
