namespace Latchwork.Storage.Rules;

/// <content>The list of nodes, the ring and the turns.</content>
internal sealed partial class ListenerRoster
{
    private static readonly TimeSpan _forgetAfter = TimeSpan.FromHours(1);

    private readonly Dictionary<string, RosterNode> _nodes = [];
    private readonly SortedSet<TimedId> _turns = [];
    private readonly SortedSet<TimedId> _ring = [];
    private long _lastPlace;
    private StoreTime _lastSweep;

    /// <summary>Notes a node's sign of life.</summary>
    /// <param name="nodeId">The node.</param>
    /// <param name="held">How many events it says it holds.</param>
    /// <param name="now">The time.</param>
    /// <returns>What is known of it.</returns>
    public RosterNode Meet(string nodeId, int held, StoreTime now)
    {
        ForgetOld(now);
        if (!_nodes.TryGetValue(nodeId, out RosterNode? listener)) _nodes.Add(nodeId, listener = new RosterNode(nodeId));
        listener.LastSeen = now;
        listener.Held = held;
        return listener;
    }

    /// <summary>Lists the nodes, by id.</summary>
    /// <param name="now">The time.</param>
    public IReadOnlyList<TimerNode> List(StoreTime now)
    {
        return [.. _nodes.Values
            .Where(node => now.Ticks - node.LastSeen.Ticks <= _forgetAfter.Ticks)
            .OrderBy(node => node.NodeId, Utf8Order.Instance)
            .Select(node => new TimerNode(node.NodeId, StateOf(node), node.Held, new TimeSpan(now.Ticks - node.LastSeen.Ticks)))];

        TimerNodeState StateOf(RosterNode node) =>
            node.Turn < now.Milliseconds - SilentAfter ? TimerNodeState.Silent : node.IsFull ? TimerNodeState.Full : TimerNodeState.Listening;
    }

    /// <summary>Rings the next node of the ring, and puts it at the end. A node that nobody hears leaves the ring.</summary>
    private RosterNode? RingNext(RosterNode? except, TimeSpan askIn)
    {
        for (int tries = 0; tries < MaxTries; tries++)
        {
            TimedId next = _ring.FirstOrDefault(place => place.Id != except?.NodeId);
            if (next.Id is null) return null;

            RosterNode listener = _nodes[next.Id];
            LeaveRing(listener);
            if (!ring(listener.NodeId, askIn)) continue;
            JoinRing(listener);
            return listener;
        }

        return null;
    }

    private void JoinRing(RosterNode listener)
    {
        if (listener.Place != 0) return;
        listener.Place = ++_lastPlace;
        _ring.Add(new TimedId(listener.Place, listener.NodeId));
    }

    private void LeaveRing(RosterNode listener)
    {
        if (listener.Place == 0) return;
        _ring.Remove(new TimedId(listener.Place, listener.NodeId));
        listener.Place = 0;
    }

    /// <summary>A turn to come is kept; else the node gets the one after all others, but none further away than as if all had just asked.</summary>
    private void TakeTurn(RosterNode listener, StoreTime now)
    {
        if (listener.Turn > now.Milliseconds) return;
        LoseTurn(listener);
        long afterAll = Math.Max(now.Milliseconds, _turns.Count > 0 ? _turns.Max.At : 0) + TurnSpacing;
        listener.Turn = Math.Min(afterAll, now.Milliseconds + (_turns.Count + 1) * TurnSpacing);
        _turns.Add(new TimedId(listener.Turn, listener.NodeId));
    }

    private void LoseTurn(RosterNode listener)
    {
        _turns.Remove(new TimedId(listener.Turn, listener.NodeId));
        listener.Turn = 0;
    }

    private void RetireSilent(StoreTime now)
    {
        while (_turns.Count > 0 && _turns.Min.At < now.Milliseconds - SilentAfter)
        {
            RosterNode silent = _nodes[_turns.Min.Id];
            LoseTurn(silent);
            LeaveRing(silent);
            if (_claimer?.Node == silent) _claimer = null;
            if (_guard?.Node == silent) _guard = null;
        }
    }

    private void ForgetOld(StoreTime now)
    {
        if (now.Ticks - _lastSweep.Ticks < TimeSpan.TicksPerMinute) return;
        _lastSweep = now;
        foreach (RosterNode node in _nodes.Values.Where(node => now.Ticks - node.LastSeen.Ticks > _forgetAfter.Ticks).ToArray())
        {
            LoseTurn(node);
            LeaveRing(node);
            _nodes.Remove(node.NodeId);
        }
    }
}

/// <summary>What a partition knows of one listening node.</summary>
internal sealed class RosterNode(string nodeId)
{
    public string NodeId { get; } = nodeId;

    public StoreTime LastSeen { get; set; }

    /// <summary>How many events it said it held.</summary>
    public int Held { get; set; }

    /// <summary>Whether it had no room left when it last asked.</summary>
    public bool IsFull { get; set; }

    /// <summary>When it is to look in any case; 0 if it has no turn, because it is silent.</summary>
    public long Turn { get; set; }

    /// <summary>Its place in the ring; 0 if it is not in it.</summary>
    public long Place { get; set; }

    /// <summary>The token of its last claim, with which the claim can be repeated.</summary>
    public string? ClaimToken { get; set; }

    /// <summary>The ids that its last claim returned.</summary>
    public IReadOnlyList<string> ClaimedIds { get; set; } = [];
}
