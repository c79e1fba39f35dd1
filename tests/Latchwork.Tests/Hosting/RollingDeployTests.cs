using System.Collections.Concurrent;
using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.DependencyInjection;
using Shop.Orders;
using Shop.Sales.Events;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Hosting;

/// <summary>
/// Two builds of a service side by side on one store, from two assemblies: the event's type was renamed, moved and extended in between, and
/// the new build knows one more namespace.
/// </summary>
public sealed class RollingDeployTests
{
    private readonly InMemoryStore _store = new();
    private readonly ConcurrentQueue<string> _handled = new();
    private int _posted;

    [Fact]
    public async Task Old_and_new_builds_take_turns_and_no_event_is_lost_or_killed()
    {
        await using TestApp gateway = await StartAsync(builder => builder.AddNewPosts());
        await using TestApp old1 = await StartAsync(builder => builder.AddOldBuild());
        await using TestApp old2 = await StartAsync(builder => builder.AddOldBuild());
        await PostUntilHandledByAsync("old", gateway);

        // Nobody knows the new kind of event yet: it waits.
        (await GetStatsAsync("trial-ends")).ShouldBe((_posted, 0));
        await using TestApp new1 = await StartAsync(builder => builder.AddNewBuild());
        await PostAsync(gateway);
        await old1.StopAsync();
        await PostAsync(gateway);
        await using TestApp new2 = await StartAsync(builder => builder.AddNewBuild());
        await PostUntilHandledByAsync("new", gateway);
        await old2.StopAsync();
        await PostAsync(gateway);

        await using var orders = new DistributedTimer(_store, new() { Namespace = "order-unpaid" });
        await using var trials = new DistributedTimer(_store, new() { Namespace = "trial-ends" });
        foreach (DistributedTimer timer in (DistributedTimer[])[orders, trials])
        {
            await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0, DeadLetters: 0 }, $"{timer.Namespace} is drained");
        }

        string[] expected = [.. Enumerable.Range(0, _posted).SelectMany(i => (string[])[$"order-unpaid {i}", $"trial-ends {i}"]).Order(StringComparer.Ordinal)];
        _handled.Select(one => one[4..]).Order(StringComparer.Ordinal).ShouldBe(expected);
        _handled.Where(one => one.StartsWith("old", StringComparison.Ordinal)).ShouldAllBe(one => one.Contains("order-unpaid", StringComparison.Ordinal));
        (await orders.GetNodesAsync()).Count.ShouldBe(2);
    }

    private async Task<TestApp> StartAsync(Func<LatchworkBuilder, LatchworkBuilder> add)
    {
        var app = new TestApp();
        app.Services.AddSingleton<Func<string, Task>>(async what =>
        {
            await Task.Yield();
            _handled.Enqueue(what);
        });
        add(app.Services.AddLatchwork().UseStore(_store));
        await app.StartAsync();
        return app;
    }

    // Which node gets which event is nobody's promise.
    private async Task PostUntilHandledByAsync(string build, TestApp gateway) => await Eventually.ReadsAsync(
        async () =>
        {
            await PostAsync(gateway);
            return _handled.Any(one => one.StartsWith($"{build} order-unpaid", StringComparison.Ordinal));
        },
        static handled => handled,
        $"the {build} build has handled an order");

    private async Task PostAsync(TestApp gateway)
    {
        for (int n = 0; n < 20; n++)
        {
            int i = _posted++;
            await gateway.Get<IDistributedTimer<UnpaidOrder>>().PostAsync(new UnpaidOrder(i, "SPRING"), TimeSpan.FromMilliseconds(n));
            await gateway.Get<IDistributedTimer<TrialEnds>>().PostAsync(new TrialEnds(i), TimeSpan.FromMilliseconds(n));
        }
    }

    private async Task<(long Scheduled, long DeadLetters)> GetStatsAsync(string ns)
    {
        await using var timer = new DistributedTimer(_store, new() { Namespace = ns });
        TimerStats stats = await timer.GetStatsAsync();
        return (stats.Scheduled, stats.DeadLetters);
    }
}
