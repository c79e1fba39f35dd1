using System.Globalization;
using Latchwork.Faults.History;
using Latchwork.Faults.Work;
using Latchwork.Storage;

namespace Latchwork.Faults.Running;

/// <summary>
/// Posts events, and then deletes or spoils what the store keeps of them, as another program's hand or an eviction would. None of them may be delivered
/// after that, each is dead with the reason, and all others come.
/// </summary>
internal sealed class DamagedEvents(Stand stand, HistoryWriter history)
{
    /// <summary>What their ids begin with: nobody else touches them.</summary>
    public const string IdPrefix = "damaged-";

    private static readonly TimeSpan _delay = TimeSpan.FromSeconds(1);

    // Missing; cut off; no number where one belongs; headers that are longer than all.
    private static readonly string?[] _bodies = [null, "0000003000", "x00000300000the payload", "000000300099the payload"];

    /// <summary>Does it.</summary>
    /// <param name="fault">The fault's number.</param>
    public async Task HurtAsync(int fault)
    {
        await using LatchworkStore store = await WorkerProgram.OpenAsync(stand.Uri);
        await using var timer = new DistributedTimer(store, new() { Namespace = WorkerSettings.Namespace, NodeId = "harness" });
        var recorder = new Recorder(history);
        int partitions = await store.Timers.OpenAsync(WorkerSettings.Namespace, CancellationToken.None);
        for (int i = 0; i < _bodies.Length; i++)
        {
            string id = string.Create(CultureInfo.InvariantCulture, $"{IdPrefix}{fault}-{i}");
            OperationStarted post = recorder.Begin(Verb.Post, id) with { Version = $"{id}:1", IfExists = IfExists.Replace, MaxRetries = 3, Delay = MonotonicTime.Of(_delay) };
            await recorder.CallAsync(
                post,
                () => timer.PostAsync(EventVersion.ToPayload(post.Version), _delay, new PostOptions { Id = id, MaxRetries = 3 }),
                (end, result) => end with { Outcome = $"{result.Outcome}" });
            await recorder.CallAsync(
                recorder.Begin(Verb.Damage, id),
                () => stand.DamageAsync(TimerPartition.Of(WorkerSettings.Namespace, id, partitions), id, _bodies[i]),
                (end, was) => end with { Outcome = was ? "Done" : "NotFound" });
        }
    }
}
