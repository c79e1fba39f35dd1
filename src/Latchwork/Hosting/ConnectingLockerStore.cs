using Latchwork.Storage;

namespace Latchwork.Hosting;

/// <summary>The locker operations of a <see cref="ConnectingStore"/>: passed on at once when the store is open, else when it is.</summary>
internal sealed class ConnectingLockerStore(ConnectingStore owner) : ILockerStore
{
    private ILockerStore? Open => owner.Store?.Locks;

    public Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.OpenAsync(ns, cancellationToken)
            : WaitAsync(store => store.OpenAsync(ns, cancellationToken), cancellationToken);

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.RequestAsync(key, request, cancellationToken)
            : WaitAsync(store => store.RequestAsync(key, request, cancellationToken), cancellationToken);

    public Task<bool> RenewAsync(LockerKey key, long generation, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.RenewAsync(key, generation, nonce, lease, cancellationToken)
            : WaitAsync(store => store.RenewAsync(key, generation, nonce, lease, cancellationToken), cancellationToken);

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.PublishAsync(key, publication, cancellationToken)
            : WaitAsync(store => store.PublishAsync(key, publication, cancellationToken), cancellationToken);

    public Task<bool> ReleaseAsync(LockerKey key, long? generation, string nonce, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.ReleaseAsync(key, generation, nonce, cancellationToken)
            : WaitAsync(store => store.ReleaseAsync(key, generation, nonce, cancellationToken), cancellationToken);

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.TryGetAsync(key, cancellationToken)
            : WaitAsync(store => store.TryGetAsync(key, cancellationToken), cancellationToken);

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.ForgetAsync(key, lockTimeout, cancellationToken)
            : WaitAsync(store => store.ForgetAsync(key, lockTimeout, cancellationToken), cancellationToken);

    public Task<KeySnapshot?> ShowAsync(LockerKey key, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.ShowAsync(key, cancellationToken)
            : WaitAsync(store => store.ShowAsync(key, cancellationToken), cancellationToken);

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.ListAsync(ns, cursor, limit, cancellationToken)
            : WaitAsync(store => store.ListAsync(ns, cursor, limit, cancellationToken), cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action ring, CancellationToken cancellationToken) =>
        Open is { } open
            ? open.SubscribeAsync(key, ring, cancellationToken)
            : WaitAsync(store => store.SubscribeAsync(key, ring, cancellationToken), cancellationToken);

    private async Task<T> WaitAsync<T>(Func<ILockerStore, Task<T>> call, CancellationToken cancellationToken)
    {
        LatchworkStore store = await owner.GetAsync(cancellationToken).ConfigureAwait(false);
        return await call(store.Locks).ConfigureAwait(false);
    }

    private async Task WaitAsync(Func<ILockerStore, Task> call, CancellationToken cancellationToken)
    {
        LatchworkStore store = await owner.GetAsync(cancellationToken).ConfigureAwait(false);
        await call(store.Locks).ConfigureAwait(false);
    }
}
