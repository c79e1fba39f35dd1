using Latchwork.Storage.Rules;

namespace Latchwork.Storage.Maintenance;

/// <summary>A page of events that go on their way: as many as one step takes.</summary>
internal sealed class EventPage
{
    private readonly List<TransferEvent> _events = [];
    private int _bytes;

    /// <summary>The events.</summary>
    public IReadOnlyList<TransferEvent> Events => _events;

    /// <summary>Adds an event, unless the page is full.</summary>
    /// <param name="moved">The event.</param>
    /// <returns>Whether it was added.</returns>
    public bool TryAdd(TransferEvent moved)
    {
        _bytes += MaintenanceRules.Weight(moved);
        if (_events.Count == Limits.MaxBatch || (_events.Count > 0 && _bytes > Limits.MaxBatchBytes)) return false;
        _events.Add(moved);
        return true;
    }
}
