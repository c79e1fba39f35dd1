using Latchwork.Storage;

namespace Latchwork.StoreConformance.Locking;

/// <summary>A node's view of a store: it counts the requests and renewals of the node.</summary>
internal sealed class InstrumentedLockerStore(ILockerStore inner) : ILockerStore
{
    private int _requests, _renewals;

    /// <summary>How many requests were sent so far.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>How many renewals were answered so far.</summary>
    public int Renewals => Volatile.Read(ref _renewals);

    public Task OpenAsync(string ns, CancellationToken cancellationToken) => inner.OpenAsync(ns, cancellationToken);

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _requests);
        return inner.RequestAsync(key, request, cancellationToken);
    }

    public async Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken)
    {
        bool isOurs = await inner.RenewAsync(key, fencingToken, nonce, lease, cancellationToken).ConfigureAwait(false); // goes on where the answer came
        Interlocked.Increment(ref _renewals);
        return isOurs;
    }

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        inner.PublishAsync(key, publication, cancellationToken);

    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        inner.ReleaseAsync(key, fencingToken, nonce, cancellationToken);

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) => inner.TryGetAsync(key, cancellationToken);

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        inner.ForgetAsync(key, lockTimeout, cancellationToken);

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) => inner.PeekAsync(key, cancellationToken);

    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        inner.AddCountsAsync(ns, counts, cancellationToken);

    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        inner.GetStatsAsync(ns, cancellationToken);

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.ListAsync(ns, cursor, limit, cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) =>
        inner.SubscribeAsync(key, onNotified, cancellationToken);
}
