using System.Collections.Immutable;

namespace Latchwork.Storage.InMemory;

/// <summary>
/// The bells of keys. Those who wait are called on the thread pool, one ring at a time; a ring while one is still on its way is the same ring.
/// </summary>
internal sealed class DoorBells
{
    private readonly object _gate = new();
    private readonly Dictionary<LockerKey, ImmutableArray<Listener>> _listeners = [];

    public IAsyncDisposable Subscribe(LockerKey key, Action ring)
    {
        var listener = new Listener(this, key, ring);
        lock (_gate) _listeners[key] = _listeners.TryGetValue(key, out ImmutableArray<Listener> all) ? all.Add(listener) : [listener];
        return listener;
    }

    public void Ring(LockerKey key)
    {
        ImmutableArray<Listener> all;
        lock (_gate)
        {
            if (!_listeners.TryGetValue(key, out all)) return;
        }

        foreach (Listener listener in all) listener.Ring();
    }

    public void Clear()
    {
        lock (_gate) _listeners.Clear();
    }

    private sealed class Listener(DoorBells bells, LockerKey key, Action ring) : IAsyncDisposable, IThreadPoolWorkItem
    {
        private const int Silent = 0;
        private const int Rung = 1; // on its way to the pool
        private const int Ringing = 2;
        private const int RungAgain = 3; // while it was ringing

        private int _state;
        private volatile bool _stopped;

        public void Ring()
        {
            while (true)
            {
                int state = Volatile.Read(ref _state);
                if (state is Rung or RungAgain) return;
                int next = state == Silent ? Rung : RungAgain;
                if (Interlocked.CompareExchange(ref _state, next, state) != state) continue;
                if (state == Silent) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }

        public ValueTask DisposeAsync()
        {
            _stopped = true;
            lock (bells._gate)
            {
                if (bells._listeners.TryGetValue(key, out ImmutableArray<Listener> all))
                {
                    ImmutableArray<Listener> rest = all.Remove(this);
                    if (rest.IsEmpty) bells._listeners.Remove(key);
                    else bells._listeners[key] = rest;
                }
            }

            return ValueTask.CompletedTask;
        }

        void IThreadPoolWorkItem.Execute()
        {
            do
            {
                Volatile.Write(ref _state, Ringing);
                if (!_stopped) ring();
            }
            while (Interlocked.CompareExchange(ref _state, Silent, Ringing) != Ringing);
        }
    }
}
