using System.Diagnostics.CodeAnalysis;
using Latchwork.Storage.Rules;

namespace Latchwork.Storage;

/// <summary>One partition of one namespace: the unit on which a store works atomically.</summary>
/// <param name="Namespace">The namespace: 1 to 512 bytes of UTF-8.</param>
/// <param name="Index">From 0 to the namespace's number of partitions, exclusive.</param>
[Experimental("LATCHWORK001")]
public readonly record struct TimerPartition(string Namespace, int Index)
{
    /// <summary>
    /// The partition to which an id belongs: FNV-1a (32 bits) of its UTF-8 bytes, modulo the number of partitions. Stable forever. Of the id of an occurrence
    /// only what precedes U+001F counts, so that a schedule and its occurrences are in one.
    /// </summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="id">The event's id.</param>
    /// <param name="partitions">The namespace's number of partitions, at least 1.</param>
    /// <returns>The partition.</returns>
    public static TimerPartition Of(string ns, string id, int partitions)
    {
        ArgumentNullException.ThrowIfNull(id);
        ArgumentOutOfRangeException.ThrowIfLessThan(partitions, 1);
        if (partitions == 1) return new TimerPartition(ns, 0);

        Span<byte> utf8 = stackalloc byte[Limits.MaxIdBytes];
        int length = System.Text.Encoding.UTF8.GetBytes(id, utf8);
        uint hash = 2166136261;
        foreach (byte b in utf8[..length])
        {
            if (b == OccurrenceId.Separator) break;
            hash = (hash ^ b) * 16777619;
        }

        return new TimerPartition(ns, (int)(hash % (uint)partitions));
    }
}

/// <summary>An event as it is posted.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Due">When it is due.</param>
/// <param name="Payload">Its bytes, given back identical on every delivery.</param>
/// <param name="MaxRetries">The attempts after the first.</param>
/// <param name="IfExists">What to do if the id is scheduled or in flight.</param>
/// <param name="Headers">Names and values that travel with it, or null.</param>
/// <param name="IdIsNew">The id was just generated, so the store need not look for it.</param>
[Experimental("LATCHWORK001")]
public sealed record TimerEntry(
    string Id,
    Due Due,
    ReadOnlyMemory<byte> Payload,
    int MaxRetries,
    IfExists IfExists,
    IReadOnlyDictionary<string, string>? Headers,
    bool IdIsNew);

/// <summary>How long dead letters are kept. What is evicted is counted.</summary>
/// <param name="Retention">From the moment that they are dead-lettered.</param>
/// <param name="MaxCount">The most that a partition keeps; the oldest go first.</param>
[Experimental("LATCHWORK001")]
public sealed record DeadLetterLimits(TimeSpan Retention, int MaxCount);

/// <summary>What a confirmation keeps of the events that it ends: a line of the history for each id, without its payload.</summary>
/// <param name="Retention">How long a line is kept, from the confirmation on. Zero: nothing is kept.</param>
/// <param name="MaxCount">The most lines that a partition keeps; the oldest go first.</param>
/// <param name="Outcome">How the events are completed.</param>
[Experimental("LATCHWORK001")]
public sealed record CompletedLimits(TimeSpan Retention, int MaxCount, CompletedOutcome Outcome = CompletedOutcome.Succeeded)
{
    /// <summary>Nothing is kept.</summary>
    public static CompletedLimits None { get; } = new(TimeSpan.Zero, 0);

    /// <summary>Whether anything is kept.</summary>
    public bool Keeps => Retention > TimeSpan.Zero;

    /// <summary>The equal share of a partition in the <see cref="Limits.MaxCompleted"/> lines of a namespace, rounded up.</summary>
    /// <param name="partitions">The namespace's number of partitions, at least 1.</param>
    /// <returns>The most lines that a partition keeps.</returns>
    public static int ShareOf(int partitions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(partitions, 1);
        return (Limits.MaxCompleted + partitions - 1) / partitions;
    }
}

/// <summary>A line of the history: a completed event.</summary>
/// <param name="Id">The event's id.</param>
/// <param name="Due">When it was due, by the store's clock.</param>
/// <param name="ClaimedAt">When it was claimed by the node that held it last.</param>
/// <param name="CompletedAt">When it was confirmed.</param>
/// <param name="NodeId">The node that held it last.</param>
/// <param name="Retries">The retries that were spent.</param>
/// <param name="MaxRetries">The retries that it had in all.</param>
/// <param name="Outcome">How it was completed.</param>
[Experimental("LATCHWORK001")]
public sealed record CompletedEvent(
    string Id, DateTimeOffset Due, DateTimeOffset ClaimedAt, DateTimeOffset CompletedAt, string NodeId, int Retries, int MaxRetries, CompletedOutcome Outcome);

