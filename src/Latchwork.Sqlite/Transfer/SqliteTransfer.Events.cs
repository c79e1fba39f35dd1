using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Transfer;

/// <content>Events.</content>
internal sealed partial class SqliteTransfer
{
    public Task<IReadOnlyList<TransferEvent>> NextEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken) =>
        writer.RunAsync<IReadOnlyList<TransferEvent>>(
            scope =>
            {
                TimerNamespace sealedOne = TimersOf(scope, ns);
                if (sealedOne.Seal?.MoveId != moveId) throw TransferRules.NotSealed(new NamespaceRef(TransferKind.Timers, ns), sealedOne.Seal);
                var events = new TimerEvents(scope.File, sealedOne);
                foreach (string id in arrived)
                {
                    if (events.Find(id) is { } place) events.Remove(place);
                }

                return Next(scope.File, sealedOne);
            },
            isDurable: true,
            cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> ImportEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken) =>
        writer.RunAsync<IReadOnlyList<ImportOutcome>>(
            scope =>
            {
                TimerNamespace target = TimersOf(scope, ns).Unsealed();
                var outcomes = new ImportOutcome[events.Count];
                if (target.Import is not { Phase: TransferPhase.Importing } || target.Import.MoveId != moveId) Array.Fill(outcomes, ImportOutcome.Closed);

                // One that came before is known even where the import is closed: whoever aborts a move asks for that.
                var table = new TimerEvents(scope.File, target);
                bool isSame = target.Import?.MoveId == moveId;
                for (int i = 0; i < outcomes.Length; i++)
                {
                    if (isSame && IsInJournal(scope.File, target.Id, events[i].Id)) outcomes[i] = ImportOutcome.Known;
                    else if (outcomes[i] != ImportOutcome.Closed && table.Find(events[i].Id) is not null) outcomes[i] = ImportOutcome.Conflict;
                }

                if (!outcomes.Contains(ImportOutcome.Conflict)) TakeIn(scope.File, target, table, events, outcomes);
                return outcomes;
            },
            isDurable: true,
            cancellationToken);

    private static void TakeIn(SqliteFile file, TimerNamespace ns, TimerEvents table, IReadOnlyList<TransferEvent> events, ImportOutcome[] outcomes)
    {
        StoreTime now = ns.Now();
        long earliest = long.MaxValue;
        int count = 0;
        for (int i = 0; i < outcomes.Length; i++)
        {
            if (outcomes[i] != ImportOutcome.Imported) continue;
            long due = now.From(events[i].DueIn);
            table.Import(events[i], due, events[i].DeadLetter is { } deadLetter ? now.From(-deadLetter.Ago) : null);
            file["INSERT INTO imported (namespace, id) VALUES (?, ?)"].Set(ns.Id).Set(events[i].Id).Run();
            if (events[i].DeadLetter is null) earliest = Math.Min(earliest, due);
            count++;
        }

        if (count == 0) return;
        ns.SetMarks(file, ns.Marks with { Import = ns.Import! with { Count = ns.Import.Count + count } });
        if (earliest != long.MaxValue) ns.Wakes.Wake(earliest, now);
    }

    private static bool IsInJournal(SqliteFile file, long ns, string id)
    {
        using Statement row = file["SELECT 1 FROM imported WHERE namespace = ? AND id = ?"].Set(ns).Set(id);
        return row.Step();
    }

    /// <summary>The first events, in an order that nothing changes: as the namespace is sealed, it is a prefix of what was there at the call before.</summary>
    private static List<TransferEvent> Next(SqliteFile file, TimerNamespace ns)
    {
        StoreTime now = ns.Now();
        var page = new List<TransferEvent>();
        int bytes = 0;
        _ = Add(file[
                $"""
                SELECT {SqliteTimerStore.SnapshotColumns} FROM scheduled s JOIN events e ON e.key = s.key
                LEFT JOIN leases l ON l.key = e.key LEFT JOIN dead d ON d.key = e.key
                WHERE s.namespace = ? ORDER BY s.due, s.id LIMIT ?
                """])
            && Add(file[
                $"""
                SELECT {SqliteTimerStore.SnapshotColumns} FROM leases l JOIN events e ON e.key = l.key LEFT JOIN dead d ON d.key = e.key
                WHERE l.namespace = ? ORDER BY l.deadline, l.key LIMIT ?
                """])
            && Add(file[
                $"""
                SELECT {SqliteTimerStore.SnapshotColumns} FROM dead d JOIN events e ON e.key = d.key LEFT JOIN leases l ON l.key = e.key
                WHERE d.namespace = ? ORDER BY d.died, d.id LIMIT ?
                """]);
        return page;

        bool Add(Statement rows)
        {
            using (rows.Set(ns.Id).Set(Limits.MaxBatch))
            {
                while (rows.Step())
                {
                    TransferEvent moved = TransferRules.Pack(SqliteTimerStore.ReadSnapshot(rows, now), now.Ticks, deadline: rows.Long(7));
                    bytes += TransferRules.Weight(moved);
                    if (page.Count == Limits.MaxBatch || (page.Count > 0 && bytes > Limits.MaxBatchBytes)) return false;
                    page.Add(moved);
                }
            }

            return true;
        }
    }
}
