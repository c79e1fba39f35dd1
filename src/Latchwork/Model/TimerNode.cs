namespace Latchwork;

/// <summary>A node that joined a namespace.</summary>
/// <param name="NodeId">Its id.</param>
/// <param name="State">What it is doing.</param>
/// <param name="InFlight">The events that it said it held when it last asked.</param>
/// <param name="LastSeen">How long ago it last asked.</param>
public sealed record TimerNode(string NodeId, TimerNodeState State, int InFlight, TimeSpan LastSeen);
