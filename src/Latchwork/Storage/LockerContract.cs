using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>One key of one namespace: the unit on which a locker store works atomically.</summary>
/// <param name="Namespace">The namespace: 1 to 512 bytes of UTF-8.</param>
/// <param name="Key">The key: 1 to 512 bytes of UTF-8.</param>
[Experimental("LATCHWORK001")]
public readonly record struct LockerKey(string Namespace, string Key);

/// <summary>A node's request for a lock, or for the outcome in its place.</summary>
/// <param name="NodeId">The asking node: what others learn of the owner.</param>
/// <param name="Nonce">
/// Random, new for every ownership that is sought. A request repeated with the nonce of the present owner (because its reply was lost) gets
/// the same grant again.
/// </param>
/// <param name="LeaseDuration">How long the lock is the owner's unless it renews: at least 1 ms.</param>
/// <param name="LockTimeout">How long it can be the owner's at most, renewed or not: at least <paramref name="LeaseDuration"/>.</param>
/// <param name="WaitingFor">
/// The fencing token that the node was told of when it began to wait: it may have any outcome from there on that is within its hand-over time.
/// Null for a request that begins now: it may have only what is fresh.
/// </param>
/// <param name="LockOnly">No outcome will do: the lock itself is wanted.</param>
[Experimental("LATCHWORK001")]
public sealed record LockerRequest(string NodeId, string Nonce, TimeSpan LeaseDuration, TimeSpan LockTimeout, long? WaitingFor, bool LockOnly);

/// <summary>The answer to a <see cref="LockerRequest"/>: <see cref="LockGranted"/>, <see cref="LockHeld"/> or <see cref="LockerOutcome"/>.</summary>
[Experimental("LATCHWORK001")]
public abstract record LockerReply
{
    private protected LockerReply()
    {
    }
}

/// <summary>The lock is the asking node's.</summary>
/// <param name="FencingToken">The fencing token: greater than that of every owner before.</param>
/// <param name="TakenOver">Whether it was taken from an owner whose lease had run out.</param>
[Experimental("LATCHWORK001")]
public sealed record LockGranted(long FencingToken, bool TakenOver) : LockerReply;

/// <summary>The lock is somebody else's.</summary>
/// <param name="FencingToken">The owner's fencing token.</param>
/// <param name="NodeId">The owner's node.</param>
/// <param name="LeaseLeft">The time left on its lease: more than zero, to the microsecond.</param>
/// <param name="Age">How long it has been the owner.</param>
/// <param name="Nonce">The owner's nonce, by which a notification of its outcome is known.</param>
[Experimental("LATCHWORK001")]
public sealed record LockHeld(long FencingToken, string NodeId, TimeSpan LeaseLeft, TimeSpan Age, string Nonce) : LockerReply;

/// <summary>How a run ended.</summary>
/// <param name="FencingToken">The fencing token of its owner.</param>
/// <param name="Kind">What the bytes are.</param>
/// <param name="Data">The bytes of the value or the failure; empty for <see cref="LockerOutcomeKind.Null"/>.</param>
/// <param name="IsFresh">Whether it may be given to a request that begins now; else it is only handed over to those who waited for it.</param>
/// <param name="Age">How long ago it was published, by the store's clock; never negative.</param>
[Experimental("LATCHWORK001")]
public sealed record LockerOutcome(long FencingToken, LockerOutcomeKind Kind, ReadOnlyMemory<byte> Data, bool IsFresh, TimeSpan Age) : LockerReply;

/// <summary>What the bytes of an outcome are.</summary>
[Experimental("LATCHWORK001")]
public enum LockerOutcomeKind
{
    /// <summary>A value, which may be empty.</summary>
    Value = 0,

    /// <summary>The null value: a result, not the absence of one. There are no bytes.</summary>
    Null = 1,

    /// <summary>A failure. The engine alone knows how its bytes are to be read.</summary>
    Failure = 2,
}

/// <summary>The end of a run.</summary>
/// <param name="FencingToken">The fencing token of the owner.</param>
/// <param name="Nonce">The nonce of the owner; null when it is published from anywhere, by whoever knows the fencing token.</param>
/// <param name="Kind">What the bytes are.</param>
/// <param name="Data">The bytes.</param>
/// <param name="FreshFor">How long it is given to requests that begin later: zero to 100 years.</param>
/// <param name="HandOverFor">How long it is kept for those who wait already: zero to 100 years. It is never less than <paramref name="FreshFor"/> in effect.</param>
[Experimental("LATCHWORK001")]
public sealed record LockerPublication(
    long FencingToken,
    string? Nonce,
    LockerOutcomeKind Kind,
    ReadOnlyMemory<byte> Data,
    TimeSpan FreshFor,
    TimeSpan HandOverFor);

/// <summary>What a notification of a publication may carry, so that those who wait need not ask for it.</summary>
/// <param name="Nonce">The nonce of the owner who published it.</param>
/// <param name="Outcome">The outcome.</param>
[Experimental("LATCHWORK001")]
public sealed record LockerNotification(string Nonce, LockerOutcome Outcome);

/// <summary>A page of a listing.</summary>
/// <param name="Items">The keys that are locked.</param>
/// <param name="Cursor">What to ask the next page with, or null after the last one.</param>
[Experimental("LATCHWORK001")]
public sealed record LockerPage(IReadOnlyList<KeySnapshot> Items, string? Cursor);
