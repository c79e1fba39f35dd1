using System.Globalization;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

internal sealed class LockerSection : Section
{
    // The runtimes compile what a process does often: .NET for the second time after 30 calls and a tenth of a second.
    private const int Processes = 8, Waiters = 1_000, Unmeasured = 10;
    private const string Pairs = "uncontended request + publish, 64 in flight";
    private const string Release = "publish to 1,000 waiters in 8 processes";

    public override string Name => "locker";

    public override string Title => "The process locker";

    public override string Explanation =>
        "Uncontended: 64 callers, each a new key, its request and its publication of 200 bytes. Waiters: 125 in each of 8 processes wait for one key, a ninth "
        + "process publishes; from before the publication to each waiter, by the monotonic clock that the processes share; the first ten rounds of each are not counted. Takeover: the owner is killed "
        + "(SIGKILL) at a random moment of its lease of 5 s; from the kill to the next owner's first step. The ancestor never takes over; its waiters fail after an hour.";

    public override int FullSeconds => 85;

    public override async Task RunAsync(Bench bench)
    {
        await UncontendedAsync(bench);
        foreach ((string who, string name) in ((string, string)[])[(Names.Latchwork, "latchwork"), (Names.Ancestor, "process-locker")])
            await bench.TurnAsync(who, () => ReleaseAsync(bench, who, name));
        await TakeoverAsync(bench);
    }

    private static async Task UncontendedAsync(Bench bench)
    {
        ContenderProcess ours = await bench.StartOursAsync();
        ContenderProcess theirs = await bench.StartPeerAsync("process-locker");
        ContenderProcess faster = await bench.StartAsync("process-locker", string.Create(CultureInfo.InvariantCulture, $"{bench.Server.Port} pipelining"));
        for (int round = 0; round < bench.Options.Rounds; round++)
        {
            foreach ((string who, ContenderProcess process) in ((string, ContenderProcess)[])[(Names.Latchwork, ours), (Names.Ancestor, theirs), (Names.AncestorPipelining, faster)])
            {
                await bench.TurnAsync(who, async () =>
                {
                    bench.Server.Clear();
                    JsonObject answer = await process.AskAsync("once", new { inFlight = 64, seconds = bench.Options.Seconds, warmUp = 1 });
                    bench.Add(Pairs, who, "/s", answer.Number("rate"));
                });
            }
        }
    }

    private static async Task ReleaseAsync(Bench bench, string who, string name)
    {
        string store = name == "latchwork" ? bench.Server.Uri : bench.Server.Port.ToString(CultureInfo.InvariantCulture);
        ContenderProcess owner = await bench.StartAsync(name, store);
        List<ContenderProcess> waiters = [];
        for (int i = 0; i < Processes; i++) waiters.Add(await bench.StartAsync(name, store));
        int rounds = bench.Options.Quick ? 2 : 10;
        for (int round = -Unmeasured; round < rounds; round++)
        {
            string key = Bench.NewName();
            await owner.AskAsync("hold", new { key });
            foreach (ContenderProcess process in waiters) await process.AskAsync("wait", new { key, count = Waiters / Processes });
            await Task.Delay(200); // they are subscribed by then
            double at = (await owner.AskAsync("publish", new { key })).Number("at");
            List<double> times = [];
            foreach (ContenderProcess process in waiters) times.AddRange((await process.AskAsync("woke")).Numbers("times"));
            if (round < 0) continue;
            double[] took = [.. times.Select(time => (time - at) / 1000).Order()];
            bench.Add($"{Release}, p50", who, "ms", Statistics.Percentile(took, 0.5));
            bench.Add($"{Release}, p99", who, "ms", Statistics.Percentile(took, 0.99));
            bench.Add($"{Release}, last", who, "ms", took[^1]);
        }

        foreach (ContenderProcess process in waiters.Append(owner)) await process.DisposeAsync();
    }

    private static async Task TakeoverAsync(Bench bench)
    {
        ContenderProcess waiter = await bench.StartOursAsync();
        for (int round = 0; round < (bench.Options.Quick ? 1 : 4); round++)
        {
            string key = Bench.NewName();
            ContenderProcess owner = await bench.StartOursAsync();
            await owner.AskAsync("hold", new { key });
            await waiter.AskAsync("wait", new { key, count = 10 });
            await Task.Delay(500 + (round * 700));
            double killed = Contenders.Loops.Monotonic;
            owner.Kill();
            JsonObject woke = await waiter.AskAsync("woke", limit: 30);
            bench.Add("takeover after the owner was killed", Names.Latchwork, "ms", (woke.Number("ran") - killed) / 1000);
        }
    }

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        yield return Target.More($"{Pairs}: to the ancestor", result.Of(Pairs, Names.Latchwork) / result.Of(Pairs, Names.Ancestor), 3, "×");
        yield return Target.Less($"{Release}, p99", result.Of($"{Release}, p99", Names.Latchwork), 5, "ms");
        yield return Target.Less("takeover: at most the lease of 5 s + 250 ms, the slowest", result.Figures.Find(f => f.Work.StartsWith("takeover", StringComparison.Ordinal))?.Values.Max(), 5_250, "ms");
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return BarChart.Of(result, "locker.svg", "Uncontended runs a second", [Pairs]);
    }
}
