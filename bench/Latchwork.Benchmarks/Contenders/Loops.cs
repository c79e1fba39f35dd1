using System.Diagnostics;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>The ways in which load is made, the same for all.</summary>
internal static class Loops
{
    /// <summary>Wall clock in ms with fractions, the same for all processes of the machine.</summary>
    public static double Now => (DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds;

    /// <summary>Monotonic clock in µs, the same for all processes of the machine.</summary>
    public static double Monotonic => Stopwatch.GetTimestamp() * (1e6 / Stopwatch.Frequency);

    /// <summary>Callers that each repeat a call until the time is over, after a warm-up.</summary>
    public static async Task<JsonObject> ClosedAsync(JsonObject request, Func<Task> call, int each = 1)
    {
        int inFlight = request.Count("inFlight");
        await RunAsync(request.Number("warmUp", 0.5));
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        long start = Stopwatch.GetTimestamp();
        long count = await RunAsync(request.Number("seconds", 1)) * each;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new JsonObject
        {
            ["count"] = count,
            ["rate"] = count / seconds,
            ["cpuPerCall"] = (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / count,
            ["allocatedPerCall"] = (GC.GetTotalAllocatedBytes(precise: true) - allocated) / (double)count,
        };

        async Task<long> RunAsync(double seconds)
        {
            long end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
            long[] counts = await Task.WhenAll(Enumerable.Range(0, inFlight).Select(_ => Task.Run(async () =>
            {
                long count = 0;
                // At least one, however late its thread begins: nothing can be said of none.
                for (; Stopwatch.GetTimestamp() < end || (count == 0 && seconds > 0); count++) await call();
                return count;
            })));
            return counts.Sum();
        }
    }

    /// <summary>Calls at a steady rate, however long they take, with delays that are spread evenly.</summary>
    /// <param name="request">rate, seconds, minDelay and maxDelay (ms).</param>
    /// <param name="post">Posts an event that is due after that many ms.</param>
    public static async Task<JsonObject> OpenAsync(JsonObject request, Func<double, Task> post)
    {
        double rate = request.Number("rate", 1), seconds = request.Number("seconds", 1);
        double least = request.Number("minDelay", 500), most = request.Number("maxDelay", 2000);
        var random = new Random(1);
        var pending = new List<Task>();
        long start = Stopwatch.GetTimestamp();
        int sent = 0;
        for (double elapsed = 0; elapsed < seconds; elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds)
        {
            double wanted = Math.Min(Math.Floor(elapsed * rate) + 1, rate * seconds);
            for (; sent < wanted; sent++) pending.Add(post(Math.Round(least + (random.NextDouble() * (most - least)))));
            await Task.Delay(rate > 1000 ? 1 : 5); // in which the poster itself uses next to no CPU
        }

        await Task.WhenAll(pending);
        return new JsonObject { ["count"] = sent, ["seconds"] = Stopwatch.GetElapsedTime(start).TotalSeconds };
    }

    /// <summary>Waits until it is so, or the time is over.</summary>
    public static async Task<bool> UntilAsync(Func<bool> ready, double seconds)
    {
        long start = Stopwatch.GetTimestamp();
        while (!ready() && Stopwatch.GetElapsedTime(start).TotalSeconds < seconds) await Task.Delay(10);
        return ready();
    }

    public static JsonObject Percentiles(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) return new JsonObject { ["count"] = 0 };
        return new JsonObject
        {
            ["count"] = sorted.Length,
            ["min"] = sorted[0],
            ["p50"] = Statistics.Percentile(sorted, 0.5),
            ["p99"] = Statistics.Percentile(sorted, 0.99),
            ["max"] = sorted[^1],
            ["early"] = sorted.Count(value => value < 0),
        };
    }
}
