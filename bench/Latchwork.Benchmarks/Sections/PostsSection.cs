using System.Globalization;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

internal sealed class PostsSection : Section
{
    private static readonly int[] _inFlight = [64, 256];

    public override string Name => "posts";

    public override string Title => "Single posts";

    public override string Explanation => "One process, 64 or 256 callers, each awaiting one post of 200 bytes (due in an hour) before the next.";

    public override int FullSeconds => 65;

    public override async Task RunAsync(Bench bench)
    {
        (string Who, ContenderProcess Process)[] contenders =
        [
            (Names.Latchwork, await bench.StartOursAsync()),
            (Names.BullMq, await bench.StartPeerAsync("bullmq")),
            (Names.DTimer, await bench.StartPeerAsync("dtimer")),
            (Names.Raw, await bench.StartAsync("raw", bench.Server.Uri)),
        ];
        for (int round = 0; round < bench.Options.Rounds; round++)
        {
            foreach (int inFlight in _inFlight)
            {
                foreach ((string who, ContenderProcess process) in contenders)
                {
                    await bench.TurnAsync(who, async () =>
                    {
                        bench.Server.Clear();
                        await process.AskAsync("open", new { ns = Bench.NewName() });
                        // Compiled and warm: the first round has a longer way to it.
                        JsonObject answer = await process.AskAsync("posts", new { inFlight, seconds = bench.Options.Seconds, warmUp = round == 0 ? 1.5 : 0.3 });
                        bench.Add(Work(inFlight), who, "/s", answer.Number("rate"));
                        bench.Add($"client CPU of a post, {inFlight} in flight", who, "µs", answer.Number("cpuPerCall"));
                    });
                }
            }
        }
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        foreach (int inFlight in _inFlight)
        {
            double? ours = result.Of(Work(inFlight), Names.Latchwork);
            yield return Target.More($"{Work(inFlight)}: to the best peer", ours / result.BestPeer(Work(inFlight), more: true), 4, "×");
            yield return Target.More(Work(inFlight), ours, 80_000, "/s");
        }
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return BarChart.Of(result, "posts.svg", "Single posts a second", [.. _inFlight.Select(Work)]);
    }

    private static string Work(int inFlight) => string.Create(CultureInfo.InvariantCulture, $"single posts, {inFlight} in flight");
}