/// <summary>A node's request for events that are due.</summary>
/// <param name="NodeId">The asking node.</param>
/// <param name="ClaimToken">
/// Random, new for every request; becomes the token of every delivery that it returns. A request repeated with the same token
/// (because its reply was lost) returns the events that it got the first time and that are still its own, their leases renewed.
/// </param>
/// <param name="Max">The most events to return: 0 to <see cref="Limits.MaxBatch"/>. With 0 the request is a sign of life.</param>
/// <param name="Capacity">How many events the node could hold, <paramref name="Max"/> included. A node whose capacity is used up is not woken until it asks again.</param>
/// <param name="Held">How many events the node holds already, for the list of nodes.</param>
/// <param name="LeaseDuration">How long the returned events belong to the node unless it extends.</param>
/// <param name="DeadLetters">What to keep of the events whose last lease expired.</param>
[Experimental("LATCHWORK001")]
public sealed record ClaimRequest(
    string NodeId,
    string ClaimToken,
    int Max,
    int Capacity,
    int Held,
    TimeSpan LeaseDuration,
    DeadLetterLimits DeadLetters)
{
    /// <summary>
    /// A backlog: when the oldest event is overdue by more than this, in ms, a claim takes in turn the event that is longest due and the one
    /// that fell due last. So a backlog drains steadily, and fresh events do not wait behind it.
    /// </summary>
    public const int BacklogAge = 100;

    /// <summary>
    /// Whether the node lets others go first where more is due than it took: an event occupies it for long. The others are then notified, and the
    /// node is asked to wait for <see cref="YieldTime"/> (see <see cref="TimerClaim.AskAgainIn"/>). Default: false, it claims again immediately.
    /// </summary>
    public bool Yields { get; init; }

    /// <summary>
    /// How many of the events may have no retry left: as many as there are handlers that can begin them now. What is claimed ahead of them may lose an attempt without having
    /// begun, if the node dies. The claim ends before the first that is too many (see <see cref="TimerClaim.IsCut"/>). Default: null, all of them.
    /// </summary>
    public int? MaxLastAttempts { get; init; }

    /// <summary>What to keep of completed events. A claim for events lets go what is too old, as time passes, too. Default: nothing is kept, and nothing goes.</summary>
    public CompletedLimits Completed { get; init; } = CompletedLimits.None;

    /// <summary>How long a node lets others go first, in ms: longer than a node that was notified needs to come.</summary>
    internal const int YieldTime = 30;

    /// <summary>Whether a claim in a backlog begins with the longest due event: so that single claims alternate, too, it depends on the (random) claim token's last character.</summary>
    public bool BeginsWithOldest => ClaimToken[^1] % 2 == 0;
}

/// <summary>An event that was claimed.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Payload">Its bytes.</param>
/// <param name="Headers">Its headers; empty if it has none.</param>
/// <param name="Retries">The retries spent before this delivery: 0 on the first.</param>
/// <param name="MaxRetries">The retries that it has in all.</param>
/// <param name="Due">When it was due, by the store's clock.</param>
/// <param name="Lateness">How long after that it was claimed, by the store's clock; never negative.</param>
[Experimental("LATCHWORK001")]
public sealed record ClaimedEvent(
    string Id,
    ReadOnlyMemory<byte> Payload,
    IReadOnlyDictionary<string, string> Headers,
    int Retries,
    int MaxRetries,
    DateTimeOffset Due,
    TimeSpan Lateness)
{
    /// <summary>
    /// Of an occurrence of a schedule that was claimed before: when that was for the first time, by the store's clock, in whole µs. Null: it never was, or the event is no
    /// occurrence. So a lease that ended before the handler began, or a delivery that was handed back, makes no occurrence a missed one.
    /// </summary>
    public DateTimeOffset? FirstClaimedAt { get; init; }
}

/// <summary>The answer to a <see cref="ClaimRequest"/>.</summary>
/// <param name="Events">The events that now belong to the node, in order of their due times.</param>
/// <param name="AskAgainIn">
/// When the node is to ask again at the latest, counted from the answer: zero if more is due now and the node has free capacity (30 ms if it yields
/// and others were notified); the time until
/// the next event or lease falls due if this node is the one to claim it (plus a grace if it is the backup waker); else its poll slot.
/// </param>
[Experimental("LATCHWORK001")]
public sealed record TimerClaim(IReadOnlyList<ClaimedEvent> Events, TimeSpan AskAgainIn)
{
    /// <summary>How many events this claim dead-lettered because of an expired lease. A repeated claim does not tell those of the first again.</summary>
    public int DeadLettered { get; init; }

    /// <summary>
    /// Whether the claim ended before a due event with no retry left (see <see cref="ClaimRequest.MaxLastAttempts"/>). Then the node counts as full: it is not woken until it asks
    /// again, which it is to do when a handler is free.
    /// </summary>
    public bool IsCut { get; init; }

