namespace Latchwork.Api;

/// <summary>
/// What was given under tokens that clients chose for their claims, so that a lost answer can be asked for again. Kept in this process while the
/// leases last, within bounds: whoever asks another server, or too late, claims anew, and what was lost is left to its lease.
/// </summary>
internal sealed class ClaimAnswers
{
    private const int MaxAnswers = 10_000;
    private const long MaxBytes = 64 << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Namespace, string Token), LinkedListNode<Answer>> _byToken = [];
    private readonly LinkedList<Answer> _byAge = [];
    private long _bytes;

    /// <summary>What is still held of an answer; empty if there was none.</summary>
    public IReadOnlyList<TimerDelivery> Find(string ns, string token)
    {
        lock (_gate) return _byToken.TryGetValue((ns, token), out LinkedListNode<Answer>? node) ? [.. node.Value.Deliveries.Where(IsHeld)] : [];
    }

    public void Add(string ns, string token, IReadOnlyList<TimerDelivery> deliveries)
    {
        long bytes = deliveries.Sum(delivery => (long)delivery.Payload.Length);
        lock (_gate)
        {
            Remove((ns, token));
            _byToken[(ns, token)] = _byAge.AddLast(new Answer((ns, token), deliveries, bytes));
            _bytes += bytes;
            while (_byAge.First is { } oldest && (_byAge.Count > MaxAnswers || _bytes > MaxBytes || !oldest.Value.Deliveries.Any(IsHeld))) Remove(oldest.Value.Key);
        }
    }

    public void Remove(string ns, string token)
    {
        lock (_gate) Remove((ns, token));
    }

    private static bool IsHeld(TimerDelivery delivery) => delivery.LeaseLeft > TimeSpan.Zero;

    // Needs the gate.
    private void Remove((string Namespace, string Token) key)
    {
        if (!_byToken.Remove(key, out LinkedListNode<Answer>? node)) return;
        _byAge.Remove(node);
        _bytes -= node.Value.Bytes;
    }

    private sealed record Answer((string Namespace, string Token) Key, IReadOnlyList<TimerDelivery> Deliveries, long Bytes);
}
