namespace Latchwork.Storage.Rules;

/// <summary>
/// Who listens to a partition, and who is to be woken when. The model of the waking logic: other stores do the same in their own terms.
/// </summary>
/// <remarks>
/// <para>The <b>ring</b> is the order in which nodes with room are woken: whoever was rung goes to its end.</para>
/// <para>
/// Two <b>roles</b> cover the head, which is the next due time or end of a lease. The <i>claimer</i> sleeps exactly until then; the
/// <i>guard</i> a grace longer, and takes over if the claimer did not come. A role is given to the node that asks, or by a bell to the next
/// in the ring when a head appears that is earlier than the claimer knows.
/// </para>
/// <para>
/// <b>Turns</b> are for the case that every bell is lost: each node looks at its turn, and the turns of all lie a second apart, so that
/// all together look about once a second, however many they are. A node that misses its turn by 3 s is silent: it is woken no more.
/// </para>
/// <para>Not safe for several threads: the partition's lock guards it. Times are in ms of the store's clock.</para>
/// </remarks>
/// <param name="ring">Tells a node to ask after a time. Returns whether the message reached anybody.</param>
internal sealed partial class ListenerRoster(Func<string, TimeSpan, bool> ring)
{
    /// <summary>The time between two turns.</summary>
    private const long TurnSpacing = 1000;

    /// <summary>How late a node may be for its turn before it counts as silent.</summary>
    private const long SilentAfter = 3000;

    /// <summary>How late a claimer may be before another takes over.</summary>
    private const long ClaimerPatience = 25;

    /// <summary>How late a guard may be before another takes over.</summary>
    private const long GuardPatience = 300;

    /// <summary>The shortest and the longest time that a guard waits for the claimer. Random, so that guards of many partitions do not come at once.</summary>
    private const int MinGrace = 50, MaxGrace = 200;

    /// <summary>The most nodes that are tried until one hears the bell.</summary>
    private const int MaxTries = 64;

    private Role? _claimer;
    private Role? _guard;

    /// <summary>Decides, at the end of a node's claim, what it is to do next.</summary>
    /// <param name="listener">The node.</param>
    /// <param name="roomLeft">How many more events it could hold.</param>
    /// <param name="head">When the next event or lease falls due; null if there is none.</param>
    /// <param name="now">The time.</param>
    /// <returns>When it is to ask again at the latest.</returns>
    public TimeSpan Arm(RosterNode listener, int roomLeft, long? head, StoreTime now)
    {
        RetireSilent(now);
        TakeTurn(listener, now);
        listener.IsFull = roomLeft <= 0;
        if (listener.IsFull)
        {
            LeaveRing(listener);
            Resign(listener, head, now);
            return now.Until(listener.Turn);
        }

        JoinRing(listener);
        if (head is not long due)
        {
            _claimer = _guard = null;
            return now.Until(listener.Turn);
        }

        long target = Math.Max(due, now.Milliseconds);
        long wake = _claimer?.Node != listener && ClaimerCovers(target, now)
            ? BecomeGuardIfNeeded(listener, target, now)
            : BecomeClaimer(listener, target, now);
        return due <= now.Milliseconds ? TimeSpan.Zero : now.Until(Math.Min(wake, listener.Turn));
    }

    /// <summary>Wakes a claimer and a guard if something falls due earlier than the present claimer knows.</summary>
    /// <param name="due">When it falls due.</param>
    /// <param name="now">The time.</param>
    public void Wake(long due, StoreTime now)
    {
        RetireSilent(now);
        long target = Math.Max(due, now.Milliseconds);
        bool claimerKnows = _claimer is Role claimer && claimer.At <= target;
        if (claimerKnows && (ClaimerCovers(target, now) || (_guard is Role guard && guard.At >= now.Milliseconds - GuardPatience))) return;
        Appoint(target, now);
    }

    /// <summary>Takes a node off the list and passes its role on.</summary>
    /// <param name="nodeId">The node.</param>
    /// <param name="head">When the next event or lease falls due; null if there is none.</param>
    /// <param name="now">The time.</param>
    public void Leave(string nodeId, long? head, StoreTime now)
    {
        if (!_nodes.Remove(nodeId, out RosterNode? listener)) return;
        LeaveRing(listener);
        LoseTurn(listener);
        Resign(listener, head, now);
    }

    private long BecomeClaimer(RosterNode listener, long target, StoreTime now)
    {
        if (_claimer?.Node != listener) DropClaimerThatFailed(now); // whoever asks has come, however late
        _claimer = new Role(listener, target);
        if (GuardIsNeeded(listener, target, now)) AppointGuard(target, now);
        return target;
    }

    private long BecomeGuardIfNeeded(RosterNode listener, long target, StoreTime now)
    {
        if (!GuardIsNeeded(listener, target, now)) return listener.Turn;
        _guard = new Role(listener, target + Random.Shared.Next(MinGrace, MaxGrace));
        return _guard.At;
    }

    /// <summary>A node gives up its role. It stays without bells until it asks again.</summary>
    private void Resign(RosterNode listener, long? head, StoreTime now)
    {
        bool wasGuard = _guard?.Node == listener;
        if (wasGuard) _guard = null;
        if (_claimer?.Node == listener) _claimer = null;
        if (head is not long due) return;

        long target = Math.Max(due, now.Milliseconds);
        if (!ClaimerCovers(target, now)) Appoint(target, now);
        else if (wasGuard) AppointGuard(target, now);
    }

    private void Appoint(long target, StoreTime now)
    {
        DropClaimerThatFailed(now);
        _guard = null;
        _claimer = RingNext(except: null, now.Until(target)) is RosterNode node ? new Role(node, target) : null;
        if (_claimer is not null) AppointGuard(target, now);
    }

    private void AppointGuard(long target, StoreTime now)
    {
        TimeSpan grace = TimeSpan.FromMilliseconds(Random.Shared.Next(MinGrace, MaxGrace));
        _guard = RingNext(except: _claimer?.Node, now.Until(target) + grace) is RosterNode node ? new Role(node, target + MaxGrace) : null;
    }

    /// <summary>Whether the claimer will come in time for the target.</summary>
    private bool ClaimerCovers(long target, StoreTime now) =>
        _claimer is Role claimer && claimer.At <= target && claimer.At >= now.Milliseconds - ClaimerPatience;

    /// <summary>Whether there is no guard other than the asking node that will come in time for the target.</summary>
    private bool GuardIsNeeded(RosterNode asking, long target, StoreTime now) =>
        _guard is not Role guard || guard.Node == asking || guard.At < now.Milliseconds - GuardPatience || guard.At > target + MaxGrace;

    /// <summary>A claimer that did not come is woken no more until it asks again.</summary>
    private void DropClaimerThatFailed(StoreTime now)
    {
        if (_claimer is Role claimer && claimer.At < now.Milliseconds - ClaimerPatience) LeaveRing(claimer.Node);
    }

    /// <summary>A part that a node plays.</summary>
    /// <param name="Node">The node.</param>
    /// <param name="At">When it will ask at the latest.</param>
    private sealed record Role(RosterNode Node, long At);
}
