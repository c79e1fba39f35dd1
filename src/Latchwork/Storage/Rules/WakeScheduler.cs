namespace Latchwork.Storage.Rules;

/// <summary>
/// Who listens to a partition, and who is to be woken when. The model of the waking logic: other stores do the same in their own terms.
/// </summary>
/// <remarks>
/// <para>
/// The <b>rotation</b> is the order in which nodes with free capacity are woken: whoever was notified to claim, or has claimed something, goes to
/// its end. A backup waker keeps its place, so that the next head is its: with two nodes they take turns.
/// </para>
/// <para>
/// Two <b>roles</b> cover the head, which is the next due time or end of a lease. The <i>primary waker</i> sleeps exactly until then; the
/// <i>backup waker</i> a grace longer, and takes over if the primary waker did not come. A role is given to the node that asks, or by a notification to the next
/// in the rotation when a head appears that is earlier than the primary waker knows. A primary waker that has claimed for a while passes its role
/// on, so that a steady stream spreads.
/// </para>
/// <para>
/// A <b>burst</b> spreads, too: where a claim leaves due events behind, the next two nodes are notified, those first that hold least, and a node that events occupy for long
/// waits for a moment before it claims again. Not if that would hold up work: if so much is due that all nodes will have their share, or if
/// those who were notified did not come the last time.
/// </para>
/// <para>
/// <b>Poll slots</b> are for the case that every notification is lost: each node polls in its slot, and the slots of all lie a second apart, so that
/// all together poll about once a second, however many they are. A node that misses its poll slot by 3 s is silent: it is woken no more.
/// </para>
/// <para>Not safe for several threads: the partition's lock guards it. Times are in ms of the store's clock.</para>
/// </remarks>
/// <param name="notify">Tells a node to ask after a time. Returns whether the message reached anybody.</param>
internal sealed partial class WakeScheduler(Func<string, TimeSpan, bool> notify)
{
    /// <summary>The time between two poll slots.</summary>
    private const long PollSlotSpacing = 1000;

    /// <summary>How late a node may be for its poll slot before it counts as silent.</summary>
    private const long SilentAfter = 3000;

    /// <summary>How late a primary waker may be before another takes over.</summary>
    private const long PrimaryTimeout = 25;

    /// <summary>How late a backup waker may be before another takes over.</summary>
    private const long BackupTimeout = 300;

    /// <summary>The shortest and the longest time that a backup waker waits for the primary waker. Random, so that backup wakers of many partitions do not come together.</summary>
    private const int MinGrace = 50, MaxGrace = 200;

    /// <summary>The length of a turn, in ms: a primary waker that claims something after it passes its role on.</summary>
    private const long Turn = 32;

    /// <summary>A head that is nearer than this, in ms, would be late if another had to be notified first: then only every eighth turn ends.</summary>
    private const long Near = 2;

    /// <summary>
    /// A node waits for others only while no more is due than so many times what all others take in one claim: if more is due, everybody has
    /// enough to do.
    /// </summary>
    private const int SharesLeft = 8;

    /// <summary>The most events that are counted for it.</summary>
    private const int MostCounted = 1000;

    /// <summary>Among how many of the next nodes the one is looked for that holds least.</summary>
    private const int PassedOver = 4;

    /// <summary>The most nodes that are tried until one receives the notification.</summary>
    private const int MaxTries = 64;

    private Role? _primary;
    private Role? _backup;

    /// <summary>Whether the partition is paused: nobody is woken for anything, and whoever asks gets its poll slot.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Decides, at the end of a node's claim, what it is to do next.</summary>
    /// <param name="listener">The node.</param>
    /// <param name="claim">How the claim ended.</param>
    /// <param name="now">The time.</param>
    /// <returns>When it is to ask again at the latest.</returns>
    public TimeSpan Arm(WakeNode listener, ClaimEnd claim, StoreTime now)
    {
        RetireSilent(now);
        TakePollSlot(listener, now);
        listener.Held += claim.Claimed;
        listener.IsFull = claim.CapacityLeft <= 0;
        if (listener.IsFull)
        {
            LeaveRotation(listener);
            Resign(listener, claim.Head, now);
            return now.Until(listener.PollSlot);
        }

        if (claim.Claimed > 0) LeaveRotation(listener); // to its end
        JoinRotation(listener);
        if (IsPaused || claim.Head is not long due)
        {
            _primary = _backup = null;
            return now.Until(listener.PollSlot);
        }

        if (due <= now.Milliseconds) return TimeSpan.FromMilliseconds(Spread(listener, claim, now) ? ClaimRequest.YieldTime : 0);
        long wake = _primary?.Node != listener && PrimaryCovers(due, now) ? BecomeBackupIfNeeded(listener, due, now)
            : HadItsTurn(listener, claim, due, now) ? PassOn(listener, due, now)
            : BecomePrimary(listener, due, now);
        return now.Until(Math.Min(wake, listener.PollSlot));
    }

