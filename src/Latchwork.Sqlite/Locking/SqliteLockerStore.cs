using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Notifications;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Locking;

/// <summary>Locks on SQLite. Every operation reads the record of its key, lets it decide, and writes it back, in one transaction.</summary>
internal sealed class SqliteLockerStore(Writer writer, Reader reader, NotificationExchange notifications, TimeProvider time) : ILockerStore
{
    /// <summary>The format of the records that this program works with.</summary>
    public const int Format = 1;

    public Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => LockNamespace.Of(scope.File, ns).Unsealed(), isDurable: false, cancellationToken);

    // Not durable: no owner outlives a loss of power, and the next fencing token is then greater all the same, because the clock went on.
    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        Change(key, isDurable: false, (record, now) => (record.Request(request, now), false), cancellationToken);

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        Change(key, isDurable: false, (record, now) => (record.Renew(fencingToken, nonce, lease, now), false), cancellationToken, static renewed => renewed);

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken)
    {
        LockerPublication own = publication with { Data = publication.Data.ToArray() }; // the caller may write over its array
        return Change(
            key,
            isDurable: true,
            (record, now) =>
            {
                PublishOutcome outcome = record.Publish(own, now);
                return (outcome, outcome == PublishOutcome.Accepted);
            },
            cancellationToken,
            static outcome => outcome == PublishOutcome.Accepted);
    }

    // Not durable: see the request.
    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        Change(
            key,
            isDurable: false,
            (record, now) => record.Release(fencingToken, nonce, now) ? (true, true) : (false, false),
            cancellationToken,
            static released => released);

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        Change(
            key,
            isDurable: true,
            (record, now) =>
            {
                (bool wasLocked, bool wasKnown) = record.Forget(lockTimeout, now);
                return (wasKnown, wasLocked);
            },
            cancellationToken);

    public async Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken)
    {
        (LockerOutcome? outcome, bool isSettled) = await reader.RunAsync(
            file =>
            {
                LockNamespace.Find(file, key.Namespace)?.Unsealed();
                if (LockRows.Find(file, key) is not { } state) return (null, true);
                var record = new LockRecord(state);
                return (record.TryGet(Now()), record.Save() == state);
            },
            isDurable: false,
            cancellationToken).ConfigureAwait(false);

        // The clock went back behind what is written down: the new time has to be noted, so the question goes to the thread that writes.
        return isSettled
            ? outcome
            : await Change(key, isDurable: false, static (record, now) => (record.TryGet(now), false), cancellationToken).ConfigureAwait(false);
    }

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) =>
        reader.RunAsync(
            file =>
            {
                LockNamespace.Find(file, key.Namespace)?.Unsealed();
                return LockRows.Find(file, key) is { } state ? new LockRecord(state).Show(key.Key, Now()) : null;
            },
            isDurable: false,
            cancellationToken);

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        reader.RunAsync(
            file =>
            {
                LockNamespace.Find(file, ns)?.Unsealed();
                return LockRows.List(file, ns, cursor, limit, Now());
            },
            isDurable: false,
            cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) =>
        notifications.SubscribeAsync(NotificationMessage.TopicOf(key), _ => onNotified(null), cancellationToken);

    /// <summary>
    /// Lets the record of a key decide, writes down what changed, and notifies the waiters for it if that is asked for. Every operation pays
    /// for dropping two old records, so that what is over goes without ever looking at all of them.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="isDurable">Whether its effect is to survive the loss of power once it is acknowledged.</param>
    /// <param name="act">Decides.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <param name="wasOwner">For what an owner does: whether the answer says that it is the owner. It may end its run even while the namespace is sealed.</param>
    private Task<T> Change<T>(
        LockerKey key, bool isDurable, Func<LockRecord, long, (T Answer, bool Notify)> act, CancellationToken cancellationToken, Func<T, bool>? wasOwner = null) =>
        writer.RunAsync(
            scope =>
            {
                var ns = LockNamespace.Of(scope.File, key.Namespace);
                if (wasOwner is null) ns.Unsealed();
                long now = scope.Microseconds;
                LockRows.Sweep(scope.File, ns.Id, key.Key, now);
                LockState? before = LockRows.Find(scope.File, key);
                LockRecord record = before is null ? new LockRecord() : new LockRecord(before);
                (T answer, bool notify) = act(record, now);
                if (wasOwner?.Invoke(answer) == false) ns.Unsealed();
                Save(scope.File, ns.Id, key.Key, before ?? new LockRecord().Save(), record.Save());
                if (notify) scope.Notify(NotificationMessage.TopicOf(key), default);
                return answer;
            },
            isDurable,
            cancellationToken);

    private static void Save(SqliteFile file, long ns, string key, LockState before, LockState after)
    {
        if (after == before) return;
        bool isRenewal = before.Lock is not null && after with { Lock = before.Lock } == before
            && after.Lock is { } held && held with { Started = before.Lock.Started, Lease = before.Lock.Lease, Deadline = before.Lock.Deadline } == before.Lock;
        if (isRenewal) LockRows.SaveLease(file, ns, key, after);
        else LockRows.Save(file, ns, key, after);
    }

    private long Now() => time.GetMicroseconds();
}
