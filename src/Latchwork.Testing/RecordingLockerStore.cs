using Latchwork.Storage;

namespace Latchwork.Testing;

/// <summary>Notes who becomes an owner; everything else passes through.</summary>
internal sealed class RecordingLockerStore(ILockerStore inner, TestJournal journal) : ILockerStore
{
    public Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        inner.OpenAsync(ns, cancellationToken);

    public async Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken)
    {
        LockerReply answer = await inner.RequestAsync(key, request, cancellationToken).ConfigureAwait(false);
        if (answer is LockGranted) journal.Granted(key);
        return answer;
    }

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        inner.RenewAsync(key, fencingToken, nonce, lease, cancellationToken);

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        inner.PublishAsync(key, publication, cancellationToken);

    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        inner.ReleaseAsync(key, fencingToken, nonce, cancellationToken);

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        inner.TryGetAsync(key, cancellationToken);

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        inner.ForgetAsync(key, lockTimeout, cancellationToken);

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) =>
        inner.PeekAsync(key, cancellationToken);

    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        inner.AddCountsAsync(ns, counts, cancellationToken);

    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        inner.GetStatsAsync(ns, cancellationToken);

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        inner.ListAsync(ns, cursor, limit, cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) =>
        inner.SubscribeAsync(key, onNotified, cancellationToken);
}
