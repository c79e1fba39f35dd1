namespace Latchwork.Storage.Rules;

/// <summary>
/// Who listens to a partition, and who is to be woken when. The model of the waking logic: other stores do the same in their own terms.
/// </summary>
/// <remarks>
/// <para>The <b>rotation</b> is the order in which nodes with free capacity are woken: whoever was notified goes to its end.</para>
/// <para>
/// Two <b>roles</b> cover the head, which is the next due time or end of a lease. The <i>primary waker</i> sleeps exactly until then; the
/// <i>backup waker</i> a grace longer, and takes over if the primary waker did not come. A role is given to the node that asks, or by a notification to the next
/// in the rotation when a head appears that is earlier than the primary waker knows.
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

    /// <summary>The shortest and the longest time that a backup waker waits for the primary waker. Random, so that backup wakers of many partitions do not come at once.</summary>
    private const int MinGrace = 50, MaxGrace = 200;

    /// <summary>The most nodes that are tried until one receives the notification.</summary>
    private const int MaxTries = 64;

    private Role? _primary;
    private Role? _backup;

    /// <summary>Decides, at the end of a node's claim, what it is to do next.</summary>
    /// <param name="listener">The node.</param>
    /// <param name="capacityLeft">How many more events it could hold.</param>
    /// <param name="head">When the next event or lease falls due; null if there is none.</param>
    /// <param name="now">The time.</param>
    /// <returns>When it is to ask again at the latest.</returns>
    public TimeSpan Arm(WakeNode listener, int capacityLeft, long? head, StoreTime now)
    {
        RetireSilent(now);
        TakePollSlot(listener, now);
        listener.IsFull = capacityLeft <= 0;
        if (listener.IsFull)
        {
            LeaveRotation(listener);
            Resign(listener, head, now);
            return now.Until(listener.PollSlot);
        }

        JoinRotation(listener);
        if (head is not long due)
        {
            _primary = _backup = null;
            return now.Until(listener.PollSlot);
        }

        long target = Math.Max(due, now.Milliseconds);
        long wake = _primary?.Node != listener && PrimaryCovers(target, now)
            ? BecomeBackupIfNeeded(listener, target, now)
            : BecomePrimary(listener, target, now);
        return due <= now.Milliseconds ? TimeSpan.Zero : now.Until(Math.Min(wake, listener.PollSlot));
    }

    /// <summary>Wakes a primary waker and a backup waker if something falls due earlier than the present primary waker knows.</summary>
    /// <param name="due">When it falls due.</param>
    /// <param name="now">The time.</param>
    public void Wake(long due, StoreTime now)
    {
        RetireSilent(now);
        long target = Math.Max(due, now.Milliseconds);
        bool primaryKnows = _primary is Role primary && primary.At <= target;
        if (primaryKnows && (PrimaryCovers(target, now) || (_backup is Role backup && backup.At >= now.Milliseconds - BackupTimeout))) return;
        Appoint(target, now);
    }

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

    private long BecomePrimary(WakeNode listener, long target, StoreTime now)
    {
        if (_primary?.Node != listener) DropPrimaryThatFailed(now); // whoever asks has come, however late
        _primary = new Role(listener, target);
        if (BackupIsNeeded(listener, target, now)) AppointBackup(target, now);
        return target;
    }

    private long BecomeBackupIfNeeded(WakeNode listener, long target, StoreTime now)
    {
        if (!BackupIsNeeded(listener, target, now)) return listener.PollSlot;
        _backup = new Role(listener, target + Random.Shared.Next(MinGrace, MaxGrace));
        return _backup.At;
    }

    /// <summary>A node gives up its role. It stays without notifications until it asks again.</summary>
    private void Resign(WakeNode listener, long? head, StoreTime now)
    {
        bool wasBackup = _backup?.Node == listener;
        if (wasBackup) _backup = null;
        if (_primary?.Node == listener) _primary = null;
        if (head is not long due) return;

        long target = Math.Max(due, now.Milliseconds);
        if (!PrimaryCovers(target, now)) Appoint(target, now);
        else if (wasBackup) AppointBackup(target, now);
    }

    private void Appoint(long target, StoreTime now)
    {
        DropPrimaryThatFailed(now);
        _backup = null;
        _primary = NotifyNext(except: null, now.Until(target)) is WakeNode node ? new Role(node, target) : null;
        if (_primary is not null) AppointBackup(target, now);
    }

    private void AppointBackup(long target, StoreTime now)
    {
        TimeSpan grace = TimeSpan.FromMilliseconds(Random.Shared.Next(MinGrace, MaxGrace));
        _backup = NotifyNext(except: _primary?.Node, now.Until(target) + grace) is WakeNode node ? new Role(node, target + MaxGrace) : null;
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

    /// <summary>A part that a node plays.</summary>
    /// <param name="Node">The node.</param>
    /// <param name="At">When it will ask at the latest.</param>
    private sealed record Role(WakeNode Node, long At);
}
