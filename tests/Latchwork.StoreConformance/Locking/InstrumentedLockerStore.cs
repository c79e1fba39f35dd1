using Latchwork.Storage;

namespace Latchwork.StoreConformance.Locking;

/// <summary>A node's view of a store: it counts the requests and renewals of the node.</summary>
internal sealed class InstrumentedLockerStore(ILockerStore inner) : PassingLockerStore(inner)
{
    private int _requests, _renewals;

    /// <summary>How many requests were sent so far.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>How many renewals were answered so far.</summary>
    public int Renewals => Volatile.Read(ref _renewals);

    /// <summary>Called with each namespace that is opened before the store gets it: it may fail, or take its time.</summary>
    public Func<string, Task>? BeforeOpen { get; set; }

    /// <summary>Called with each request before the store gets it: it may fail, or take its time.</summary>
    public Func<LockerRequest, Task>? BeforeRequest { get; set; }

    /// <summary>Called with the nonce of each release before the store gets it: it may fail, or take its time.</summary>
    public Func<string, Task>? BeforeRelease { get; set; }

    public override async Task OpenAsync(string ns, CancellationToken cancellationToken)
    {
        if (BeforeOpen is { } before) await before(ns).ConfigureAwait(false);
        await base.OpenAsync(ns, cancellationToken).ConfigureAwait(false);
    }

    public override async Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _requests);
        if (BeforeRequest is { } before) await before(request).ConfigureAwait(false);
        return await base.RequestAsync(key, request, cancellationToken).ConfigureAwait(false);
    }

    public override async Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken)
    {
        if (BeforeRelease is { } before) await before(nonce).ConfigureAwait(false);
        return await base.ReleaseAsync(key, fencingToken, nonce, cancellationToken).ConfigureAwait(false);
    }

    public override async Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken)
    {
        bool isOurs = await base.RenewAsync(key, fencingToken, nonce, lease, cancellationToken).ConfigureAwait(false); // goes on where the answer came
        Interlocked.Increment(ref _renewals);
        return isOurs;
    }
}
