using Latchwork.Storage;

namespace Latchwork.Cli.Demo;

/// <summary>The locker operations of a <see cref="SeverableStore"/>.</summary>
internal sealed class SeverableLocks : ILockerStore
{
    private readonly ILockerStore _inner;
    private readonly Plug _plug;

    public SeverableLocks(ILockerStore inner, Plug plug)
    {
        _inner = inner;
        _plug = plug;
    }

    public Task OpenAsync(string ns, CancellationToken cancellationToken) => _plug.GuardAsync(() => _inner.OpenAsync(ns, cancellationToken));

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.RequestAsync(key, request, cancellationToken));

    public Task<bool> RenewAsync(LockerKey key, long generation, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.RenewAsync(key, generation, nonce, lease, cancellationToken));

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.PublishAsync(key, publication, cancellationToken));

    public Task<bool> ReleaseAsync(LockerKey key, long? generation, string nonce, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.ReleaseAsync(key, generation, nonce, cancellationToken));

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.TryGetAsync(key, cancellationToken));

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.ForgetAsync(key, lockTimeout, cancellationToken));

    public Task<KeySnapshot?> ShowAsync(LockerKey key, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.ShowAsync(key, cancellationToken));

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.ListAsync(ns, cursor, limit, cancellationToken));

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action ring, CancellationToken cancellationToken) =>
        _plug.GuardAsync(() => _inner.SubscribeAsync(key, _plug.Guard(ring), cancellationToken));
}
