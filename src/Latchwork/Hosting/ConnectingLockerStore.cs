using Latchwork.Storage;

namespace Latchwork.Hosting;

/// <summary>The locker operations of a <see cref="ConnectingStore"/>: passed on immediately when the store is open, else when it is.</summary>
internal sealed class ConnectingLockerStore(ConnectingStore owner) : ILockerStore
{
    public Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.OpenAsync(ns, cancellationToken), cancellationToken);

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.RequestAsync(key, request, cancellationToken), cancellationToken);

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.RenewAsync(key, fencingToken, nonce, lease, cancellationToken), cancellationToken);

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.PublishAsync(key, publication, cancellationToken), cancellationToken);

    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.ReleaseAsync(key, fencingToken, nonce, cancellationToken), cancellationToken);

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.TryGetAsync(key, cancellationToken), cancellationToken);

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.ForgetAsync(key, lockTimeout, cancellationToken), cancellationToken);

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.PeekAsync(key, cancellationToken), cancellationToken);

    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        owner.PassAsync(
            async store =>
            {
                await store.Locks.AddCountsAsync(ns, counts, cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.GetStatsAsync(ns, cancellationToken), cancellationToken);

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.ListAsync(ns, cursor, limit, cancellationToken), cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) =>
        owner.PassAsync(store => store.Locks.SubscribeAsync(key, onNotified, cancellationToken), cancellationToken);
}
