using System.Globalization;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Benchmarks.Rendering;

namespace Latchwork.Benchmarks.Sections;

/// <summary>The libraries that .NET teams use for the same work on the same server.</summary>
internal sealed class DotNetSection : Section
{
    private const int Processes = 8, Callers = 100;
    private const string Posts = "single posts, 64 callers";
    private const string Drain = "drain of due events";
    private const string Late = "lateness at 100 events/s";
    private const string Pairs = "acquire + release of a free lock, 64 callers";
    private const string Wake = "release to the next owner in another process";
    private const string Takeover = "takeover after the owner was killed";
    private const string Stampede = "8 × 100 callers of one key: end of the run to the last answer";
    private const string Runs = "8 × 100 callers of one key: runs";
    private const string HangfireDefault = "Hangfire, defaults (polls every 15 s)";
    private const string HangfireSecond = "Hangfire, polls every 1 s";

    public override string Name => "dotnet";

    public override string Title => "Beside the libraries of .NET";

    public override string Explanation =>
        "Hangfire (Hangfire.Redis.StackExchange), DistributedLock.Redis, RedLock.net and FusionCache with its distributed locker, each with StackExchange.Redis 2.13, "
        + "the line that they were made with, and its documented settings; Latchwork with its defaults. Events of which nothing has come when the wait ends are counted as late by the time that has passed by then, "
        + "so their lateness is a lower bound. Takeover: the owner's process is killed (SIGKILL) while one caller waits; bounded by 45 s.";

    public override int FullSeconds => 330;

    public override async Task RunAsync(Bench bench)
    {
        await TimersAsync(bench);
        await LocksAsync(bench);
        foreach ((string who, string name) in Both(Names.FusionCache, "fusioncache")) await bench.TurnAsync(who, () => StampedeAsync(bench, who, name));
    }

    private static async Task TimersAsync(Bench bench)
    {
        ContenderProcess ours = await bench.StartOursAsync(), theirs = await bench.StartPeerAsync("hangfire");
        for (int round = 0; round < bench.Options.Rounds; round++)
        {
            foreach ((string who, ContenderProcess process) in ((string, ContenderProcess)[])[(Names.Latchwork, ours), (Names.Hangfire, theirs)])
            {
                await bench.TurnAsync(who, async () =>
                {
                    bench.Server.Clear();
                    await process.AskAsync("open", new { ns = Bench.NewName() });
                    JsonObject posts = await process.AskAsync("posts", new { inFlight = 64, seconds = bench.Options.Seconds, warmUp = round == 0 ? 1.5 : 0.3 });
                    bench.Add(Posts, who, "/s", posts.Number("rate"));
                });
            }

            int many = bench.Options.Quick ? 10_000 : 50_000, few = bench.Options.Quick ? 1_000 : 4_000;
            await DrainAsync(Names.Latchwork, ours, many, new { count = many, limit = 60 });
            await DrainAsync("Hangfire, 20 workers (default)", theirs, few, new { count = few, limit = 30, workers = 20 });
            await DrainAsync("Hangfire, 64 workers", theirs, few, new { count = few, limit = 30, workers = 64 });
        }

        double seconds = bench.Options.Quick ? 2 : 8;
        await LatenessAsync(Names.Latchwork, ours, 0);
        await LatenessAsync(HangfireSecond, theirs, 1);
        await LatenessAsync(HangfireDefault, theirs, 15);

        async Task DrainAsync(string who, ContenderProcess process, int count, object arguments) => await bench.TurnAsync(who, async () =>
        {
            bench.Server.Clear();
            await process.AskAsync("open", new { ns = Bench.NewName() });
            await process.AskAsync("fill", new { count });
            JsonObject answer = await process.AskAsync("drain", arguments);
            if (answer.Number("count") < count) bench.Note(string.Create(CultureInfo.InvariantCulture, $"{who} drained {answer.Number("count"):N0} of {count:N0} events in its time."));
            bench.Add(Drain, who, "/s", answer.Number("rate"));
        });

        async Task LatenessAsync(string who, ContenderProcess process, double poll) => await bench.TurnAsync(who, async () =>
        {
            bench.Server.Clear();
            string ns = Bench.NewName();
            await process.AskAsync("open", new { ns });
            await process.AskAsync("listen", new { ns, listeners = 1, poll });
            JsonObject poured = await process.AskAsync("pour", new { rate = 100, seconds });
            JsonObject told = await process.AskAsync("lateness", new { expect = poured.Number("count"), limit = 20 });
            await process.AskAsync("unlisten");
            if (told.Number("missing") > 0) bench.Note(string.Create(CultureInfo.InvariantCulture, $"{who}: {told.Number("missing"):N0} of {poured.Number("count"):N0} events had not come 20 s after the last was posted."));
            foreach (string part in (string[])["p50", "p99", "max"]) bench.Add($"{Late}, {part}", who, "ms", told.Number(part));
            bench.Add("early events at 100 events/s", who, "events", told.Number("early"));
        });
    }

