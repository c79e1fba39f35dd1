using System.Globalization;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

internal sealed class PendingSection : Section
{
    private const string Grow = "batch posts, by pending events";
    private static readonly (string Verb, string Work)[] _samples =
        [("post", "single posts, by pending events"), ("peek", "peeks, by pending events"), ("cancel", "cancels, by pending events")];

    private const string Claims = "claims and confirmations, by pending events";
    private const int IdBytes = 36;

    public override string Name => "pending";

    public override string Title => "Millions of pending events";

    public override string Explanation =>
        "A namespace grows by batch posts of 200 bytes, due at random within 1 to 30 days; on the way 5,000 single posts, peeks and cancels (64 in flight), and a "
        + "drain of 10,000 due events. The raw limit grows in the same way by plain ZADD and HSET, first and alone; what it loses on the way, the server's data structures lose. "
        + "Memory is that of the server (`used_memory`), without the 200 bytes of payload and the 36 of the id.";

    public override int FullSeconds => 300;

    public override async Task RunAsync(Bench bench)
    {
        ContenderProcess raw = await bench.StartAsync("raw", bench.Server.Uri);
        await RunAsync(bench, Names.Raw, raw, null);
        await raw.DisposeAsync();
        bench.Server.Clear();
        ContenderProcess listener = await bench.StartOursAsync();
        await RunAsync(bench, Names.Latchwork, await bench.StartOursAsync(), listener);
    }

    private static async Task RunAsync(Bench bench, string who, ContenderProcess process, ContenderProcess? listener)
    {
        string ns = Bench.NewName();
        await process.AskAsync("open", new { ns });
        if (listener is not null) await listener.AskAsync("listen", new { ns, listeners = 1 });
        // Warm: the first rates are to be those of an empty store, not of code that is not compiled yet.
        await process.AskAsync("sample", new { count = 5_000 });
        await process.AskAsync("grow", new { count = 50_000 });
        double rss = listener is null ? 0 : Rss(listener.Id);
        long pending = 50_000, step = Math.Max(50_000, bench.Options.Pending / 20);
        double[] marks = [0, 0.1, 0.25, 0.5, 1];
        int mark = 0;
        while (true)
        {
            if (mark < marks.Length && pending >= marks[mark] * bench.Options.Pending)
            {
                mark++;
                await SampleAsync(bench, who, process, pending);
                if (listener is not null) await ClaimsAsync(bench, who, process, listener, ns, pending);
            }

            if (pending >= bench.Options.Pending) break;
            JsonObject grown = await process.AskAsync("grow", new { count = step }, limit: 300);
            pending += step;
            bench.Add(Grow, who, "/s", grown.Number("rate"), pending);
        }

        bench.Add("memory of a pending event above payload and id", who, "bytes", PerEvent(bench, pending));
        if (listener is null) return;
        bench.Add("memory of a listener at the start", who, "MB", rss);
        bench.Add("memory of a listener at the end", who, "MB", Rss(listener.Id));
    }

    // Payload and id are of known length, and an empty server is a constant that millions outweigh.
    private static double PerEvent(Bench bench, long events) => (Memory(bench) / events) - 200 - IdBytes;

    private static double Memory(Bench bench) => double.Parse(bench.Server.Info("memory")["used_memory"], CultureInfo.InvariantCulture);

    private static async Task SampleAsync(Bench bench, string who, ContenderProcess process, long pending)
    {
        JsonObject sample = await process.AskAsync("sample", new { count = bench.Options.Quick ? 2_000 : 5_000 });
        foreach ((string verb, string work) in _samples) bench.Add(work, who, "/s", sample.Number(verb), pending);
    }

    // The idle listener steps aside: it would take its share.
    private static async Task ClaimsAsync(Bench bench, string who, ContenderProcess process, ContenderProcess listener, string ns, long pending)
    {
        const int Count = 10_000;
        await listener.AskAsync("unlisten");
        await process.AskAsync("fill", new { count = Count });
        JsonObject drain = await process.AskAsync("drain", new { count = Count, limit = 60, maxEvents = Names.TunedMaxEvents, maxInFlight = Names.TunedMaxInFlight });
        bench.Add(Claims, who, "/s", drain.Number("rate"), pending);
        await listener.AskAsync("listen", new { ns, listeners = 1 });
    }

    private static double Rss(int processId)
    {
        using var process = System.Diagnostics.Process.GetProcessById(processId);
        return process.WorkingSet64 / 1e6;
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        double? size = result.Figures.Where(f => f.Work == Grow && f.IsOurs).Max(f => f.At);
        double? rawKept = Kept(Grow, Names.Raw);
        foreach (string work in (string[])[Grow, .. _samples.Select(sample => sample.Work), Claims])
        {
            yield return Target.More(
                string.Create(CultureInfo.InvariantCulture, $"{work}: what is kept at {size ?? 0:N0}, to what raw keeps"), 100 * Kept(work, Names.Latchwork) / rawKept, 80, "%");
        }

        yield return Target.Less("memory of a pending event above payload and id", result.Of("memory of a pending event above payload and id", Names.Latchwork), 300, "bytes");
        yield return Target.Less(
            "memory of a listener: growth while the namespace grows",
            result.Of("memory of a listener at the end", Names.Latchwork) - result.Of("memory of a listener at the start", Names.Latchwork), 20, "MB");

        // The last two steps against the first two: a single one may fall into the growth of a hash table.
        double? Kept(string work, string who)
        {
            Figure[] figures = [.. result.Figures.Where(f => f.Work == work && f.Who == who).OrderBy(f => f.At)];
            if (figures.Length < 2) return null;
            int few = figures.Length >= 8 ? 2 : 1;
            return figures[^few..].Average(f => f.Median) / figures[..few].Average(f => f.Median);
        }
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return new LineChart("pending-posts.svg", "Batch posts a second, by pending events", "pending events", "events/s", LineChart.SeriesOf(result, Grow));
        yield return new LineChart(
            "pending-operations.svg", "Operations a second, by pending events", "pending events", "operations/s",
            [.. _samples.SelectMany(sample => LineChart.SeriesOf(result, sample.Work, sample.Verb, ours: true)), .. LineChart.SeriesOf(result, Claims, "claim and confirm", ours: true)]);
    }
}
