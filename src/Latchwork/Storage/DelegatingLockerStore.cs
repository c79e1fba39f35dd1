namespace Latchwork.Storage;

/// <summary>Passes the operations of a locker store on, each through <see cref="PassAsync"/>: for stores that do something around all of them, or besides at some.</summary>
internal abstract class DelegatingLockerStore : ILockerStore
{
    public virtual Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        PassAsync("open", ns, static (s, a, token) => DoneAsync(s.OpenAsync(a, token)), cancellationToken);

    public virtual Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        PassAsync("request", (key, request), static (s, a, token) => s.RequestAsync(a.key, a.request, token), cancellationToken);

    public virtual Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        PassAsync("renew", (key, fencingToken, nonce, lease), static (s, a, token) => s.RenewAsync(a.key, a.fencingToken, a.nonce, a.lease, token), cancellationToken);

    public virtual Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        PassAsync("publish", (key, publication), static (s, a, token) => s.PublishAsync(a.key, a.publication, token), cancellationToken);

    public virtual Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        PassAsync("release", (key, fencingToken, nonce), static (s, a, token) => s.ReleaseAsync(a.key, a.fencingToken, a.nonce, token), cancellationToken);

    public virtual Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        PassAsync("try_get", key, static (s, a, token) => s.TryGetAsync(a, token), cancellationToken);

    public virtual Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        PassAsync("forget", (key, lockTimeout), static (s, a, token) => s.ForgetAsync(a.key, a.lockTimeout, token), cancellationToken);

    public virtual Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) =>
        PassAsync("show", key, static (s, a, token) => s.PeekAsync(a, token), cancellationToken);

    public virtual Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        PassAsync("list", (ns, cursor, limit), static (s, a, token) => s.ListAsync(a.ns, a.cursor, a.limit, token), cancellationToken);

    public virtual Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        PassAsync("add_counts", (ns, counts), static (s, a, token) => DoneAsync(s.AddCountsAsync(a.ns, a.counts, token)), cancellationToken);

    public virtual Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        PassAsync("stats", ns, static (s, a, token) => s.GetStatsAsync(a, token), cancellationToken);

    public virtual Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) =>
        PassAsync("subscribe", (key, onNotified), static (s, a, token) => s.SubscribeAsync(a.key, a.onNotified, token), cancellationToken);

    /// <summary>Passes one operation on.</summary>
    /// <param name="operation">Its name, as in metrics.</param>
    /// <param name="args">Its arguments.</param>
    /// <param name="call">Calls it on a store.</param>
    /// <param name="cancellationToken">The token of the call.</param>
    protected abstract Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<ILockerStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken);

    private static async Task<bool> DoneAsync(Task operation)
    {
        await operation.ConfigureAwait(false);
        return true;
    }
}