    /// <summary>Wakes a primary waker and a backup waker if something falls due earlier than the present primary waker knows.</summary>
    /// <param name="due">When it falls due.</param>
    /// <param name="now">The time.</param>
    public void Wake(long due, StoreTime now)
    {
        if (IsPaused) return;
        RetireSilent(now);
        long target = Math.Max(due, now.Milliseconds);
        bool primaryKnows = _primary is Role primary && primary.At <= target;
        if (primaryKnows && (PrimaryCovers(target, now) || (_backup is Role backup && backup.At >= now.Milliseconds - BackupTimeout))) return;
        Appoint(target, now);
    }

    /// <summary>Notes that the partition is paused, and that nobody is to claim the head.</summary>
    public void Pause()
    {
        IsPaused = true;
        _primary = _backup = null;
    }

    /// <summary>Notes that the partition is paused no more, and wakes for what is next.</summary>
    /// <param name="head">When the next event or lease falls due; null if there is none.</param>
    /// <param name="now">The time.</param>
    public void Resume(long? head, StoreTime now)
    {
        IsPaused = false;
        if (head is { } due) Wake(due, now);
    }

    /// <summary>The nodes that are not silent: those that may hold events.</summary>
    public IReadOnlyList<string> Listening => [.. _pollSlots.Select(static slot => slot.Id)];

    /// <summary>Takes a node off the list and passes its role on.</summary>
    /// <param name="nodeId">The node.</param>
    /// <param name="head">When the next event or lease falls due; null if there is none.</param>
    /// <param name="now">The time.</param>
    public void Leave(string nodeId, long? head, StoreTime now)
    {
        if (!_nodes.Remove(nodeId, out WakeNode? listener)) return;
        LeaveRotation(listener);
        DropPollSlot(listener);
        Resign(listener, head, now);
    }

    /// <summary>More is due than a node took: others are notified, if events occupy it for long and those who were notified the last time have come.</summary>
    /// <returns>Whether it is to wait for them.</returns>
    private bool Spread(WakeNode listener, ClaimEnd claim, StoreTime now)
    {
        bool otherCame = _primary is not Role primary || primary.Node == listener || primary.At >= now.Milliseconds - PrimaryTimeout;
        if (claim.Yields && otherCame && NotifyNext(listener, TimeSpan.Zero, leastHeld: true) is WakeNode first)
        {
            _primary = new Role(first, now.Milliseconds, now.Milliseconds);
            _backup = NotifyNext(listener, TimeSpan.Zero, alsoExcept: first, leastHeld: true) is WakeNode second ? new Role(second, now.Milliseconds, now.Milliseconds) : null;
            if (claim.IsDueAtMost(Math.Min((_rotation.Count - 1) * Math.Max(1, claim.Claimed) * SharesLeft, MostCounted))) return true;
        }

        if (_primary?.Node != listener && PrimaryCovers(now.Milliseconds, now)) BecomeBackupIfNeeded(listener, now.Milliseconds, now);
        else BecomePrimary(listener, now.Milliseconds, now);
        return false;
    }

    /// <summary>The next node becomes the primary waker, and this one its backup; if there is no other, this one stays it.</summary>
    private long PassOn(WakeNode listener, long target, StoreTime now)
    {
        if (_primary?.Node != listener) DropPrimaryThatFailed(now);
        if (NotifyNext(listener, now.Until(target)) is not WakeNode next) return BecomePrimary(listener, target, now);
        _primary = new Role(next, target, now.Milliseconds);
        _backup = new Role(listener, target + Random.Shared.Next(MinGrace, MaxGrace), now.Milliseconds);
        return _backup.At;
    }