    /// <summary>Who paused the partition, and why; null if it is not paused. Then the node hands back what its handlers have not begun.</summary>
    public TimerPause? Pause { get; init; }
}

/// <summary>The request to pause a partition.</summary>
/// <param name="By">Who: 1 to <see cref="Limits.MaxIdBytes"/> bytes of UTF-8.</param>
/// <param name="Reason">Why: 0 to <see cref="Limits.MaxReasonBytes"/> bytes of UTF-8.</param>
[Experimental("LATCHWORK001")]
public sealed record PauseRequest(string By, string Reason)
{
    /// <summary>
    /// Null: it is paused from now on, by the partition's clock, unless it is paused already: then that pause stays. Given: this pause takes the place of
    /// any other. So what the first partition of a namespace has decided is carried to the others.
    /// </summary>
    public DateTimeOffset? Since { get; init; }
}

/// <summary>A delivery: an event and the token of the lease under which it is held.</summary>
/// <param name="Id">The event's id.</param>
/// <param name="Token">The delivery's token.</param>
[Experimental("LATCHWORK001")]
public readonly record struct DeliveryKey(string Id, string Token);

/// <summary>The report that a delivery failed.</summary>
/// <param name="Delivery">The delivery.</param>
/// <param name="NodeId">The node that failed.</param>
/// <param name="Error">What went wrong; at most <see cref="Limits.MaxErrorBytes"/> bytes of it are kept.</param>
/// <param name="RetryIn">When to try again if a retry is left. Null: never; it is dead-lettered immediately, for <paramref name="Reason"/>.</param>
/// <param name="Reason">The reason if it is dead-lettered.</param>
[Experimental("LATCHWORK001")]
public sealed record TimerFailure(DeliveryKey Delivery, string NodeId, string Error, TimeSpan? RetryIn, DeadLetterReason Reason)
{
    /// <summary>
    /// The handler was interrupted because its node leaves. That is counted; the first <see cref="Limits.FreeInterruptions"/> of an event hand it
    /// back (it is scheduled at its former due time, no retry is spent, and nothing is recorded), each later one is a failure like any other.
    /// </summary>
    public bool IsInterruption { get; init; }
}

/// <summary>A page of a listing.</summary>
/// <param name="Items">At most as many as were asked for; fewer where their payloads exceed <see cref="Limits.MaxBatchBytes"/>.</param>
/// <param name="Cursor">What to ask the next page with, or null after the last one.</param>
[Experimental("LATCHWORK001")]
public sealed record TimerPage(IReadOnlyList<TimerSnapshot> Items, string? Cursor);

/// <summary>A dead letter that is meant only as long as it is the same dead letter.</summary>
/// <param name="Id">The event's id.</param>
/// <param name="DeadLetteredAt">When it was dead-lettered, as listed; null means whichever there is.</param>
[Experimental("LATCHWORK001")]
public readonly record struct DeadLetterKey(string Id, DateTimeOffset? DeadLetteredAt)
{
    /// <summary>When it was dead-lettered, as the store that listed it keeps it: in ms by the partition's clock. Null: what was shown is compared.</summary>
    internal long? Stamp { get; init; }

    /// <summary>The key of a dead letter that was listed. It stays right although the store's clock is put back after the listing.</summary>
    /// <param name="deadLetter">The dead letter, from the same store.</param>
    /// <returns>Its key.</returns>
    public static DeadLetterKey Of(TimerSnapshot deadLetter)
    {
        ArgumentNullException.ThrowIfNull(deadLetter);
        return new DeadLetterKey(deadLetter.Id, deadLetter.DeadLetteredAt) { Stamp = deadLetter.DeadLetterStamp };
    }
}

/// <summary>Why a node is notified.</summary>
[Experimental("LATCHWORK001")]
public enum WakeNotificationKind
{
    /// <summary>An event falls due earlier than this node knows: ask in <see cref="WakeNotification.AskIn"/>.</summary>
    Due = 0,

    /// <summary>A delivery that this node holds was superseded or revoked.</summary>
    Revoked = 1,

    /// <summary>Notifications may have been missed (the connection was away): ask every partition now.</summary>
    Missed = 2,

    /// <summary>The partition was paused: hand back what no handler has begun.</summary>
    Paused = 3,
}

/// <summary>A notification to one listening node. It may be lost, late or doubled: it is a hint, never the truth.</summary>
/// <param name="Kind">Why it is notified.</param>
/// <param name="Partition">The index of the partition.</param>
/// <param name="AskIn">For <see cref="WakeNotificationKind.Due"/>: when to ask, from now on.</param>
/// <param name="Delivery">For <see cref="WakeNotificationKind.Revoked"/>: the delivery.</param>
[Experimental("LATCHWORK001")]
public readonly record struct WakeNotification(WakeNotificationKind Kind, int Partition, TimeSpan AskIn, DeliveryKey Delivery);
