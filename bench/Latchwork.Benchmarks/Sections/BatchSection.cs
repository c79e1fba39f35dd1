using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

internal sealed class BatchSection : Section
{
    private const string Work = "batch posts";

    public override string Name => "batch";

    public override string Title => "Posts in batches";

    public override string Explanation =>
        "One caller posts lists of 1,000 events of 200 bytes; BullMQ `addBulk` of 500 and two callers, dtimer, which has no batches, single posts of 256 callers. "
        + "The raw limit is the same two writes for each event as plain pipelined commands, 1,000 events under way; as one ZADD and one HSET of 200 events it "
        + "shows what is left for a server that checks nothing.";

    public override int FullSeconds => 45;

    public override async Task RunAsync(Bench bench)
    {
        ContenderProcess ours = await bench.StartOursAsync();
        ContenderProcess raw = await bench.StartAsync("raw", bench.Server.Uri);
        ContenderProcess bullmq = await bench.StartPeerAsync("bullmq");
        ContenderProcess dtimer = await bench.StartPeerAsync("dtimer");
        for (int round = 0; round < bench.Options.Rounds; round++)
        {
            await MeasureAsync(Names.Latchwork, ours, "bulk", new { inFlight = 1, batch = 1000, seconds = bench.Options.Seconds, warmUp = 1 });
            await MeasureAsync(Names.Raw, raw, "bulk", new { batch = 1000, seconds = bench.Options.Seconds, warmUp = 0.5 });
            await MeasureAsync(Names.RawVariadic, raw, "bulk", new { batch = 200, variadic = true, seconds = bench.Options.Seconds, warmUp = 0.5 });
            await MeasureAsync($"{Names.BullMq}, addBulk of 500", bullmq, "bulk", new { inFlight = 2, batch = 500, seconds = bench.Options.Seconds, warmUp = 0.5 });
            await MeasureAsync($"{Names.DTimer}, single posts", dtimer, "posts", new { inFlight = 256, seconds = bench.Options.Seconds, warmUp = 0.5 });
        }

        async Task MeasureAsync(string who, ContenderProcess process, string verb, object arguments) => await bench.TurnAsync(who, async () =>
        {
            bench.Server.Clear();
            await process.AskAsync("open", new { ns = Bench.NewName() });
            JsonObject answer = await process.AskAsync(verb, arguments);
            bench.Add(Work, who, "/s", answer.Number("rate"));
        });
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        double? ours = result.Of(Work, Names.Latchwork);
        yield return Target.More("batch posts: to the best peer", ours / result.BestPeer(Work, more: true), 10, "×");
        yield return Target.More("batch posts: of the raw limit for the same writes", 100 * ours / result.Of(Work, Names.Raw), 90, "%");
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return BarChart.Of(result, "batch.svg", "Posts in batches, events a second", [Work]);
    }
}
