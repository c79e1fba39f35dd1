using System.Diagnostics;
using System.Globalization;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>The start of the library in a fresh process: from before it connects until its first post is acknowledged.</summary>
internal static class FirstPost
{
    public static async Task<int> RunAsync(string store)
    {
        long start = Stopwatch.GetTimestamp();
        await using RedisStore redis = await RedisStore.ConnectAsync(store);
        await using var timer = new DistributedTimer(redis, new() { Namespace = "first-post" });
        await timer.PostAsync(new byte[LatenessRecord.PayloadBytes], TimeSpan.FromHours(1));
        Console.WriteLine(Stopwatch.GetElapsedTime(start).TotalMilliseconds.ToString(CultureInfo.InvariantCulture));
        return 0;
    }
}