    private static async Task LocksAsync(Bench bench)
    {
        (string Who, string Name)[] contenders = [.. Both(Names.DistributedLock, "distributedlock"), (Names.RedLock, "redlock")];
        foreach ((string who, string name) in contenders)
        {
            await bench.TurnAsync(who, async () =>
            {
                bench.Server.Clear();
                ContenderProcess owner = await StartAsync(bench, name), waiter = await StartAsync(bench, name);
                for (int round = 0; round < bench.Options.Rounds; round++)
                {
                    JsonObject pairs = await owner.AskAsync("pairs", new { inFlight = 64, seconds = bench.Options.Seconds, warmUp = round == 0 ? 1.5 : 0.3 });
                    bench.Add(Pairs, who, "/s", pairs.Number("rate"));
                }

                List<double> times = [];
                for (int round = -2; round < (bench.Options.Quick ? 5 : 20); round++)
                {
                    string key = Bench.NewName();
                    await owner.AskAsync("lock", new { key });
                    await waiter.AskAsync("queue", new { key, count = 1 });
                    await Task.Delay(300 + (round * 17)); // it waits by then, at another place of its interval each time
                    double at = (await owner.AskAsync("unlock")).Number("at");
                    double acquired = (await waiter.AskAsync("acquired")).Numbers("times").Single();
                    if (round >= 0) times.Add((acquired - at) / 1000);
                }

                foreach ((string part, double share) in ((string, double)[])[("p50", 0.5), ("p99", 0.99)])
                    bench.Add($"{Wake}, {part}", who, "ms", Statistics.Percentile([.. times.Order()], share));

                for (int round = 0; round < (bench.Options.Quick ? 1 : 2); round++)
                {
                    string key = Bench.NewName();
                    ContenderProcess victim = await StartAsync(bench, name);
                    await victim.AskAsync("lock", new { key });
                    await waiter.AskAsync("queue", new { key, count = 1 });
                    await Task.Delay(1_000 + (round * 700));
                    double killed = Contenders.Loops.Monotonic;
                    victim.Kill();
                    double acquired = (await waiter.AskAsync("acquired", limit: 45)).Numbers("times").Single();
                    bench.Add(Takeover, who, "s", (acquired - killed) / 1e6);
                }
            });
        }
    }

    private static async Task StampedeAsync(Bench bench, string who, string name)
    {
        bench.Server.Clear();
        List<ContenderProcess> processes = [];
        for (int i = 0; i < Processes; i++) processes.Add(await StartAsync(bench, name));
        for (int round = -1; round < bench.Options.Rounds; round++)
        {
            string key = Bench.NewName();
            foreach (ContenderProcess process in processes) await process.AskAsync("stampede", new { key, count = Callers, work = 500 });
            List<double> times = [];
            double ran = 0, runs = 0;
            foreach (ContenderProcess process in processes)
            {
                JsonObject served = await process.AskAsync("served");
                times.AddRange(served.Numbers("times"));
                ran = Math.Max(ran, served.Number("ran"));
                runs += served.Number("runs");
            }

            if (round < 0) continue; // compiled now
            bench.Add(Stampede, who, "ms", (times.Max() - ran) / 1000);
            bench.Add(Runs, who, "runs", runs);
        }

        foreach (ContenderProcess process in processes) await process.DisposeAsync();
    }

    private static (string Who, string Name)[] Both(string who, string name) => [(Names.Latchwork, "latchwork"), (who, name)];

    private static Task<ContenderProcess> StartAsync(Bench bench, string name) => name == "latchwork" ? bench.StartOursAsync() : bench.StartPeerAsync(name);

    public override IEnumerable<Target> Judge(SectionResult result)
    {
        yield return Target.More($"{Posts}: to Hangfire", result.Of(Posts, Names.Latchwork) / result.Of(Posts, Names.Hangfire), 4, "×");
        yield return Target.More($"{Drain}: to Hangfire, the better setting", result.Of(Drain, Names.Latchwork) / result.BestPeer(Drain, more: true), 3, "×");
        yield return Target.More($"{Late}, p99: the best peer's to ours", result.BestPeer($"{Late}, p99", more: false) / result.Of($"{Late}, p99", Names.Latchwork), 10, "×");
        yield return Target.Less("early events at 100 events/s", result.Of("early events at 100 events/s", Names.Latchwork), 0, "events");
        yield return Target.More($"{Wake}, p50: the best peer's to ours", result.BestPeer($"{Wake}, p50", more: false) / result.Of($"{Wake}, p50", Names.Latchwork), 10, "×");
        yield return Target.Less($"{Takeover}: the lease of 5 s + 250 ms", result.Of(Takeover, Names.Latchwork), 5.25, "s");
        yield return Target.Less($"{Runs}", result.Of(Runs, Names.Latchwork), 1, "runs");
    }

    public override IEnumerable<Chart> Charts(SectionResult result)
    {
        yield return BarChart.Of(result, "dotnet-drain.svg", "Due events handled a second", [Drain]);
        yield return BarChart.Of(result, "dotnet-wake.svg", "Release of a lock to its next owner, p50 in ms", [$"{Wake}, p50"]);
    }
}
