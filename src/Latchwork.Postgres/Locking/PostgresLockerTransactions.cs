using System.Data.Common;
using Latchwork.Postgres.Connections;
using Latchwork.Postgres.Notifications;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Locking;

/// <summary>Publications in a transaction of the application: the record is read and written as by <see cref="PostgresLockerStore"/>, on its connection.</summary>
internal sealed class PostgresLockerTransactions(SqlExecutor executor, OutcomeSweeper sweeper) : ILockerTransactions
{
    /// <summary>How often the record is read anew because somebody has written it meanwhile. Once it is written it is locked, and nobody does.</summary>
    private const int MaxTries = 20;

    public async Task<PublishOutcome> PublishAsync(DbTransaction transaction, LockerKey key, LockerPublication publication, CancellationToken cancellationToken)
    {
        NpgsqlTransaction own = executor.OnThisDatabase(transaction);
        byte[] data = publication.Data.ToArray(); // the caller may write over its array
        for (int tries = 0; tries < MaxTries; tries++)
        {
            LockRow? row = await executor.RunInAsync(
                own, "publication", LockRow.Statement(key, executor.Settings), rows => rows.HasRows ? LockRow.Read(rows, key.Namespace) : null, cancellationToken).ConfigureAwait(false);
            if (row is null) return PublishOutcome.Superseded;

            // The bytes of the outcome before are not asked for: this one takes its place.
            var record = row.State is null ? new LockRecord() : new LockRecord(row.State, static () => null);
            PublishOutcome outcome = record.Publish(publication, data, row.Now);
            if (outcome == PublishOutcome.Superseded) return outcome;
            LockState after = record.Save();
            if (after == row.State) return outcome; // a repetition

            SqlStatement write = row.Write(key.Key, after, isAwaited: false, row.IsAwaited ? NotificationMessage.ForKey(key) : null, executor.Settings, wait: null);
            if (!await executor.RunInAsync(own, "publication", write, static rows => rows.GetBoolean(0), cancellationToken).ConfigureAwait(false)) continue;

            // If it is not committed by then, the sweep finds nothing.
            if (after.Outcome is { Data: { } } kept) sweeper.Schedule(kept.UsableUntil, row.Now);
            return outcome;
        }

        throw new LatchworkStoreException("Others changed the same key again and again, so that nothing was published. Roll the transaction back.", StoreOutcome.NotApplied) { IsTransient = true };
    }
}
