using Latchwork.Storage;
using Latchwork.Testing;

namespace Latchwork.StoreConformance.Support;

/// <summary>
/// Listeners that receive no notification: each asks when the store's last answer said so, and at no other time. They run on the manual clock,
/// so an hour takes no time.
/// </summary>
public sealed class ListenerSimulation(ITimerStore timers, TimerPartition partition, ManualTimeProvider clock)
{
    private static readonly DeadLetterLimits _keepDeadLetters = new(TimeSpan.FromDays(30), 100_000);

    private readonly SortedDictionary<string, DateTimeOffset> _nextAsk = new(StringComparer.Ordinal);
    private int _claims;

    /// <summary>Every claim: when, and by whom.</summary>
    public List<(DateTimeOffset At, string Node)> Asks { get; } = [];

    /// <summary>Every delivery. All but those of <see cref="Hoarders"/> are confirmed at once.</summary>
    public List<(string Node, ClaimedEvent Event)> Deliveries { get; } = [];

    /// <summary>Nodes that never confirm.</summary>
    public HashSet<string> Hoarders { get; } = [];

    /// <summary>The length of a lease.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A node joins: it asks now.</summary>
    public Task JoinAsync(string node) => AskAsync(node);

    /// <summary>A node dies or freezes: it asks no more.</summary>
    public void Kill(string node) => _nextAsk.Remove(node);

    /// <summary>When each node will ask next.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> NextAsks => _nextAsk;

    /// <summary>Nodes count spans on clocks of their own: when the store's clock is shifted, they ask when they would have asked.</summary>
    public void ClockWasShifted(TimeSpan span)
    {
        foreach (string node in _nextAsk.Keys.ToArray()) _nextAsk[node] += span;
    }

    /// <summary>Lets time pass, and the listeners ask whenever they are to.</summary>
    public async Task RunAsync(TimeSpan span)
    {
        DateTimeOffset end = clock.GetUtcNow() + span;
        int limit = Asks.Count + 100_000;
        while (_nextAsk.Count > 0)
        {
            (string node, DateTimeOffset at) = _nextAsk.MinBy(pair => pair.Value);
            if (at > end) break;
            if (at > clock.GetUtcNow()) clock.Advance(at - clock.GetUtcNow());
            await AskAsync(node);
            if (Asks.Count > limit) throw new InvalidOperationException("The listeners ask without end.");
        }

        if (end > clock.GetUtcNow()) clock.Advance(end - clock.GetUtcNow());
    }

    /// <summary>How many claims there were in a span that ends now.</summary>
    public int AsksWithin(TimeSpan span) => Asks.Count(ask => ask.At > clock.GetUtcNow() - span);

    private async Task AskAsync(string node)
    {
        string token = $"sim-{++_claims}";
        var request = new ClaimRequest(node, token, 100, 100, 0, Lease, _keepDeadLetters);
        TimerClaim claim = await timers.ClaimAsync(partition, request, CancellationToken.None);
        Asks.Add((clock.GetUtcNow(), node));
        Deliveries.AddRange(claim.Events.Select(e => (node, e)));
        if (claim.Events.Count > 0 && !Hoarders.Contains(node))
        {
            await timers.ConfirmAsync(partition, [.. claim.Events.Select(e => new DeliveryKey(e.Id, token))], CompletedLimits.None, CancellationToken.None);
        }

        // Rounded up to whole milliseconds, as the engine does.
        _nextAsk[node] = clock.GetUtcNow() + TimeSpan.FromMilliseconds(Math.Ceiling(claim.AskAgainIn.TotalMilliseconds));
    }
}
