using Latchwork.Storage;

namespace Latchwork.StoreConformance.Locking;

/// <summary>A node's view of a store: it counts the requests that the node sends.</summary>
internal sealed class InstrumentedLockerStore(ILockerStore inner) : ILockerStore
{
    private int _requests;

    /// <summary>How many requests were sent so far.</summary>
    public int Requests => Volatile.Read(ref _requests);

    public Task OpenAsync(string ns, CancellationToken cancellationToken) => inner.OpenAsync(ns, cancellationToken);

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _requests);
        return inner.RequestAsync(key, request, cancellationToken);
    }

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        inner.RenewAsync(key, fencingToken, nonce, lease, cancellationToken);

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        inner.PublishAsync(key, publication, cancellationToken);

    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        inner.ReleaseAsync(key, fencingToken, nonce, cancellationToken);

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) => inner.TryGetAsync(key, cancellationToken);

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        inner.ForgetAsync(key, lockTimeout, cancellationToken);

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) => inner.PeekAsync(key, cancellationToken);

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.ListAsync(ns, cursor, limit, cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) =>
        inner.SubscribeAsync(key, onNotified, cancellationToken);
}
