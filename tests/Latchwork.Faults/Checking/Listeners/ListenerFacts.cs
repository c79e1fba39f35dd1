using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Listeners;

/// <summary>A listener from its join to the end of its leave.</summary>
internal sealed class ListenerFacts(string process, ListenerJoining joining)
{
    public string Process { get; } = process;

    public ListenerJoining Joining { get; } = joining;

    /// <summary>Null: its join failed, or did not return.</summary>
    public ListenerJoined? Joined { get; set; }

    /// <summary>Null: nobody told it to leave.</summary>
    public ListenerLeaving? Leaving { get; set; }

    /// <summary>Null: its leave did not return.</summary>
    public ListenerLeft? Left { get; set; }

    /// <summary>Whether its leave took as long as it may, so that handlers were left behind.</summary>
    public bool IsCutOff => Leaving is { } leaving && Left is { } left && left.At - leaving.At >= leaving.Bound;
}