    private long BecomePrimary(WakeNode listener, long target, StoreTime now)
    {
        if (_primary?.Node != listener) DropPrimaryThatFailed(now); // whoever asks has come, however late
        _primary = new Role(listener, target, _primary?.Node == listener ? _primary.Since : now.Milliseconds);
        if (BackupIsNeeded(listener, target, now)) AppointBackup(target, now);
        return target;
    }

    private long BecomeBackupIfNeeded(WakeNode listener, long target, StoreTime now)
    {
        if (!BackupIsNeeded(listener, target, now)) return listener.PollSlot;
        _backup = new Role(listener, target + Random.Shared.Next(MinGrace, MaxGrace), now.Milliseconds);
        return _backup.At;
    }

    /// <summary>A node gives up its role. It stays without notifications until it asks again.</summary>
    private void Resign(WakeNode listener, long? head, StoreTime now)
    {
        bool wasBackup = _backup?.Node == listener;
        if (wasBackup) _backup = null;
        if (_primary?.Node == listener) _primary = null;
        if (IsPaused || head is not long due) return;

        long target = Math.Max(due, now.Milliseconds);
        if (!PrimaryCovers(target, now)) Appoint(target, now);
        else if (wasBackup) AppointBackup(target, now);
    }

    private void Appoint(long target, StoreTime now)
    {
        DropPrimaryThatFailed(now);
        _backup = null;
        _primary = NotifyNext(except: null, now.Until(target)) is WakeNode node ? new Role(node, target, now.Milliseconds) : null;
        if (_primary is not null) AppointBackup(target, now);
    }

    private void AppointBackup(long target, StoreTime now)
    {
        TimeSpan grace = TimeSpan.FromMilliseconds(Random.Shared.Next(MinGrace, MaxGrace));
        _backup = NotifyNext(except: _primary?.Node, now.Until(target) + grace, keepsPlace: true) is WakeNode node ? new Role(node, target + MaxGrace, now.Milliseconds) : null;
    }

    /// <summary>Whether the primary waker will come in time for the target.</summary>
    private bool PrimaryCovers(long target, StoreTime now) =>
        _primary is Role primary && primary.At <= target && primary.At >= now.Milliseconds - PrimaryTimeout;

    /// <summary>Whether there is no backup waker other than the asking node that will come in time for the target.</summary>
    private bool BackupIsNeeded(WakeNode asking, long target, StoreTime now) =>
        _backup is not Role backup || backup.Node == asking || backup.At < now.Milliseconds - BackupTimeout || backup.At > target + MaxGrace;

    /// <summary>A primary waker that did not come is woken no more until it asks again.</summary>
    private void DropPrimaryThatFailed(StoreTime now)
    {
        if (_primary is Role primary && primary.At < now.Milliseconds - PrimaryTimeout) LeaveRotation(primary.Node);
    }

    /// <summary>Whether a primary waker that has claimed something is to pass its role on.</summary>
    private bool HadItsTurn(WakeNode listener, ClaimEnd claim, long head, StoreTime now)
    {
        long turn = head - now.Milliseconds < Near ? Turn * 8 : Turn;
        return claim.Claimed > 0 && _primary is Role primary && primary.Node == listener && now.Milliseconds - primary.Since >= turn;
    }

    /// <summary>How a claim ended.</summary>
    /// <param name="Claimed">How many events it took.</param>
    /// <param name="CapacityLeft">How many more the node could hold.</param>
    /// <param name="Head">When the next event or lease falls due; null if there is none.</param>
    /// <param name="Yields">Whether the node lets others go first (<see cref="ClaimRequest.Yields"/>).</param>
    /// <param name="IsDueAtMost">Whether at most so many events are still due.</param>
    internal readonly record struct ClaimEnd(int Claimed, int CapacityLeft, long? Head, bool Yields, Func<int, bool> IsDueAtMost);

    /// <summary>A part that a node plays.</summary>
    /// <param name="Node">The node.</param>
    /// <param name="At">When it will ask at the latest.</param>
    /// <param name="Since">Since when it plays it.</param>
    private sealed record Role(WakeNode Node, long At, long Since);
}
