using Latchwork.Sqlite.Locking;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Maintenance;

/// <content>Keys of lockers. Here a page is one step.</content>
internal sealed partial class SqliteMaintenance
{
    public Task<TransferKeyPage> ReadKeysAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                var source = new MaintainedLocks(scope, ns);
                MaintenanceSteps.CheckClosedFor(source, moveId);
                foreach (string key in arrived) LockRows.Drop(scope.File, source.Id, key);

                long now = scope.Microseconds;
                (IReadOnlyList<(string Key, LockState State)> rows, string? next) = LockRows.Page(scope.File, source.Id, cursor, Limits.MaxBatch, Limits.MaxBatchBytes);
                var keys = new List<TransferKey>();
                foreach ((string key, LockState state) in rows)
                {
                    LockRecord record = LockRows.Record(scope.File, source.Id, key, state);
                    TransferKey? moved = record.Export(key, now);
                    // First freed, then dropped: a row that says it is locked is not dropped.
                    if (state.Lock is not null && record.Save() is { Lock: null } freed) LockRows.Save(scope.File, source.Id, key, state, freed);
                    if (moved is not null) keys.Add(moved);
                    else LockRows.Drop(scope.File, source.Id, key); // nothing in it matters any more
                }

                return new TransferKeyPage(keys, next);
            },
            isDurable: true,
            cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> WriteKeysAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken) =>
        writer.RunAsync<IReadOnlyList<ImportOutcome>>(
            scope =>
            {
                var target = new MaintainedLocks(scope, ns);
                var outcomes = new ImportOutcome[keys.Count];
                if (!MaintenanceSteps.TakesIn(target, moveId))
                {
                    Array.Fill(outcomes, ImportOutcome.Closed);
                    return outcomes;
                }

                long now = scope.Microseconds;
                for (int i = 0; i < outcomes.Length; i++)
                {
                    LockState? before = LockRows.Find(scope.File, target.Id, keys[i].Key);
                    LockRecord record = LockRows.Record(scope.File, target.Id, keys[i].Key, before);
                    outcomes[i] = record.Import(keys[i], now);
                    if (outcomes[i] == ImportOutcome.Imported) LockRows.Save(scope.File, target.Id, keys[i].Key, before, record.Save());
                }

                sweeper.Schedule(scope);
                return outcomes;
            },
            isDurable: true,
            cancellationToken);
}
