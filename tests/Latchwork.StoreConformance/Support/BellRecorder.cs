using System.Collections.Concurrent;
using Latchwork.Storage;

namespace Latchwork.StoreConformance.Support;

/// <summary>A node's ears: subscribes and keeps every bell in order.</summary>
public sealed class BellRecorder : IAsyncDisposable
{
    private readonly ConcurrentQueue<TimerBell> _bells = new();
    private readonly string _nodeId;
    private IAsyncDisposable? _subscription;

    private BellRecorder(string nodeId)
    {
        _nodeId = nodeId;
    }

    /// <summary>Every bell so far.</summary>
    public IReadOnlyList<TimerBell> All => [.. _bells];

    /// <summary>How often the node was told to ask.</summary>
    public int DueCount => _bells.Count(bell => bell.Kind == TimerBellKind.Due);

    public static async Task<BellRecorder> ListenAsync(ITimerStore timers, string ns, string nodeId)
    {
        var recorder = new BellRecorder(nodeId);
        recorder._subscription = await timers.SubscribeAsync(ns, nodeId, recorder._bells.Enqueue, CancellationToken.None);
        return recorder;
    }

    /// <summary>Waits for the nth bell that tells the node to ask.</summary>
    /// <param name="count">1 for the first.</param>
    public async Task<TimerBell> DueAsync(int count = 1)
    {
        await Eventually.HoldsAsync(() => DueCount >= count, $"bell {count} for {_nodeId}");
        return All.Where(bell => bell.Kind == TimerBellKind.Due).ElementAt(count - 1);
    }

    public async ValueTask DisposeAsync()
    {
        if (_subscription is not null) await _subscription.DisposeAsync();
    }
}
