using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Sections;

internal sealed class CostsSection : Section
{
    public override string Name => "costs";

    public override string Title => "What an event costs";

    public override string Explanation =>
        "Commands that clients send (a script is one), commands that run in the server, bytes both ways, allocations of the client, and CPU of both. At load: "
        + "64 callers post; events are claimed 200 at a time and held; all are confirmed at once. At the trickle: ten events a second, one at a time, one listener.";

    public override int FullSeconds => 45;

    public override async Task RunAsync(Bench bench)
    {
        ContenderProcess ours = await bench.StartOursAsync(), other = await bench.StartOursAsync();
        int count = bench.Options.Quick ? 5_000 : 50_000;
        for (int round = -1; round < bench.Options.Rounds; round++)
        {
            bench.Server.Clear();
            await ours.AskAsync("open", new { ns = Bench.NewName() });
            (JsonObject posts, ServerWork work) = await bench.MeterAsync(() => ours.AskAsync("posts", new { inFlight = 64, seconds = bench.Options.Seconds, warmUp = 0 }));
            if (round >= 0) Add("a post at load", posts.Number("count"), posts.Number("cpu"), posts.Number("allocatedPerCall"), work);

            await ours.AskAsync("open", new { ns = Bench.NewName() });
            await ours.AskAsync("fill", new { count });
            (JsonObject claim, work) = await bench.MeterAsync(() => ours.AskAsync("claim", new { count, maxEvents = 200, maxInFlight = 100_000 }));
            if (round >= 0) Add("a claim at load", count, claim.Number("cpu"), claim.Number("allocatedPerCall"), work);
            (JsonObject confirm, work) = await bench.MeterAsync(() => ours.AskAsync("confirm"));
            if (round >= 0) Add("a confirmation at load", count, confirm.Number("cpu"), confirm.Number("allocatedPerCall"), work);

            await ours.AskAsync("open", new { ns = Bench.NewName() });
            await ours.AskAsync("fill", new { count });
            (JsonObject drain, work) = await bench.MeterAsync(() => ours.AskAsync("drain", new { count, limit = 60 }));
            if (round >= 0) Add("claim and confirmation, all defaults", count, drain.Number("cpu"), drain.Number("allocatedPerCall"), work);

            string ns = Bench.NewName();
            await other.AskAsync("listen", new { ns, listeners = 1 });
            await ours.AskAsync("open", new { ns });
            double seconds = bench.Options.Quick || round < 0 ? 1 : 5;
            (JsonObject poured, work) = await bench.MeterAsync(() => ours.AskAsync("pour", new { rate = 10, seconds, minDelay = 20, maxDelay = 20 }));
            if (round >= 0)
            {
                bench.Add("post, claim and confirmation at the trickle: commands sent", Names.Latchwork, "", work.Sent / poured.Number("count"));
                bench.Add("post, claim and confirmation at the trickle: bytes to the server", Names.Latchwork, "", work.BytesIn / poured.Number("count"));
            }

            await other.AskAsync("unlisten");
        }

        void Add(string work, double events, double cpu, double allocated, ServerWork server)
        {
            bench.Add($"{work}: commands sent", Names.Latchwork, "", server.Sent / events);
            bench.Add($"{work}: commands run in the server", Names.Latchwork, "", server.Run / events);
            bench.Add($"{work}: bytes to the server", Names.Latchwork, "", server.BytesIn / events);
            bench.Add($"{work}: bytes from the server", Names.Latchwork, "", server.BytesOut / events);
            bench.Add($"{work}: bytes allocated by the client", Names.Latchwork, "", allocated);
            bench.Add($"{work}: client CPU of a million", Names.Latchwork, "s", cpu * 1e6 / events);
            bench.Add($"{work}: server CPU of a million", Names.Latchwork, "s", server.Cpu * 1e6 / events);
        }
    }
}
