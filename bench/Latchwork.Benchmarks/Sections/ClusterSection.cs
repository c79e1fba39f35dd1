using System.Globalization;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Benchmarks.Sections;

internal sealed class ClusterSection : Section
{
    private const int Partitions = 16;

    public override string Name => "cluster";

    public override string Title => "More primaries";

    public override string Explanation =>
        $"A namespace of {Partitions} partitions on Redis Clusters of one, three and six primaries without replicas, one client. On a machine with fewer processors than servers and clients rates cannot "
        + "grow: what is judged is the CPU of all primaries together for an event, which must not grow with their number, and how evenly it is spread. That is what docs/scale.md counts on.";

    public override int FullSeconds => 45;

    public override async Task RunAsync(Bench bench)
    {
        int count = bench.Options.Quick ? 10_000 : 100_000;
        foreach (int primaries in bench.Options.Quick ? (int[])[1, 3] : [1, 3, 6])
        {
            await bench.TurnAsync($"{primaries} primaries", async () =>
            {
                await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Primaries = primaries, Replicas = 0, NodeTimeout = TimeSpan.FromMinutes(1) });
                await using ContenderProcess ours = await bench.StartOursAsync($"{cluster.Uri}?partitions={Partitions}");
                for (int round = -1; round < bench.Options.Rounds; round++)
                {
                    foreach (RedisServer server in cluster.Servers) await server.CommandAsync("FLUSHALL", "SYNC");
                    await ours.AskAsync("open", new { ns = Bench.NewName() });
                    (JsonObject posts, double[] postCpu) = await MeterAsync(cluster, () => ours.AskAsync("posts", new { inFlight = 256, seconds = bench.Options.Seconds / 2, warmUp = 0 }));
                    foreach (RedisServer server in cluster.Servers) await server.CommandAsync("FLUSHALL", "SYNC");
                    await ours.AskAsync("open", new { ns = Bench.NewName() });
                    await ours.AskAsync("fill", new { count });
                    (JsonObject drain, double[] drainCpu) = await MeterAsync(
                        cluster, () => ours.AskAsync("drain", new { count, limit = 60, maxEvents = Names.TunedMaxEvents, maxInFlight = Names.TunedMaxInFlight }));
                    if (round < 0) continue; // it warms up
                    Add(bench, "posts, 256 in flight", posts, postCpu, primaries);
                    Add(bench, "drain, tuned", drain, drainCpu, primaries);
                }
            });
        }
    }

    private static void Add(Bench bench, string work, JsonObject answer, double[] cpu, int primaries)
    {
        bench.Add($"{work}, by primaries", Names.Latchwork, "/s", answer.Number("rate"), primaries);
        bench.Add($"{work}: server CPU of an event, by primaries", Names.Latchwork, "µs", cpu.Sum() / answer.Number("count"), primaries);
        bench.Add($"{work}: share of the busiest primary, by primaries", Names.Latchwork, "%", 100 * cpu.Max() / cpu.Sum(), primaries);
    }

    /// <summary>The CPU of each primary meanwhile, in µs.</summary>
    private static async Task<(JsonObject Answer, double[] Cpu)> MeterAsync(RedisCluster cluster, Func<Task<JsonObject>> work)
    {
        double[] before = await CpuAsync();
        JsonObject answer = await work();
        double[] after = await CpuAsync();
        return (answer, [.. after.Zip(before, static (a, b) => a - b)]);

        Task<double[]> CpuAsync() => Task.WhenAll(cluster.Servers.Select(async server => (await server.CommandAsync("INFO", "cpu")).Split('\n')
            .Where(static line => line.StartsWith("used_cpu_user:", StringComparison.Ordinal) || line.StartsWith("used_cpu_sys:", StringComparison.Ordinal))
            .Sum(static line => double.Parse(line.Split(':')[1], CultureInfo.InvariantCulture) * 1e6)));
    }
}
