using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Latchwork.Benchmarks.Contenders;

/// <content>Single steps: claiming without confirming, confirming, and work among many pending events.</content>
internal sealed partial class LatchworkContender
{
    private readonly ConcurrentBag<TimerDelivery> _held = [];
    private DistributedTimer? _holder;

    /// <summary>Claims a number of events that are due and holds them.</summary>
    private async Task<JsonObject?> ClaimAsync(JsonObject request)
    {
        int count = request.Count("count");
        TimerOptions options = Options(request, _timer.Namespace);
        options.Confirmation = Confirmation.Manual;
        options.LeaseDuration = TimeSpan.FromMinutes(5);
        _holder = new DistributedTimer(_store, options);
        var last = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        int handled = 0;
        await _holder.JoinAsync((delivery, _) =>
        {
            _held.Add(delivery);
            if (Interlocked.Increment(ref handled) == count) last.TrySetResult();
            return Task.CompletedTask;
        });
        await last.Task.WaitAsync(TimeSpan.FromSeconds(60));
        return new JsonObject { ["allocatedPerCall"] = (GC.GetTotalAllocatedBytes(precise: true) - allocated) / (double)count };
    }

    /// <summary>Confirms what is held, all at once.</summary>
    private async Task<JsonObject?> ConfirmAsync(JsonObject request)
    {
        int count = _held.Count;
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        TimerOutcome[] outcomes = await Task.WhenAll(_held.Select(delivery => delivery.ConfirmAsync()));
        double perCall = (GC.GetTotalAllocatedBytes(precise: true) - allocated) / (double)count;
        if (outcomes.Any(outcome => outcome != TimerOutcome.Done)) throw new InvalidOperationException("A confirmation was refused.");
        _held.Clear();
        await _holder!.DisposeAsync();
        return new JsonObject { ["allocatedPerCall"] = perCall };
    }

    /// <summary>Posts a number of events in batches, due at random within 1 to 30 days.</summary>
    private async Task<JsonObject?> GrowAsync(JsonObject request)
    {
        const int Batch = 1000, Callers = 2;
        int left = request.Count("count"), count = left;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
        {
            var posts = new TimerPost[Batch];
            while (Interlocked.Add(ref left, -Batch) > -Batch)
            {
                for (int i = 0; i < Batch; i++) posts[i] = new TimerPost(_payload, RandomDue());
                await _timer.PostAsync(posts);
            }
        })));
        return new JsonObject { ["rate"] = count / Stopwatch.GetElapsedTime(start).TotalSeconds };
    }

    /// <summary>Posts, looks at and cancels a number of events among those that are there, 64 at a time.</summary>
    private async Task<JsonObject?> SampleAsync(JsonObject request)
    {
        int count = request.Count("count");
        string[] ids = [.. Enumerable.Range(0, count).Select(_ => Guid.NewGuid().ToString())];
        return new JsonObject
        {
            ["post"] = await RateAsync(async id => await _timer.PostAsync(_payload, RandomDue(), new() { Id = id })),
            ["peek"] = await RateAsync(async id =>
            {
                if (await _timer.PeekAsync(id) is null) throw new InvalidOperationException("An event is not there.");
            }),
            ["cancel"] = await RateAsync(async id =>
            {
                if (await _timer.CancelAsync(id) != TimerOutcome.Done) throw new InvalidOperationException("An event could not be cancelled.");
            }),
        };

        async Task<double> RateAsync(Func<string, Task> call)
        {
            int next = -1;
            long start = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(async () =>
            {
                for (int i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next)) await call(ids[i]);
            })));
            return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private static TimeSpan RandomDue() => TimeSpan.FromMilliseconds(Random.Shared.NextInt64(86_400_000, 30L * 86_400_000));
}
