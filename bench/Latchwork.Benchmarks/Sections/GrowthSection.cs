using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

internal sealed class GrowthSection : Section
{
    private const string ListenerWork = "lateness p99 at 200 events/s, by listeners";
    private const string ListenerCommands = "commands sent for an event at 200 events/s, by listeners";
    private const string PartitionPosts = "single posts, 64 in flight, by partitions";
    private const string PartitionDrain = "drain, tuned, by partitions";
    private const string WaiterLast = "publish to the last waiter in 8 processes, by waiters";

    public override string Name => "growth";

    public override string Title => "How costs grow";

    public override string Explanation =>
        "Latchwork alone, with more and more of one thing: listeners (each with a connection), partitions (on one server, where they can only cost), waiters "
        + "for one key in 8 processes.";

    public override int FullSeconds => 115;

    public override async Task RunAsync(Bench bench)
    {
        await ListenersAsync(bench);
        await PartitionsAsync(bench);
        await WaitersAsync(bench);
    }

    private static async Task ListenersAsync(Bench bench)
    {
        ContenderProcess poster = await bench.StartOursAsync(), listener = await bench.StartOursAsync();
        double seconds = bench.Options.Quick ? 1 : 3;
        foreach (int listeners in bench.Options.Quick ? (int[])[1, 1, 8] : [1, 1, 2, 4, 8, 16, 32, 64])
        {
            string ns = Bench.NewName();
            bench.Server.Clear();
            await poster.AskAsync("open", new { ns });
            await listener.AskAsync("listen", new { ns, listeners });
            JsonObject told = [];
            (JsonObject poured, ServerWork work) = await bench.MeterAsync(async () =>
            {
                JsonObject poured = await poster.AskAsync("pour", new { rate = 200, seconds, minDelay = 200, maxDelay = 1000 });
                told = await listener.AskAsync("lateness", new { expect = poured.Number("count"), limit = 6 });
                return poured;
            });
            await listener.AskAsync("unlisten");
            if (bench.Result.Figures.Count == 0 && !bench.Result.Notes.Contains(Warm))
            {
                bench.Note(Warm);
                continue;
            }

            bench.Add(ListenerWork, Names.Latchwork, "ms", told.Number("p99"), listeners);
            bench.Add(ListenerCommands, Names.Latchwork, "", work.Sent / poured.Number("count"), listeners);
        }
    }

    private const string Warm = "The first run, with one listener, warms up and is left out.";

    private static async Task PartitionsAsync(Bench bench)
    {
        int count = bench.Options.Quick ? 5_000 : 50_000;
        foreach (int partitions in bench.Options.Quick ? (int[])[1, 4] : [1, 2, 4, 8, 16])
        {
            await bench.TurnAsync($"{partitions} partitions", async () =>
            {
                await using ContenderProcess ours = await bench.StartOursAsync($"{bench.Server.Uri}?partitions={partitions}");
                for (int round = 0; round < bench.Options.Rounds; round++)
                {
                    bench.Server.Clear();
                    await ours.AskAsync("open", new { ns = Bench.NewName() });
                    JsonObject posts = await ours.AskAsync("posts", new { inFlight = 64, seconds = bench.Options.Seconds / 2, warmUp = round == 0 ? 1 : 0.2 });
                    bench.Add(PartitionPosts, Names.Latchwork, "/s", posts.Number("rate"), partitions);
                    bench.Server.Clear();
                    await ours.AskAsync("open", new { ns = Bench.NewName() });
                    await ours.AskAsync("fill", new { count });
                    JsonObject drain = await ours.AskAsync("drain", new { count, limit = 60, maxEvents = Names.TunedMaxEvents, maxInFlight = Names.TunedMaxInFlight });
                    bench.Add(PartitionDrain, Names.Latchwork, "/s", drain.Number("rate"), partitions);
                }
            });
        }
    }

    private static async Task WaitersAsync(Bench bench)
    {
        const int Processes = 8;
        ContenderProcess owner = await bench.StartOursAsync();
        List<ContenderProcess> waiters = [];
        for (int i = 0; i < Processes; i++) waiters.Add(await bench.StartOursAsync());
        foreach (int count in bench.Options.Quick ? (int[])[8, 800] : [8, 80, 800, 8_000])
        {
            for (int round = -2; round < (bench.Options.Quick ? 1 : 5); round++)
            {
                string key = Bench.NewName();
                await owner.AskAsync("hold", new { key });
                foreach (ContenderProcess process in waiters) await process.AskAsync("wait", new { key, count = count / Processes });
                await Task.Delay(200);
                double at = (await owner.AskAsync("publish", new { key })).Number("at"), last = 0;
                foreach (ContenderProcess process in waiters) last = Math.Max(last, (await process.AskAsync("woke")).Numbers("times").Max());
                if (round >= 0) bench.Add(WaiterLast, Names.Latchwork, "ms", (last - at) / 1000, count);
            }
        }
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return new LineChart("growth-listeners.svg", "Lateness p99 at 200 events/s, by listeners", "listeners", "ms", LineChart.SeriesOf(result, ListenerWork)) { LogX = true };
        yield return new LineChart("growth-listeners-commands.svg", "Commands sent for an event at 200 events/s, by listeners", "listeners", "commands", LineChart.SeriesOf(result, ListenerCommands)) { LogX = true };
        yield return new LineChart(
            "growth-partitions.svg", "Events a second, by partitions (one server)", "partitions", "events/s",
            [.. LineChart.SeriesOf(result, PartitionPosts, "posts"), .. LineChart.SeriesOf(result, PartitionDrain, "claimed and confirmed, tuned")])
        { LogX = true };
        yield return new LineChart("growth-waiters.svg", "From the publication to the last waiter, by waiters", "waiters", "ms", LineChart.SeriesOf(result, WaiterLast)) { LogX = true };
    }
}
