using Latchwork.Cli.Demo.Cast;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>What is known of a listener: part of the <see cref="TimersBooks"/>, under their lock.</summary>
internal sealed class ListenerRecord
{
    private readonly HashSet<string> _inHand = new(StringComparer.Ordinal);
    private readonly HashSet<string> _burst = new(StringComparer.Ordinal);

    public required string Name { get; init; }

    public int InHand => _inHand.Count;

    /// <summary>How many events of the burst are in hand.</summary>
    public int BurstInHand => _burst.Count;

    public int Handled { get; private set; }

    public int Failed { get; private set; }

    /// <summary>When it was killed, in timestamps: a moment before; null while it lives.</summary>
    public long? KilledAt { get; set; }

    /// <summary>The ids of the events that it held when it died: their handlers had begun, and not ended.</summary>
    public IReadOnlyList<string> Orphans { get; private set; } = [];

    public void Begin(DemoEvent known)
    {
        _inHand.Add(known.Id);
        if (known.Kind == DemoKind.Burst) _burst.Add(known.Id);
    }

    public void End(DemoEvent known, AttemptEnd end)
    {
        _inHand.Remove(known.Id);
        _burst.Remove(known.Id);
        if (end == AttemptEnd.Confirmed) Handled++;
        if (end is AttemptEnd.Failed or AttemptEnd.Rejected) Failed++;
    }

    /// <summary>Notes that it is dead and everything that it told has been heard.</summary>
    public void Die(long killedAt)
    {
        KilledAt = killedAt;
        Orphans = [.. _inHand];
        _inHand.Clear();
        _burst.Clear();
    }
}
