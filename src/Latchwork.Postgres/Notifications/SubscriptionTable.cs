namespace Latchwork.Postgres.Notifications;

/// <summary>Who waits for notifications about what, in this process.</summary>
/// <param name="gate">Guards it. Whoever holds it can change the table and something else in one step.</param>
/// <param name="onLast">Is called under the gate when nobody waits for something any more.</param>
/// <param name="onError">Takes what a subscriber throws; the others are notified all the same.</param>
internal sealed class SubscriptionTable<TKey, T>(object gate, Action<TKey> onLast, Action<Exception> onError)
    where TKey : notnull
{
    private readonly Dictionary<TKey, List<Subscription>> _table = [];

    /// <summary>What somebody waits for.</summary>
    public TKey[] Keys
    {
        get
        {
            lock (gate) return [.. _table.Keys];
        }
    }

    public bool Contains(TKey key)
    {
        lock (gate) return _table.ContainsKey(key);
    }

    /// <returns>Ends the subscription.</returns>
    public IAsyncDisposable Add(TKey key, Action<T> notify)
    {
        var subscription = new Subscription(this, key, notify);
        lock (gate)
        {
            if (!_table.TryGetValue(key, out List<Subscription>? list)) _table.Add(key, list = []);
            list.Add(subscription);
        }

        return subscription;
    }

    public void Notify(TKey key, T notification)
    {
        Subscription[] subscriptions;
        lock (gate) subscriptions = _table.TryGetValue(key, out List<Subscription>? list) ? [.. list] : [];
        foreach (Subscription subscription in subscriptions)
        {
            try
            {
                subscription.Notify(notification);
            }
#pragma warning disable CA1031 // it must not throw; if it does, the others are notified all the same
            catch (Exception e)
#pragma warning restore CA1031
            {
                onError(e);
            }
        }
    }

    private void Remove(TKey key, Subscription subscription)
    {
        lock (gate)
        {
            if (!_table.TryGetValue(key, out List<Subscription>? list) || !list.Remove(subscription) || list.Count > 0) return;
            _table.Remove(key);
            onLast(key);
        }
    }

    private sealed class Subscription(SubscriptionTable<TKey, T> table, TKey key, Action<T> notify) : IAsyncDisposable
    {
        public void Notify(T notification) => notify(notification);

        public ValueTask DisposeAsync()
        {
            table.Remove(key, this);
            return ValueTask.CompletedTask;
        }
    }
}
