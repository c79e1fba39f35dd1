using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Maintenance;

/// <content>Events.</content>
internal sealed partial class SqliteMaintenance
{
    public Task<IReadOnlyList<TransferEvent>> ReadEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken) =>
        writer.RunAsync<IReadOnlyList<TransferEvent>>(
            scope =>
            {
                var source = new MaintainedTimers(scope, ns);
                MaintenanceSteps.CheckClosedFor(source, moveId);
                var events = new TimerEvents(scope.File, source.Timers);
                var schedules = new ScheduleTable(scope.File, source.Timers, source.Timers.Now());
                foreach (string id in arrived)
                {
                    if (OccurrenceId.IsRecord(id)) schedules.Delete(OccurrenceId.ScheduleOf(id)!);
                    else if (events.Find(id) is { } place) events.Remove(place);
                }

                return Next(scope.File, source.Timers, schedules);
            },
            isDurable: true,
            cancellationToken);

    public Task<IReadOnlyList<ImportOutcome>> WriteEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken) =>
        writer.RunAsync<IReadOnlyList<ImportOutcome>>(
            scope =>
            {
                var target = new MaintainedTimers(scope, ns);
                var table = new TimerEvents(scope.File, target.Timers);
                var schedules = new ScheduleTable(scope.File, target.Timers, target.Timers.Now());
                ImportOutcome[] outcomes = MaintenanceSteps.Judge(
                    target, moveId, events, id => IsInJournal(scope.File, target.Timers.Id, id), id => IsTaken(table, schedules, id));
                if (!outcomes.Contains(ImportOutcome.Conflict)) TakeIn(scope.File, target, table, events, outcomes);
                return outcomes;
            },
            isDurable: true,
            cancellationToken);

    private static void TakeIn(SqliteFile file, MaintainedTimers target, TimerEvents table, IReadOnlyList<TransferEvent> events, ImportOutcome[] outcomes)
    {
        TimerNamespace ns = target.Timers;
        StoreTime now = ns.Now();
        long earliest = long.MaxValue;
        int count = 0;
        for (int i = 0; i < outcomes.Length; i++)
        {
            if (outcomes[i] != ImportOutcome.Imported) continue;
            file["INSERT INTO imported (namespace, id) VALUES (?, ?)"].Set(ns.Id).Set(events[i].Id).Run();
            count++;
            if (OccurrenceId.IsRecord(events[i].Id))
            {
                new ScheduleTable(file, ns, now).Save(MaintenanceRules.Unpack(events[i]));
                continue;
            }

            DueTime due = MaintenanceRules.DueOf(events[i], now);
            table.Import(events[i], due, events[i].DeadLetter is { } deadLetter ? now.From(-deadLetter.Ago) : null, now);
            if (events[i].DeadLetter is null) earliest = Math.Min(earliest, due.At);
        }

        if (count == 0) return;
        MaintenanceSteps.CountImported(target, count);
        if (earliest != long.MaxValue) ns.Wakes.Wake(earliest, now);
    }

    private static bool IsInJournal(SqliteFile file, long ns, string id)
    {
        using Statement row = file["SELECT 1 FROM imported WHERE namespace = ? AND id = ?"].Set(ns).Set(id);
        return row.Step();
    }

    private static bool IsTaken(TimerEvents events, ScheduleTable schedules, string id) =>
        OccurrenceId.IsRecord(id) ? schedules.Find(OccurrenceId.ScheduleOf(id)!) is not null : events.Find(id) is not null;

    /// <summary>The first records of schedules, before all events: so no occurrence is anywhere where its schedule is not.</summary>
    /// <returns>Whether these are all.</returns>
    private static bool AddRecords(TimerEvents events, ScheduleTable schedules, StoreTime now, EventPage page)
    {
        string? after = null;
        while (true)
        {
            List<ScheduleRecord> records = schedules.After(after, Limits.MaxBatch);
            foreach (ScheduleRecord record in records)
            {
                // Their leases have run out, and nothing was attempted: they go as if they had been handed back.
                foreach (string? id in (string?[])[record.ExpectedId, record.QueuedId])
                {
                    if (id is not null && events.Find(id) is { IsInFlight: true } place) events.PutBack(place, now);
                }

                if (!page.TryAdd(MaintenanceRules.Pack(record))) return false;
            }

            if (records.Count == 0) return true;
            after = records[^1].Id;
        }
    }

    /// <summary>The first events, in an order that nothing changes: as the namespace is closed, it is a prefix of what was there at the call before.</summary>
    private static IReadOnlyList<TransferEvent> Next(SqliteFile file, TimerNamespace ns, ScheduleTable schedules)
    {
        StoreTime now = ns.Now();
        var page = new EventPage();
        _ = AddRecords(new TimerEvents(file, ns), schedules, now, page) && Add(file[
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
        return page.Events;

        bool Add(Statement rows)
        {
            using (rows.Set(ns.Id).Set(Limits.MaxBatch))
            {
                while (rows.Step())
                {
                    if (!page.TryAdd(MaintenanceRules.Pack(SqliteTimerStore.ReadSnapshot(rows, now), now, deadline: rows.Long(7)))) return false;
                }
            }

            return true;
        }
    }
}
