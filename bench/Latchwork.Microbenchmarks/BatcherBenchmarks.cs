using BenchmarkDotNet.Attributes;
using Latchwork.Threading;

namespace Latchwork.Microbenchmarks;

/// <summary>Coalescing: what group commit adds to an item, on a store that answers immediately or a moment later.</summary>
public class BatcherBenchmarks
{
    private const int Items = 1_000;

    private readonly Batcher<int, int> _atOnce = new(items => Task.FromResult<IReadOnlyList<int>>([.. items]));
    private readonly Batcher<int, int> _later = new(async items =>
    {
        await Task.Yield();
        return (IReadOnlyList<int>)[.. items];
    });

    [Benchmark(Baseline = true, OperationsPerInvoke = Items)]
    public async Task AtOnce()
    {
        for (int i = 0; i < Items; i++) await _atOnce.AddAsync(i);
    }

    [Benchmark(OperationsPerInvoke = Items)]
    public async Task ManyAtATime()
    {
        var calls = new Task<int>[Items];
        for (int i = 0; i < Items; i++) calls[i] = _later.AddAsync(i);
        await Task.WhenAll(calls);
    }
}
