using System.Collections.Immutable;

namespace Latchwork.Sqlite.Notifications;

/// <summary>Who in this process waits for which topic.</summary>
internal sealed class NotificationTable(SqliteLog log)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ImmutableArray<Subscriber>> _topics = [];

    /// <summary>The topics that somebody waits for.</summary>
    public IReadOnlyList<string> Topics
    {
        get
        {
            lock (_gate) return [.. _topics.Keys];
        }
    }

    public void Add(string topic, Subscriber subscriber)
    {
        lock (_gate) _topics[topic] = _topics.TryGetValue(topic, out ImmutableArray<Subscriber> all) ? all.Add(subscriber) : [subscriber];
    }

    public void Remove(string topic, Subscriber subscriber)
    {
        lock (_gate)
        {
            if (!_topics.TryGetValue(topic, out ImmutableArray<Subscriber> all)) return;
            ImmutableArray<Subscriber> rest = all.Remove(subscriber);
            if (rest.IsEmpty) _topics.Remove(topic);
            else _topics[topic] = rest;
        }
    }

    public bool Has(string topic)
    {
        lock (_gate) return _topics.ContainsKey(topic);
    }

    public void Clear()
    {
        lock (_gate) _topics.Clear();
    }

    public void Notify(string topic, in NotificationMessage message)
    {
        ImmutableArray<Subscriber> all;
        lock (_gate)
        {
            if (!_topics.TryGetValue(topic, out all)) return;
        }

        foreach (Subscriber subscriber in all) subscriber.Notify(message, log);
    }
}

/// <summary>Somebody who waits. Called for one notification at a time.</summary>
internal sealed class Subscriber(Action<NotificationMessage> notify)
{
    private readonly Lock _gate = new();
    private volatile bool _stopped;

    public void Stop() => _stopped = true;

    public void Notify(in NotificationMessage message, SqliteLog log)
    {
        lock (_gate)
        {
            if (_stopped) return;
            try
            {
                notify(message);
            }
#pragma warning disable CA1031 // the contract forbids it; if it happens, the store's threads must continue
            catch (Exception e)
#pragma warning restore CA1031
            {
                log.CallbackFailed(e);
            }
        }
    }
}
