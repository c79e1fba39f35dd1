using System.Collections.Concurrent;
using Latchwork.Storage;

namespace Latchwork.StoreConformance.Support;

/// <summary>A node's subscription: subscribes and keeps every notification in order.</summary>
public sealed class NotificationRecorder : IAsyncDisposable
{
    private readonly ConcurrentQueue<WakeNotification> _notifications = new();
    private readonly string _nodeId;
    private IAsyncDisposable? _subscription;

    private NotificationRecorder(string nodeId)
    {
        _nodeId = nodeId;
    }

    /// <summary>Every notification so far.</summary>
    public IReadOnlyList<WakeNotification> All => [.. _notifications];

    /// <summary>How often the node was told to ask.</summary>
    public int DueCount => _notifications.Count(notification => notification.Kind == WakeNotificationKind.Due);

    public static async Task<NotificationRecorder> ListenAsync(ITimerStore timers, string ns, string nodeId)
    {
        var recorder = new NotificationRecorder(nodeId);
        recorder._subscription = await timers.SubscribeAsync(ns, nodeId, recorder._notifications.Enqueue, CancellationToken.None);
        return recorder;
    }

    /// <summary>Waits for the nth notification that tells the node to ask.</summary>
    /// <param name="count">1 for the first.</param>
    public async Task<WakeNotification> DueAsync(int count = 1)
    {
        await Eventually.HoldsAsync(() => DueCount >= count, $"notification {count} for {_nodeId}");
        return All.Where(notification => notification.Kind == WakeNotificationKind.Due).ElementAt(count - 1);
    }

    public async ValueTask DisposeAsync()
    {
        if (_subscription is not null) await _subscription.DisposeAsync();
    }
}
