using System.Globalization;
using Latchwork.Faults.History;
using Latchwork.Faults.Work;

namespace Latchwork.Faults.Running;

/// <summary>More events than one node has places for, due at one instant: see <see cref="BurstWork"/>.</summary>
internal sealed class Burst(Stand stand, HistoryWriter history)
{
    private const int Count = 8;
    private static readonly TimeSpan _delay = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(20);

    /// <summary>Posts them, and waits until all are handled; if nobody handles them, no longer than some seconds.</summary>
    /// <param name="number">The number of the burst.</param>
    public async Task RunAsync(long number)
    {
        await using LatchworkStore store = await WorkerProgram.OpenAsync(stand.Uri);
        await using var timer = new DistributedTimer(store, new() { Namespace = WorkerSettings.BurstNamespace, NodeId = "harness" });
        DateTimeOffset due = DateTimeOffset.UtcNow + _delay;
        long at = MonotonicTime.Now + MonotonicTime.Of(_delay);
        await timer.PostAsync([.. Enumerable.Range(0, Count).Select(i => new TimerPost("burst"u8.ToArray(), due, new PostOptions { Id = string.Create(CultureInfo.InvariantCulture, $"{number}:{i}") }))]);
        history.Write(new BurstPosted(MonotonicTime.Now, number, Math.Max(at, MonotonicTime.Now), Count));
        for (long end = at + MonotonicTime.Of(_timeout); MonotonicTime.Now < end; await Task.Delay(100))
        {
            if (await timer.GetStatsAsync() is { Scheduled: 0, InFlight: 0 }) return;
        }
    }
}
