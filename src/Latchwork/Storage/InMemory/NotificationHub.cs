using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Latchwork.Storage.InMemory;

/// <summary>
/// Delivers notifications to those who listen. Publishing only puts the notification in the listener's queue, so a partition can do it under its lock; the
/// listener is called on the thread pool, one notification at a time, in order.
/// </summary>
internal sealed class NotificationHub
{
    private readonly ConcurrentDictionary<(string Namespace, string NodeId), ImmutableArray<Subscriber>> _subscribers = new();

    public IAsyncDisposable Subscribe(string ns, string nodeId, Action<WakeNotification> notify)
    {
        var subscriber = new Subscriber(this, (ns, nodeId), notify);
        _subscribers.AddOrUpdate(subscriber.Key, static (_, s) => [s], static (_, all, s) => all.Add(s), subscriber);
        return subscriber;
    }

    /// <summary>Publishes a notification.</summary>
    /// <returns>Whether anybody listens to it.</returns>
    public bool Notify(string ns, string nodeId, WakeNotification notification)
    {
        if (!_subscribers.TryGetValue((ns, nodeId), out ImmutableArray<Subscriber> all) || all.IsEmpty) return false;
        foreach (Subscriber subscriber in all) subscriber.Enqueue(notification);
        return true;
    }

    public void Clear()
    {
        foreach (ImmutableArray<Subscriber> all in _subscribers.Values)
        {
            foreach (Subscriber subscriber in all) subscriber.Stop();
        }

        _subscribers.Clear();
    }

    private sealed class Subscriber(NotificationHub hub, (string Namespace, string NodeId) key, Action<WakeNotification> notify) : IAsyncDisposable, IThreadPoolWorkItem
    {
        private readonly ConcurrentQueue<WakeNotification> _notifications = new();
        private int _waiting; // notifications in the queue, and the one that is being heard
        private volatile bool _stopped;

        public (string Namespace, string NodeId) Key => key;

        public void Enqueue(WakeNotification notification)
        {
            if (_stopped) return;
            _notifications.Enqueue(notification);
            if (Interlocked.Increment(ref _waiting) == 1) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Stop() => _stopped = true;

        public ValueTask DisposeAsync()
        {
            Stop();
            while (hub._subscribers.TryGetValue(key, out ImmutableArray<Subscriber> all))
            {
                ImmutableArray<Subscriber> rest = all.Remove(this);
                bool done = rest.IsEmpty
                    ? hub._subscribers.TryRemove(new(key, all))
                    : hub._subscribers.TryUpdate(key, rest, all);
                if (done) break;
            }

            return ValueTask.CompletedTask;
        }

        void IThreadPoolWorkItem.Execute()
        {
            do
            {
                if (_notifications.TryDequeue(out WakeNotification notification) && !_stopped) notify(notification);
            }
            while (Interlocked.Decrement(ref _waiting) > 0);
        }
    }
}
