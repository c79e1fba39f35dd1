namespace Latchwork.Storage.Rules;

/// <content>The list of nodes, the rotation and the poll slots.</content>
internal sealed partial class WakeScheduler
{
    private static readonly TimeSpan _forgetAfter = TimeSpan.FromHours(1);

    private readonly Dictionary<string, WakeNode> _nodes = [];
    private readonly SortedSet<TimedId> _pollSlots = [];
    private readonly SortedSet<TimedId> _rotation = [];
    private long _lastPlace;
    private StoreTime _lastSweep;

    /// <summary>Notes a node's sign of life.</summary>
    /// <param name="nodeId">The node.</param>
    /// <param name="held">How many events it says it holds.</param>
    /// <param name="now">The time.</param>
    /// <returns>What is known of it.</returns>
    public WakeNode Meet(string nodeId, int held, StoreTime now)
    {
        ForgetOld(now);
        if (!_nodes.TryGetValue(nodeId, out WakeNode? listener)) _nodes.Add(nodeId, listener = new WakeNode(nodeId));
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

        TimerNodeState StateOf(WakeNode node) =>
            node.PollSlot < now.Milliseconds - SilentAfter ? TimerNodeState.Silent : node.IsFull ? TimerNodeState.Full : TimerNodeState.Listening;
    }

    /// <summary>Notifies the next node of the rotation, and puts it at the end unless it keeps its place. A node without a subscriber leaves the rotation.</summary>
    /// <param name="except">A node that is passed over.</param>
    /// <param name="askIn">When it is to ask.</param>
    /// <param name="alsoExcept">Another node that is passed over.</param>
    /// <param name="keepsPlace">Whether it keeps its place.</param>
    /// <param name="leastHeld">Whether the one comes first of the next few that held least when it last asked.</param>
    private WakeNode? NotifyNext(WakeNode? except, TimeSpan askIn, WakeNode? alsoExcept = null, bool keepsPlace = false, bool leastHeld = false)
    {
        for (int tries = 0; tries < MaxTries; tries++)
        {
            IEnumerable<WakeNode> next = _rotation.Where(place => place.Id != except?.NodeId && place.Id != alsoExcept?.NodeId).Select(place => _nodes[place.Id]);
            WakeNode? listener = leastHeld ? next.Take(PassedOver).MinBy(node => node.Held) : next.FirstOrDefault();
            if (listener is null) return null;

            if (!notify(listener.NodeId, askIn))
            {
                LeaveRotation(listener);
                continue;
            }

            if (keepsPlace) return listener;
            LeaveRotation(listener);
            JoinRotation(listener);
            return listener;
        }

        return null;
    }

    private void JoinRotation(WakeNode listener)
    {
        if (listener.RotationPlace != 0) return;
        listener.RotationPlace = ++_lastPlace;
        _rotation.Add(new TimedId(listener.RotationPlace, listener.NodeId));
    }

    private void LeaveRotation(WakeNode listener)
    {
        if (listener.RotationPlace == 0) return;
        _rotation.Remove(new TimedId(listener.RotationPlace, listener.NodeId));
        listener.RotationPlace = 0;
    }

    /// <summary>A poll slot to come is kept; else the node gets the one after all others, but none further away than as if all had just asked.</summary>
    private void TakePollSlot(WakeNode listener, StoreTime now)
    {
        if (listener.PollSlot > now.Milliseconds) return;
        DropPollSlot(listener);
        long afterAll = Math.Max(now.Milliseconds, _pollSlots.Count > 0 ? _pollSlots.Max.At : 0) + PollSlotSpacing;
        listener.PollSlot = Math.Min(afterAll, now.Milliseconds + (_pollSlots.Count + 1) * PollSlotSpacing);
        _pollSlots.Add(new TimedId(listener.PollSlot, listener.NodeId));
    }

    private void DropPollSlot(WakeNode listener)
    {
        _pollSlots.Remove(new TimedId(listener.PollSlot, listener.NodeId));
        listener.PollSlot = 0;
    }

    private void RetireSilent(StoreTime now)
    {
        while (_pollSlots.Count > 0 && _pollSlots.Min.At < now.Milliseconds - SilentAfter)
        {
            WakeNode silent = _nodes[_pollSlots.Min.Id];
            DropPollSlot(silent);
            LeaveRotation(silent);
            if (_primary?.Node == silent) _primary = null;
            if (_backup?.Node == silent) _backup = null;
        }
    }

    private void ForgetOld(StoreTime now)
    {
        if (now.Ticks - _lastSweep.Ticks < TimeSpan.TicksPerMinute) return;
        _lastSweep = now;
        foreach (WakeNode node in _nodes.Values.Where(node => now.Ticks - node.LastSeen.Ticks > _forgetAfter.Ticks).ToArray())
        {
            DropPollSlot(node);
            LeaveRotation(node);
            _nodes.Remove(node.NodeId);
        }
    }
}

/// <summary>What a partition knows of one listening node.</summary>
internal sealed class WakeNode(string nodeId)
{
    public string NodeId { get; } = nodeId;

    public StoreTime LastSeen { get; set; }

    /// <summary>How many events it said it held.</summary>
    public int Held { get; set; }

    /// <summary>Whether it had no capacity left when it last asked.</summary>
    public bool IsFull { get; set; }

    /// <summary>When it is to look in any case; 0 if it has no poll slot, because it is silent.</summary>
    public long PollSlot { get; set; }

    /// <summary>Its place in the rotation; 0 if it is not in it.</summary>
    public long RotationPlace { get; set; }

    /// <summary>The token of its last claim, with which the claim can be repeated.</summary>
    public string? ClaimToken { get; set; }

    /// <summary>The ids that its last claim returned.</summary>
    public IReadOnlyList<string> ClaimedIds { get; set; } = [];
}
