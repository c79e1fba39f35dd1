using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Sections;

internal sealed class MemorySection : Section
{
    private const string Posts = "posts in memory, 64 callers";

    public override string Name => "memory";

    public override string Title => "In memory";

    public override string Explanation =>
        "The store in memory against Quartz.NET's, with 64 threads each: posts of 64 callers, then 1,000 events a second with delays of 0.5 to 2 s, posted and "
        + "handled in the same process. CPU is that of the whole process, for posting and firing together.";

    public override int FullSeconds => 75;

    public override async Task RunAsync(Bench bench)
    {
        ContenderProcess ours = await bench.StartOursAsync("memory:");
        ContenderProcess quiet = await bench.StartOursAsync("memory:", spins: false);
        ContenderProcess quartz = await bench.StartAsync("quartz", "-");
        double seconds = bench.Options.Quick ? 1 : 4;
        for (int round = 0; round < bench.Options.Rounds; round++)
        {
            foreach ((string who, ContenderProcess process) in ((string, ContenderProcess)[])[(Names.Latchwork, ours), (Names.Quiet, quiet), (Names.Quartz, quartz)])
            {
                await bench.TurnAsync(who, async () =>
                {
                    string ns = Bench.NewName();
                    await process.AskAsync("open", new { ns });
                    await process.AskAsync("listen", new { ns, listeners = 1 });
                    if (round == 0)
                    {
                        await process.AskAsync("pour", new { rate = 5_000, seconds = bench.Options.Quick ? 1 : 2 });
                        await process.AskAsync("lateness", new { expect = bench.Options.Quick ? 5_000 : 10_000, limit = 3 });
                        await process.AskAsync("forget");
                    }

                    JsonObject poured = await process.AskAsync("pour", new { rate = 1_000, seconds });
                    JsonObject told = await process.AskAsync("lateness", new { expect = poured.Number("count"), limit = 6 });
                    await process.AskAsync("unlisten");
                    foreach (string part in (string[])["p50", "p99", "max"]) bench.Add($"lateness {part} in memory, 1,000 events/s", who, "ms", told.Number(part));
                    bench.Add("early in memory", who, "events", told.Number("early"));
                    bench.Add("CPU of an event in memory, 1,000 events/s", who, "µs", (poured.Number("cpu") + told.Number("cpu")) * 1e6 / poured.Number("count"));

                    await process.AskAsync("open", new { ns = Bench.NewName() });
                    JsonObject posts = await process.AskAsync("posts", new { inFlight = 64, seconds = bench.Options.Seconds, warmUp = round == 0 ? 1.5 : 0.3 });
                    bench.Add(Posts, who, "/s", posts.Number("rate"));
                });
            }
        }
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        const string Cpu = "CPU of an event in memory, 1,000 events/s";
        yield return Target.More(Posts, result.Of(Posts, Names.Latchwork), 200_000, "/s");
        yield return Target.Less("lateness p99 in memory, 1,000 events/s", result.Of("lateness p99 in memory, 1,000 events/s", Names.Latchwork), 3, "ms");
        yield return Target.Less("CPU of an event in memory (a tenth of Quartz.NET's as it was measured before, 1.9 ms)", result.Of(Cpu, Names.Latchwork), 190, "µs");
        yield return Target.Less("CPU of an event in memory, idle threads of the pool do not spin", result.Of(Cpu, Names.Quiet), 100, "µs");
        yield return Target.Less("CPU of an event in memory: of Quartz.NET's in this run", 100 * result.Of(Cpu, Names.Latchwork) / result.Of(Cpu, Names.Quartz), 10, "%");
    }
}
