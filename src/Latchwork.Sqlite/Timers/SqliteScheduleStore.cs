using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <summary>Schedules on SQLite: what the steps of <see cref="ScheduleSteps"/> do is (a part of) one transaction.</summary>
internal sealed class SqliteScheduleStore(Writer writer, Reader reader, TimeProvider time) : IScheduleStore
{
    public Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        Look(
            partition,
            table => new ScheduleReading(table.Now.ToDateTimeOffset(), [.. ids.Select(id => table.Find(id) is { } record ? ScheduleSteps.Answer(table, record) : null)]),
            now => new ScheduleReading(now, new ScheduleRecord?[ids.Count]),
            cancellationToken);

    public Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Look(
            partition,
            table =>
            {
                List<ScheduleRecord> records = table.After(cursor, limit + 1);
                bool isAll = records.Count <= limit && IsLast(table, records);
                if (records.Count > limit) records.RemoveAt(limit);
                return new SchedulePage(table.Now.ToDateTimeOffset(), records.ConvertAll(record => ScheduleSteps.Answer(table, record)), isAll ? null : records[^1].Id);
            },
            static now => new SchedulePage(now, [], null),
            cancellationToken);

    public Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken)
    {
        ScheduleWrite own = write with { Body = write.Body.ToArray() }; // the caller may write over its array
        return Change(partition, table => ScheduleSteps.Write(table, own), cancellationToken);
    }

    public Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
        Change(partition, table => ScheduleSteps.Remove(table, id, version), cancellationToken);

    public Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken) =>
        Change<IReadOnlyList<AdvanceAnswer>>(partition, table => [.. advances.Select(advance => ScheduleSteps.Advance(table, advance))], cancellationToken);

    public Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken) =>
        Change(partition, table => ScheduleSteps.Trigger(table, trigger), cancellationToken);

    public Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                TimerNamespace ns = scope.Namespace(partition).Unsealed();
                var table = new ScheduleTable(scope.File, ns, ns.Now());
                var strays = new List<ScheduleRecord>();
                var nothing = new ScheduleSweep(ScheduleTable.Count(scope.File, ns), table.Now.ToDateTimeOffset(), strays, null);
                if (nothing.Total == 0 || (cursor is null && !Begins(scope.File, ns, table.Now, interval))) return nothing;
                if (ns.Import.IsUnderWay()) return nothing; // the occurrences are still to come

                List<ScheduleRecord> records = table.After(cursor, ScheduleSweep.MaxLooked);
                foreach (ScheduleRecord record in records)
                {
                    if (ScheduleSteps.IsUnclosed(table, record)) ScheduleSteps.CloseEnded(table, record.Id); // here an end is noted in its own step: only a record that was moved here may be so
                    if (!ScheduleSteps.IsStray(table, record)) continue;
                    strays.Add(ScheduleSteps.Answer(table, table.Find(record.Id)!));
                    if (strays.Count == ScheduleSweep.MaxStrays) return nothing with { Cursor = record.Id };
                }

                return IsLast(table, records) ? nothing : nothing with { Cursor = records[^1].Id };
            },
            isDurable: false,
            cancellationToken);

    // A page may have been cut at its bytes, or at its limit.
    private static bool IsLast(ScheduleTable table, List<ScheduleRecord> records) => records.Count == 0 || table.After(records[^1].Id, 1).Count == 0;

    private static bool Begins(SqliteFile file, TimerNamespace ns, StoreTime now, TimeSpan interval)
    {
        using (Statement row = file["SELECT schedules_swept FROM timer_namespaces WHERE id = ?"].Set(ns.Id))
        {
            if (row.Step() && row.LongOrNull(0) is { } swept && now.Since(swept) < interval) return false;
        }

        file["UPDATE timer_namespaces SET schedules_swept = ? WHERE id = ?"].Set(now.Milliseconds).Set(ns.Id).Run();
        return true;
    }

    private Task<T> Change<T>(TimerPartition partition, Func<ScheduleTable, T> step, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                TimerNamespace ns = scope.Namespace(partition).Unsealed();
                return step(new ScheduleTable(scope.File, ns, ns.Now()));
            },
            isDurable: true,
            cancellationToken);

    private Task<T> Look<T>(TimerPartition partition, Func<ScheduleTable, T> body, Func<DateTimeOffset, T> nothing, CancellationToken cancellationToken) =>
        reader.RunAsync(
            file => TimerNamespace.Find(file, time, partition) is { } ns
                ? body(new ScheduleTable(file, ns.Unsealed(), ns.Now()))
                : nothing(time.GetUtcNow()),
            isDurable: false,
            cancellationToken);
}
