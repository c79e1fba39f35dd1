using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

internal sealed class DrainSection : Section
{
    private const string Work = "drain of due events, each confirmed";

    public override string Name => "drain";

    public override string Title => "Draining a backlog";

    public override string Explanation =>
        "One listener joins when the events are due already, and handles and confirms them all; from the join to the last acknowledged confirmation. Latchwork "
        + "drains 200,000 events, with its defaults (`MaxEvents` 200, `MaxInFlight` 512) and tuned (`MaxInFlight` 2,000), and tuned with a history of what was completed; the peers 20,000, because they would need "
        + "minutes for more, with two settings each; rates are compared, with the better one.";

    public override int FullSeconds => 150;

    public override async Task RunAsync(Bench bench)
    {
        int ours = bench.Options.Quick ? 20_000 : 200_000, theirs = bench.Options.Quick ? 2_000 : 20_000;
        ContenderProcess latchwork = await bench.StartOursAsync();
        ContenderProcess bullmq = await bench.StartPeerAsync("bullmq");
        ContenderProcess dtimer = await bench.StartPeerAsync("dtimer");

        // A small one each, so that what is measured is compiled.
        foreach (ContenderProcess process in (ContenderProcess[])[latchwork, bullmq, dtimer])
            await bench.TurnAsync(process.Name, () => DrainAsync(bench, process, 2_000, new { count = 2_000, concurrency = 8, limit = 30 }));

        for (int round = 0; round < bench.Options.Rounds; round++)
        {
            await MeasureAsync(Names.Latchwork, latchwork, ours, new { count = ours, limit = 60 });
            await MeasureAsync(Names.Tuned, latchwork, ours, new { count = ours, limit = 60, maxEvents = Names.TunedMaxEvents, maxInFlight = Names.TunedMaxInFlight });
            await MeasureAsync(Names.Kept, latchwork, ours, new { count = ours, limit = 60, maxEvents = Names.TunedMaxEvents, maxInFlight = Names.TunedMaxInFlight, keepCompletedHours = 24 });
            foreach (int concurrency in (int[])[8, 64])
                await MeasureAsync($"{Names.BullMq}, concurrency {concurrency}", bullmq, theirs, new { count = theirs, concurrency, limit = 30 });
            foreach (int concurrency in (int[])[8, 500])
                await MeasureAsync($"{Names.DTimer}, maxEvents {concurrency}", dtimer, theirs, new { count = theirs, concurrency, limit = 30 });
        }

        async Task MeasureAsync(string who, ContenderProcess process, int count, object arguments) => await bench.TurnAsync(who, async () =>
        {
            JsonObject answer = await DrainAsync(bench, process, count, arguments);
            if (answer.Number("count") < count) bench.Note($"{who} drained {answer.Number("count"):N0} of {count:N0} events in its time.");
            bench.Add(Work, who, "/s", answer.Number("rate"));
            bench.Add("client CPU of a drained event", who, "µs", answer.Number("cpuPerCall"));
        });
    }

    private static async Task<JsonObject> DrainAsync(Bench bench, ContenderProcess process, int count, object arguments)
    {
        bench.Server.Clear();
        await process.AskAsync("open", new { ns = Bench.NewName() });
        await process.AskAsync("fill", new { count });
        return await process.AskAsync("drain", arguments);
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        double? best = result.BestPeer(Work, more: true);
        yield return Target.More("drain, tuned: to the best peer", result.Of(Work, Names.Tuned) / best, 10, "×");
        yield return Target.More("drain, tuned, with the history: to without", result.Of(Work, Names.Kept) / result.Of(Work, Names.Tuned), 0.85, "×");
        yield return Target.More("drain, all defaults: to the best peer", result.Of(Work, Names.Latchwork) / best, 3, "×");
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return BarChart.Of(result, "drain.svg", "Due events handled and confirmed a second, one listener", [Work]);
    }
}
