using System.Runtime.CompilerServices;
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

    [Theory]
    [InlineData("cluster.md")]
    [InlineData("from-0.1-redis.md")]
    [InlineData("hosting.md")]
    [InlineData("redis.md")]
    [InlineData("telemetry.md")]
    [InlineData("testing.md")]
    [InlineData("sample-order.md")]
    [InlineData("sample-report.md")]
    public void Every_program_of_a_page_is_compiled(string page)
    {
        string[] sources = [.. new[] { "samples", "tests" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root(), folder), "*.cs", SearchOption.AllDirectories))
            .Select(file => Squeeze(File.ReadAllText(file)))];

        string[] programs = [.. File.ReadAllText(Path.Combine(Root(), "docs", page)).Split("```csharp\n").Skip(1).Select(part => Squeeze(part[..part.IndexOf("```", StringComparison.Ordinal)]))];

        programs.ShouldNotBeEmpty();
        foreach (string program in programs) sources.Any(source => source.Contains(program, StringComparison.Ordinal)).ShouldBeTrue(program);
    }

    private static string Squeeze(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    private static string Root([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", ".."));

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
