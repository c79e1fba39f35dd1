using System.Collections.Immutable;

namespace Latchwork.Storage.InMemory;

/// <summary>
/// The notifications of keys. Those who wait are called on the thread pool, one notification at a time; one that comes while another is still on its way is the same.
/// </summary>
internal sealed class KeyNotificationHub
{
    private readonly object _gate = new();
    private readonly Dictionary<LockerKey, ImmutableArray<Listener>> _listeners = [];

    public IAsyncDisposable Subscribe(LockerKey key, Action notify)
    {
        var listener = new Listener(this, key, notify);
        lock (_gate) _listeners[key] = _listeners.TryGetValue(key, out ImmutableArray<Listener> all) ? all.Add(listener) : [listener];
        return listener;
    }

    public void Notify(LockerKey key)
    {
        ImmutableArray<Listener> all;
        lock (_gate)
        {
            if (!_listeners.TryGetValue(key, out all)) return;
        }

        foreach (Listener listener in all) listener.Notify();
    }

    public void Clear()
    {
        lock (_gate) _listeners.Clear();
    }

    private sealed class Listener(KeyNotificationHub notifications, LockerKey key, Action notify) : IAsyncDisposable, IThreadPoolWorkItem
    {
        private const int Silent = 0;
        private const int Notified = 1; // on its way to the pool
        private const int Notifying = 2;
        private const int NotifiedAgain = 3; // while it was notifying

        private int _state;
        private volatile bool _stopped;

        public void Notify()
        {
            while (true)
            {
                int state = Volatile.Read(ref _state);
                if (state is Notified or NotifiedAgain) return;
                int next = state == Silent ? Notified : NotifiedAgain;
                if (Interlocked.CompareExchange(ref _state, next, state) != state) continue;
                if (state == Silent) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }

        public ValueTask DisposeAsync()
        {
            _stopped = true;
            lock (notifications._gate)
            {
                if (notifications._listeners.TryGetValue(key, out ImmutableArray<Listener> all))
                {
                    ImmutableArray<Listener> rest = all.Remove(this);
                    if (rest.IsEmpty) notifications._listeners.Remove(key);
                    else notifications._listeners[key] = rest;
                }
            }

            return ValueTask.CompletedTask;
        }

        void IThreadPoolWorkItem.Execute()
        {
            do
            {
                Volatile.Write(ref _state, Notifying);
                if (!_stopped) notify();
            }
            while (Interlocked.CompareExchange(ref _state, Silent, Notifying) != Notifying);
        }
    }
}
