using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Testing;

/// <summary>The programs in these pages are code that is compiled, here or in samples/.</summary>
public sealed class DocsExampleTests
{
    [Fact]
    public async Task The_example_of_docs_testing()
    {
        await using LatchworkTestHost host = LatchworkTestHost.Create(services => services
            .AddSingleton<Orders>()
            .AddLatchwork()
            .AddTimer<OrderUnpaid, CancelUnpaidOrder>("order-unpaid"));
        await host.Timer<OrderUnpaid>().PostAsync(new OrderUnpaid(41), TimeSpan.FromDays(30), new() { Id = "41" });

        await host.AdvanceAsync(TimeSpan.FromDays(29));
        host.Tester.AssertRan<OrderUnpaid>("41", times: 0);

        await host.AdvanceAsync(TimeSpan.FromDays(1));
        host.Tester.AssertRanOnce<OrderUnpaid>("41");
        host.Services.GetRequiredService<Orders>().Cancelled.ShouldBe([41]);
    }

    [Fact]
    public async Task The_example_of_docs_timers()
    {
        await using var store = new InMemoryStore();
        await using var timer = new DistributedTimer(store, new() { Namespace = "order-unpaid" });
        await timer.PostAsync(new OrderUnpaid(41), TimeSpan.FromDays(30), new() { Id = "41" });
        TimerCounters counters = (await timer.GetStatsAsync()).Counters;
        Console.WriteLine($"{counters.Totals.Confirmed} confirmed in all, {counters.Minutes[^2].Counts.DeadLettered} dead-lettered in the last full minute");
        counters.Totals.Posted.ShouldBe(1);
    }

    [Fact]
    public async Task The_example_of_docs_timers_of_the_history()
    {
        await using var store = new InMemoryStore();
        await using var timer = new DistributedTimer(store, new() { Namespace = "order-unpaid", CompletedRetention = TimeSpan.FromDays(1) });
        await timer.PostAsync(new OrderUnpaid(41), TimeSpan.Zero, new() { Id = "41" });
        await (await timer.ReceiveAsync(1, TimeSpan.FromMinutes(1))).ShouldHaveSingleItem().ConfirmAsync();
        await foreach (TimerSnapshot done in timer.CompletedAsync(limit: 20))
        {
            Console.WriteLine($"{done.Id}: due {done.Due:O}, claimed {done.ClaimedAt:O} by {done.NodeId}, confirmed {done.CompletedAt:O} at attempt {done.Retries + 1}: {done.Outcome}");
        }

        (await timer.PeekAsync("41"))!.State.ShouldBe(TimerState.Completed);
    }

    // These show code of other libraries in blocks of csharp; the readmes have a test of their own.
    private static readonly string[] _besideOurs = ["dtimer", "process-locker", "distributedlock", "fusioncache"];

    public static TheoryData<string> Pages =>
    [
        .. Docs.Pages().Where(static page => page.StartsWith("docs/", StringComparison.Ordinal)
            && !_besideOurs.Contains(Path.GetFileNameWithoutExtension(page))
            && Docs.Blocks(File.ReadAllText(Docs.PathTo(page)), "csharp").Any()),
    ];

    /// <summary>
    /// Blocks in <c>csharp</c> are compiled. What cannot be, as it needs packages that are not here (those of another library, on the pages in coming-from/), is in <c>cs</c>, and its page says so.
    /// </summary>
    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_program_of_a_page_is_compiled(string page)
    {
        string[] sources = [.. Docs.Sources().Select(Docs.Squeeze)];

        foreach (string program in Docs.Blocks(File.ReadAllText(Docs.PathTo(page)), "csharp").Select(Docs.Squeeze))
            sources.ShouldContain(source => source.Contains(program, StringComparison.Ordinal), program);
    }

    [Fact]
    public void The_tutorial_shows_every_file_of_its_sample_from_beginning_to_end()
    {
        string tutorial = File.ReadAllText(Docs.PathTo("docs", "tutorial.md"));
        string[] shown = [.. Docs.Blocks(tutorial, "csharp").Concat(Docs.Blocks(tutorial, "json")).Select(static block => block.Trim())];
        string[] files = [.. new[] { "*.cs", "*.json" }.SelectMany(pattern => Directory.EnumerateFiles(Docs.PathTo("samples", "Shop"), pattern))
            .Select(static file => File.ReadAllText(file).ReplaceLineEndings("\n").Trim())];

        shown.Order(StringComparer.Ordinal).ShouldBe(files.Order(StringComparer.Ordinal));
    }

    private sealed record OrderUnpaid(int Number);

    private sealed class Orders
    {
        public List<int> Cancelled { get; } = [];
    }

    private sealed class CancelUnpaidOrder(Orders orders) : ITimerHandler<OrderUnpaid>
    {
        public Task HandleAsync(OrderUnpaid value, TimerDelivery delivery, CancellationToken cancellationToken)
        {
            orders.Cancelled.Add(value.Number);
            return Task.CompletedTask;
        }
    }
}
