using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Notifications;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Locking;

/// <summary>Locks on SQLite. Every operation reads the record of its key, lets it decide, and writes it back, in one transaction.</summary>
internal sealed class SqliteLockerStore(Writer writer, Reader reader, NotificationExchange notifications, OutcomeSweeper sweeper, TimeProvider time) : ILockerStore
{
    /// <summary>The format of the records that this program works with. Format 1 had the bytes of every outcome in its record.</summary>
    public const int Format = 2;

    /// <summary>How many old records, and how many outcomes that are over, each operation drops.</summary>
    private const int SweptByEach = 2;

    public Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                var opened = LockNamespace.Of(scope.File, ns).Unsealed();
                sweeper.Schedule(scope); // what processes that have ended left behind
                return opened;
            },
            isDurable: false,
            cancellationToken);

    // Not durable: no owner outlives a loss of power, and the next fencing token is then greater all the same, because the clock went on.
    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        Change(key, isDurable: false, (record, now) => (record.Request(request, now), false), cancellationToken, creates: true);

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        Change(key, isDurable: false, (record, now) => (record.Renew(fencingToken, nonce, lease, now), false), cancellationToken, static renewed => renewed);

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken)
    {
        byte[] data = publication.Data.ToArray(); // the caller may write over its array
        return Change(
            key,
            isDurable: true,
            (record, now) =>
            {
                PublishOutcome outcome = record.Publish(publication, data, now);
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
                if (Look(file, key) is not var (record, state)) return (null, true);
                LockerOutcome? outcome = record.TryGet(Now());
                LockState after = record.Save();
                return (outcome, after == state || after == state with { Outcome = null });
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
            file => Look(file, key) is var (record, _) ? record.Show(key.Key, Now()) : null,
            isDurable: false,
            cancellationToken);

    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                LockNamespace.Of(scope.File, ns).Count(scope.File, counts);
                return true;
            },
            isDurable: false,
            cancellationToken);

    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        reader.RunAsync(
            file =>
            {
                LockNamespace.Find(file, ns)?.Unsealed();
                return LockNamespace.CountsOf(file, ns);
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
    /// for dropping two old records and two outcomes, so that what is over goes without ever looking at all of them.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="isDurable">Whether its effect is to survive the loss of power once it is acknowledged.</param>
    /// <param name="act">Decides.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <param name="wasOwner">For what an owner does: whether the answer says that it is the owner. It may end its run even while the namespace is closed.</param>
    /// <param name="creates">Whether a key, or a namespace, that is not known is made; without it nothing is written of it.</param>
    private Task<T> Change<T>(
        LockerKey key,
        bool isDurable,
        Func<LockRecord, long, (T Answer, bool Notify)> act,
        CancellationToken cancellationToken,
        Func<T, bool>? wasOwner = null,
        bool creates = false) =>
        writer.RunAsync(
            scope =>
            {
                long now = scope.Microseconds;
                if ((creates ? LockNamespace.Of(scope.File, key.Namespace) : LockNamespace.Find(scope.File, key.Namespace)) is not { } ns) return act(new LockRecord(), now).Answer;
                if (wasOwner is null) ns.Unsealed();
                LockRows.Sweep(scope.File, ns.Id, key.Key, now);
                OutcomeRows.Sweep(scope.File, now, SweptByEach);
                LockState? before = LockRows.Find(scope.File, ns.Id, key.Key);
                if (before is null && !creates)
                {
                    ns.Unsealed();
                    return act(new LockRecord(), now).Answer;
                }

                LockRecord record = LockRows.Record(scope.File, ns.Id, key.Key, before);
                (T answer, bool notify) = act(record, now);
                if (wasOwner?.Invoke(answer) == false) ns.Unsealed();
                LockState after = record.Save();
                LockRows.Save(scope.File, ns.Id, key.Key, before, after);
                if (after.Outcome is { Data: { } data } && !OutcomeRows.AreFew(data)) sweeper.Schedule(after.Outcome.UsableUntil, now);
                if (notify) scope.Notify(NotificationMessage.TopicOf(key), default);
                return answer;
            },
            isDurable,
            cancellationToken);

    /// <summary>What is known of a key, for those who only look.</summary>
    private static (LockRecord Record, LockState State)? Look(SqliteFile file, LockerKey key) =>
        LockNamespace.Find(file, key.Namespace)?.Unsealed() is { } ns && LockRows.Find(file, ns.Id, key.Key) is { } state
            ? (LockRows.Record(file, ns.Id, key.Key, state), state)
            : null;

    private long Now() => time.GetMicroseconds();
}
