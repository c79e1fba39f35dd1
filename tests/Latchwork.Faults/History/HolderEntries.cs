namespace Latchwork.Faults.History;

/// <summary>How the code of a user ended.</summary>
public enum CodeResult
{
    /// <summary>It returned.</summary>
    Returned,

    /// <summary>It threw.</summary>
    Threw,

    /// <summary>It ended because its token had fired.</summary>
    Stopped,
}

/// <summary>A handler was called; written by its first statement.</summary>
/// <param name="At">When: the clock is read before <paramref name="LeaseLeft"/>.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The event's id.</param>
/// <param name="Token">The delivery's token.</param>
/// <param name="Version">What the payload says.</param>
/// <param name="Retries">As told.</param>
/// <param name="MaxRetries">As told.</param>
/// <param name="LeaseLeft">How long it may believe to hold the event.</param>
/// <param name="Lateness">As told.</param>
public sealed record HandlerStarted(
    long At, string Ns, string Id, string Token, string Version, int Retries, int MaxRetries, long LeaseLeft, long Lateness) : HistoryEntry(At)
{
    /// <summary>The listener that called it: see <see cref="ListenerJoining"/>.</summary>
    public long? Listener { get; init; }
}

/// <summary>A handler ended; written by its last statement.</summary>
/// <param name="At">When.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The event's id.</param>
/// <param name="Token">The delivery's token.</param>
/// <param name="Result">How.</param>
public sealed record HandlerEnded(long At, string Ns, string Id, string Token, CodeResult Result) : HistoryEntry(At);

/// <summary>A look at what a handler may believe: often enough while it runs, and once before it ends.</summary>
/// <param name="At">When: the clock is read before <paramref name="LeaseLeft"/>.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The event's id.</param>
/// <param name="Token">The delivery's token.</param>
/// <param name="LeaseLeft"><see cref="TimerDelivery.LeaseLeft"/>.</param>
public sealed record DeliveryLocalLease(long At, string Ns, string Id, string Token, long LeaseLeft) : HistoryEntry(At);

/// <summary>The delivery's token fired.</summary>
/// <param name="At">When.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The event's id.</param>
/// <param name="Token">The delivery's token.</param>
public sealed record DeliveryStopped(long At, string Ns, string Id, string Token) : HistoryEntry(At);

/// <summary>The owner of a key begins its work (in a factory, or after a request that was answered with a lease).</summary>
/// <param name="At">When: the clock is read before <paramref name="LeaseLeft"/>.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The key.</param>
/// <param name="FencingToken">The fencing token.</param>
/// <param name="LeaseLeft">How long it may believe to own the key.</param>
public sealed record WorkStarted(long At, string Ns, string Id, long FencingToken, long LeaseLeft) : HistoryEntry(At)
{
    /// <summary>Whether it is a factory of <c>RunOnceAsync</c>, whose key the locker frees; else the holder of the lease does.</summary>
    public bool? IsFactory { get; init; }
}

/// <summary>A look at what an owner may believe: often enough while it works, and once before it ends.</summary>
/// <param name="At">When: the clock is read before <paramref name="LeaseLeft"/>.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The key.</param>
/// <param name="FencingToken">The fencing token.</param>
/// <param name="LeaseLeft"><see cref="WorkLease.LeaseLeft"/>.</param>
public sealed record WorkLocalLease(long At, string Ns, string Id, long FencingToken, long LeaseLeft) : HistoryEntry(At);

/// <summary>The owner's <see cref="WorkLease.Lost"/> fired.</summary>
/// <param name="At">When.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The key.</param>
/// <param name="FencingToken">The fencing token.</param>
public sealed record WorkLost(long At, string Ns, string Id, long FencingToken) : HistoryEntry(At);

/// <summary>The work ended.</summary>
/// <param name="At">When.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The key.</param>
/// <param name="FencingToken">The fencing token.</param>
/// <param name="Result">How.</param>
/// <param name="Value">Returned: what it is about to publish; see <see cref="LockValue"/>.</param>
public sealed record WorkEnded(long At, string Ns, string Id, long FencingToken, CodeResult Result, string? Value = null) : HistoryEntry(At);
