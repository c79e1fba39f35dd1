using Latchwork.Postgres.Connections;
using Latchwork.Postgres.Notifications;
using Latchwork.Storage;

namespace Latchwork.Postgres.Locking;

/// <summary>Locks on PostgreSQL: not offered yet, and refused by name.</summary>
internal sealed class PostgresLockerStore(SqlExecutor executor, NotificationExchange notifications) : ILockerStore
{
    private readonly (SqlExecutor Executor, NotificationExchange Notifications) _seam = (executor, notifications);

    public Task OpenAsync(string ns, CancellationToken cancellationToken) => throw Refusal();

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) => throw Refusal();

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) => throw Refusal();

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) => throw Refusal();

    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) => throw Refusal();

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) => throw Refusal();

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) => throw Refusal();

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) => throw Refusal();

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) => throw Refusal();

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) => throw Refusal();

    private LatchworkStoreException Refusal() =>
        PostgresFailures.Refuse($"The PostgreSQL store (schema '{_seam.Executor.Settings.Schema}') does not offer locks (ILockerStore) yet; use the Redis or the SQLite store for them.");
}
