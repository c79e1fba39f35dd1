using System.Globalization;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Latchwork.Redis.Tests.Cluster;

/// <summary>Partitions use all primaries alike.</summary>
public sealed class ClusterSpreadTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Twelve_partitions_give_each_of_three_primaries_its_third_of_posts_and_of_work()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync(new() { Replicas = 0, NodeTimeout = TimeSpan.FromMinutes(1) });
        await using RedisStore store = await RedisStore.ConnectAsync(cluster.LenientUri + "&partitions=12");
        const int Count = 6000;
        foreach (string ns in (string[])["dt", "order-unpaid", "trial-ends"])
        {
            await using var timer = new DistributedTimer(store, new() { Namespace = ns, MaxEvents = 100, MaxInFlight = 1000 });
            await timer.PostAsync([.. Enumerable.Range(0, Count).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = $"later-{i}" }))]);
            long[] posts = await Task.WhenAll(cluster.Servers.Select(server => EventsAsync(server, ns)));
            output.WriteLine($"{ns}: events at each primary: {string.Join(", ", posts)}");
            posts.Sum().ShouldBe(Count);
            posts.ShouldAllBe(count => Math.Abs(count - (Count / 3)) <= Count / 3 * 0.2);

            foreach (RedisServer server in cluster.Servers) await server.CommandAsync("CONFIG", "RESETSTAT");
            int delivered = 0;
            await timer.JoinAsync((_, _) =>
            {
                Interlocked.Increment(ref delivered);
                return Task.CompletedTask;
            });
            await timer.PostAsync([.. Enumerable.Range(0, Count).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"now-{i}" }))]);
            await Eventually.HoldsAsync(() => Volatile.Read(ref delivered) == Count, "all are delivered");
            await timer.LeaveAsync();
            long[] removed = await Task.WhenAll(cluster.Servers.Select(RemovedAsync));
            output.WriteLine($"{ns}: writes at each primary while {Count} were posted and drained: {string.Join(", ", removed)}");
        }
    }

    private static async Task<long> EventsAsync(RedisServer server, string ns)
    {
        string keys = await server.CommandAsync("KEYS", $"lw:{{t:{ns}:*}}:due");
        long sum = 0;
        foreach (string key in keys.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            sum += long.Parse(await server.CommandAsync("ZCARD", key), CultureInfo.InvariantCulture);
        return sum;
    }

    // Calls of EVALSHA, which is all that clients send.
    private static async Task<long> RemovedAsync(RedisServer server)
    {
        string stats = await server.CommandAsync("INFO", "commandstats");
        string line = stats.Split('\n').First(text => text.StartsWith("cmdstat_evalsha:calls=", StringComparison.Ordinal));
        return long.Parse(line["cmdstat_evalsha:calls=".Length..line.IndexOf(',', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
    }
}
