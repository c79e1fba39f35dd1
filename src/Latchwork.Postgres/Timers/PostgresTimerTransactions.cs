using System.Data.Common;
using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Npgsql;

namespace Latchwork.Postgres.Timers;

/// <summary>
/// The same functions as <see cref="PostgresTimerStore"/> calls, in a transaction of the application. They lock the rows of the ids that they name, and
/// no other; listeners are notified by the commit.
/// </summary>
internal sealed class PostgresTimerTransactions(SqlExecutor executor, PostgresTimerStore timers) : ITimerTransactions
{
    public async Task<IReadOnlyList<PostOutcome>> PostAsync(
        DbTransaction transaction, TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0) return [];
        SqlStatement call = (await CallAsync(PostgresTimerStore.PostCall, partition, cancellationToken).ConfigureAwait(false)).With(true);
        return await RunAsync(
            transaction,
            "post",
            new PostgresTimerStore.Entries(entries).AddTo(call),
            static row => PostgresTimerStore.PostOutcomes(row).Outcomes,
            cancellationToken).ConfigureAwait(false);
    }

    public async Task<TimerOutcome> CancelAsync(DbTransaction transaction, TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken)
    {
        SqlStatement call = await CallAsync(PostgresTimerStore.CancelCall, partition, cancellationToken).ConfigureAwait(false);
        return await RunAsync(transaction, "cancellation", call.With(Utf8.Bytes(id)).With(revoke), PostgresTimerStore.Outcome, cancellationToken).ConfigureAwait(false);
    }

    public async Task<TimerOutcome> ChangeDelayAsync(DbTransaction transaction, TimerPartition partition, string id, Due due, CancellationToken cancellationToken)
    {
        SqlStatement call = await CallAsync(PostgresTimerStore.ChangeDelayCall, partition, cancellationToken).ConfigureAwait(false);
        return await RunAsync(
            transaction,
            "change of a delay",
            call.With(true).With(Utf8.Bytes(id)).With(TimerCodec.Encode(due)),
            PostgresTimerStore.Outcome,
            cancellationToken).ConfigureAwait(false);
    }

    public async Task<TimerOutcome> ConfirmAsync(DbTransaction transaction, TimerPartition partition, DeliveryKey delivery, CompletedLimits completed, CancellationToken cancellationToken)
    {
        SqlStatement call = await CallAsync(PostgresTimerStore.ConfirmCall, partition, cancellationToken).ConfigureAwait(false);
        return await RunAsync(
            transaction,
            "confirmation",
            PostgresTimerStore.Completed(PostgresTimerStore.Keys(call, [delivery]), completed).With(false),
            static row => PostgresTimerStore.OutcomesAndEarliest(row).Outcomes[0],
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A call without a lock timeout of its own: that is the application's affair.</summary>
    private async Task<SqlStatement> CallAsync(string sql, TimerPartition partition, CancellationToken cancellationToken)
    {
        int number = timers.Known(partition) ?? await executor.Work.RunAsync("opening of a namespace", session => timers.Partition(session, partition), cancellationToken).ConfigureAwait(false);
        return new SqlStatement(sql, isFrequent: true).With(number).With(executor.Settings.Clock).With((int?)null);
    }

    private Task<T> RunAsync<T>(DbTransaction transaction, string name, SqlStatement statement, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken) =>
        executor.RunInAsync(executor.OnThisDatabase(transaction), name, statement, read, cancellationToken);
}
