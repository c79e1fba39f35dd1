using Latchwork.Storage;

namespace Latchwork;

/// <summary>The deliveries that this node holds by its own clock, by id.</summary>
internal sealed class HeldDeliveries
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TimerDelivery> _byId = new(StringComparer.Ordinal);

    /// <summary>Whether nothing is held.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_gate) return _byId.Count == 0;
        }
    }

    /// <summary>Adds a delivery.</summary>
    /// <returns>The older delivery of the same event that it supersedes, if there is one.</returns>
    public TimerDelivery? Add(TimerDelivery delivery)
    {
        lock (_gate)
        {
            _byId.TryGetValue(delivery.Id, out TimerDelivery? older);
            _byId[delivery.Id] = delivery;
            return older;
        }
    }

    /// <summary>Removes a delivery, but not a newer one of the same event.</summary>
    public void Remove(TimerDelivery delivery)
    {
        lock (_gate)
        {
            if (_byId.TryGetValue(delivery.Id, out TimerDelivery? held) && ReferenceEquals(held, delivery)) _byId.Remove(delivery.Id);
        }
    }

    /// <summary>Finds a delivery by the event's id.</summary>
    public TimerDelivery? Find(string id)
    {
        lock (_gate) return _byId.GetValueOrDefault(id);
    }

    /// <summary>Finds a delivery by id and token.</summary>
    public TimerDelivery? Find(DeliveryKey key) => Find(key.Id) is { } held && held.Token == key.Token ? held : null;

    /// <summary>Calls <paramref name="visit"/> with each delivery. It must be short and must not come back here.</summary>
    public void ForEach(Action<TimerDelivery> visit)
    {
        lock (_gate)
        {
            foreach (TimerDelivery delivery in _byId.Values) visit(delivery);
        }
    }

    /// <summary>The deliveries as they are now.</summary>
    public TimerDelivery[] ToArray()
    {
        lock (_gate) return [.. _byId.Values];
    }
}
