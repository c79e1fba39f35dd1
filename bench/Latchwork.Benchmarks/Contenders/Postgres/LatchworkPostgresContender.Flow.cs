using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Latchwork.Benchmarks.Harness;
using Latchwork.Storage;

namespace Latchwork.Benchmarks.Contenders;

/// <content>Many events, posted and handled at the same time, for what stays behind in the tables.</content>
internal sealed partial class LatchworkPostgresContender
{
    /// <summary>How far the posts may be ahead of the handlers.</summary>
    private const int MostAhead = 20_000;

    /// <summary>Passes <c>count</c> events through, at most <c>limit</c> seconds, and says how long the claims took that brought events.</summary>
    private async Task<JsonObject?> FlowAsync(JsonObject request)
    {
        const int Batch = 1000;
        int count = request.Count("count"), handled = 0, repeated = 0;
        double limit = request.Number("limit", 600);
        var seen = new System.Collections.BitArray(count);
        var gate = new Lock();
        await using var measured = new MeasuredStore(_store!);
        await using var listener = new DistributedTimer(measured, ListenerOptions());
        await listener.JoinAsync((delivery, _) =>
        {
            int number = BinaryPrimitives.ReadInt32LittleEndian(delivery.Payload.Span[8..]);
            lock (gate)
            {
                if (seen[number]) repeated++;
                else handled++;
                seen[number] = true;
            }

            return Task.CompletedTask;
        });
        long start = Stopwatch.GetTimestamp();
        for (int posted = 0; posted < count; posted += Batch)
        {
            int from = posted;
            if (!await Loops.UntilAsync(() => from - Volatile.Read(ref handled) < MostAhead, limit - Stopwatch.GetElapsedTime(start).TotalSeconds)) break;
            double due = Loops.Now;
            await Timer.PostAsync([.. Enumerable.Range(from, Math.Min(Batch, count - from)).Select(number => new TimerPost(Payload(number, due), TimeSpan.Zero))]);
        }

        bool all = await Loops.UntilAsync(() => Volatile.Read(ref handled) >= count, limit - Stopwatch.GetElapsedTime(start).TotalSeconds);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (all) await SettledAsync();
        double[] claims = measured.Claims();
        lock (gate)
        {
            return new JsonObject
            {
                ["rate"] = handled / seconds,
                ["lost"] = count - handled,
                ["repeated"] = repeated,
                ["claims"] = claims.Length,
                ["claimP50"] = claims.Length == 0 ? 0 : Statistics.Percentile(claims, 0.5),
                ["claimP99"] = claims.Length == 0 ? 0 : Statistics.Percentile(claims, 0.99),
            };
        }
    }

    /// <summary>The same store, whose claims are timed. It belongs to whoever opened it.</summary>
    private sealed class MeasuredStore(LatchworkStore store) : LatchworkStore
    {
        private readonly MeasuredTimers _timers = new(store.Timers);

        public override ITimerStore Timers => _timers;

        public override ILockerStore Locks => store.Locks;

        public override string Description => store.Description;

        /// <summary>How long the claims took that brought events, in ms, in ascending order.</summary>
        public double[] Claims() => [.. _timers.Claims.Order()];

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class MeasuredTimers(ITimerStore inner) : PassingTimerStore(inner)
    {
        public System.Collections.Concurrent.ConcurrentQueue<double> Claims { get; } = new();

        public override async Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
        {
            long start = Stopwatch.GetTimestamp();
            TimerClaim claim = await base.ClaimAsync(partition, request, cancellationToken);
            if (claim.Events.Count > 0) Claims.Enqueue(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            return claim;
        }
    }
}
