using System.Collections;
using System.Globalization;

namespace Latchwork;

/// <summary>What the log of a handler has in its scope: <c>EventId</c>, <c>Namespace</c>, <c>Attempt</c>, <c>Attempts</c>.</summary>
internal sealed class DeliveryScope(TimerDelivery delivery) : IReadOnlyList<KeyValuePair<string, object?>>
{
    public int Count => 4;

    public KeyValuePair<string, object?> this[int index] => index switch
    {
        0 => new("EventId", delivery.Id),
        1 => new("Namespace", delivery.Namespace),
        2 => new("Attempt", delivery.Attempt),
        3 => new("Attempts", delivery.Attempts),
        _ => throw new ArgumentOutOfRangeException(nameof(index)),
    };

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"Event {delivery.Id} of {delivery.Namespace}, attempt {delivery.Attempt} of {delivery.Attempts}");

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
