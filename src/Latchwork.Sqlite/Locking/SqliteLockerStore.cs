using Latchwork.Sqlite.Bells;
using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Locking;

/// <summary>Locks on SQLite. Every operation reads the record of its key, lets it decide, and writes it back, in one transaction.</summary>
internal sealed class SqliteLockerStore(Writer writer, Reader reader, BellExchange bells, TimeProvider time) : ILockerStore
{
    /// <summary>The format of the records that this program works with.</summary>
    public const int Format = 1;

    public Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => NamespaceOf(scope.File, ns), isDurable: false, cancellationToken);

    // Not durable: no owner outlives a loss of power, and the next generation is then greater all the same, because the clock went on.
    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        Change(key, isDurable: false, (record, now) => (record.Request(request, now), false), cancellationToken);

    public Task<bool> RenewAsync(LockerKey key, long generation, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        Change(key, isDurable: false, (record, now) => (record.Renew(generation, nonce, lease, now), false), cancellationToken);

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
            cancellationToken);
    }

    // Not durable: see the request.
    public Task<bool> ReleaseAsync(LockerKey key, long? generation, string nonce, CancellationToken cancellationToken) =>
        Change(
            key,
            isDurable: false,
            (record, now) => record.Release(generation, nonce, now) ? (true, true) : (false, false),
            cancellationToken);

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

    public Task<KeySnapshot?> ShowAsync(LockerKey key, CancellationToken cancellationToken) =>
        reader.RunAsync(file => Look(file, key)?.Show(key.Key, Now()), isDurable: false, cancellationToken);

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        reader.RunAsync(file => LockRows.List(file, ns, cursor, limit, Now()), isDurable: false, cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action ring, CancellationToken cancellationToken) =>
        bells.SubscribeAsync(BellMessage.TopicOf(key), _ => ring(), cancellationToken);

    private static LockRecord? Look(SqliteFile file, LockerKey key) => LockRows.Find(file, key) is { } state ? new LockRecord(state) : null;

    /// <summary>
    /// Lets the record of a key decide, writes down what changed, and rings those who wait for it if that is asked for. Every operation pays
    /// for dropping two old records, so that what is over goes without ever looking at all of them.
    /// </summary>
    private Task<T> Change<T>(LockerKey key, bool isDurable, Func<LockRecord, long, (T Answer, bool Ring)> act, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                long ns = NamespaceOf(scope.File, key.Namespace), now = scope.Microseconds;
                LockRows.Sweep(scope.File, ns, key.Key, now);
                LockState? before = LockRows.Find(scope.File, key);
                LockRecord record = before is null ? new LockRecord() : new LockRecord(before);
                (T answer, bool ring) = act(record, now);
                Save(scope.File, ns, key.Key, before ?? new LockRecord().Save(), record.Save());
                if (ring) scope.Ring(BellMessage.TopicOf(key), default);
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

    /// <summary>The number of a namespace, which is made if there is none and checked if there is.</summary>
    private static long NamespaceOf(SqliteFile file, string ns)
    {
        using (Statement row = file["SELECT id, format, seal FROM lock_namespaces WHERE name = ?"].Set(ns))
        {
            if (row.Step())
            {
                if (row.Int(1) != Format)
                {
                    throw StoreErrors.Refuse($"The lock namespace '{ns}' has format {row.Int(1)}; this program works with format {Format}. Update this program.");
                }

                if (!row.IsNull(2))
                {
                    throw StoreErrors.Refuse(
                        $"The lock namespace '{ns}' is sealed: it is being moved, or was moved, to another store. Use the new store, or end the move first.");
                }

                return row.Long(0);
            }
        }

        file["INSERT INTO lock_namespaces (name, format) VALUES (?, ?)"].Set(ns).Set(Format).Run();
        return file.LastKey;
    }

    private long Now() => (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
