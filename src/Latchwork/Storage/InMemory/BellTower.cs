using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Latchwork.Storage.InMemory;

/// <summary>
/// Brings bells to those who listen. Ringing only puts the bell in the listener's queue, so a partition can do it under its lock; the
/// listener is called on the thread pool, one bell at a time, in order.
/// </summary>
internal sealed class BellTower
{
    private readonly ConcurrentDictionary<(string Namespace, string NodeId), ImmutableArray<Subscriber>> _subscribers = new();

    public IAsyncDisposable Subscribe(string ns, string nodeId, Action<TimerBell> ring)
    {
        var subscriber = new Subscriber(this, (ns, nodeId), ring);
        _subscribers.AddOrUpdate(subscriber.Key, static (_, s) => [s], static (_, all, s) => all.Add(s), subscriber);
        return subscriber;
    }

    /// <summary>Rings a bell.</summary>
    /// <returns>Whether anybody listens to it.</returns>
    public bool Ring(string ns, string nodeId, TimerBell bell)
    {
        if (!_subscribers.TryGetValue((ns, nodeId), out ImmutableArray<Subscriber> all) || all.IsEmpty) return false;
        foreach (Subscriber subscriber in all) subscriber.Enqueue(bell);
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

    private sealed class Subscriber(BellTower tower, (string Namespace, string NodeId) key, Action<TimerBell> ring) : IAsyncDisposable, IThreadPoolWorkItem
    {
        private readonly ConcurrentQueue<TimerBell> _bells = new();
        private int _waiting; // bells in the queue, and the one that is being heard
        private volatile bool _stopped;

        public (string Namespace, string NodeId) Key => key;

        public void Enqueue(TimerBell bell)
        {
            if (_stopped) return;
            _bells.Enqueue(bell);
            if (Interlocked.Increment(ref _waiting) == 1) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Stop() => _stopped = true;

        public ValueTask DisposeAsync()
        {
            Stop();
            while (tower._subscribers.TryGetValue(key, out ImmutableArray<Subscriber> all))
            {
                ImmutableArray<Subscriber> rest = all.Remove(this);
                bool done = rest.IsEmpty
                    ? tower._subscribers.TryRemove(new(key, all))
                    : tower._subscribers.TryUpdate(key, rest, all);
                if (done) break;
            }

            return ValueTask.CompletedTask;
        }

        void IThreadPoolWorkItem.Execute()
        {
            do
            {
                if (_bells.TryDequeue(out TimerBell bell) && !_stopped) ring(bell);
            }
            while (Interlocked.Decrement(ref _waiting) > 0);
        }
    }
}
