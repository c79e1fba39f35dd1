using Latchwork.Storage.Rules;

namespace Latchwork.Storage.InMemory;

/// <content>Schedules: their records, and what the steps on them see of the events.</content>
internal sealed partial class InMemoryPartition
{
    private readonly SortedDictionary<string, ScheduleRecord> _schedules = new(Utf8Order.Instance);
    private long _schedulesSwept = long.MinValue;

    public ScheduleReading Read(IReadOnlyList<string> ids)
    {
        lock (_lock)
        {
            var table = new ScheduleTable(this, Now());
            return new ScheduleReading(table.Now.ToDateTimeOffset(), [.. ids.Select(id => table.Find(id) is { } record ? ScheduleSteps.Answer(table, record) : null)]);
        }
    }

    public SchedulePage ListSchedules(string? cursor, int limit)
    {
        lock (_lock)
        {
            var table = new ScheduleTable(this, Now());
            var page = new List<ScheduleRecord>();
            long bytes = 0;
            foreach (ScheduleRecord record in After(cursor))
            {
                bytes += record.Body.Length;
                if (page.Count == limit || (page.Count > 0 && bytes > Limits.MaxBatchBytes)) return new SchedulePage(table.Now.ToDateTimeOffset(), page, page[^1].Id);
                page.Add(ScheduleSteps.Answer(table, record));
            }

            return new SchedulePage(table.Now.ToDateTimeOffset(), page, null);
        }
    }

    public ScheduleSweep Sweep(string? cursor, TimeSpan interval)
    {
        lock (_lock)
        {
            var table = new ScheduleTable(this, Now());
            var strays = new List<ScheduleRecord>();
            var nothing = new ScheduleSweep(_schedules.Count, table.Now.ToDateTimeOffset(), strays, null);
            if (cursor is null)
            {
                if (_schedulesSwept != long.MinValue && table.Now.Since(_schedulesSwept) < interval) return nothing;
                _schedulesSwept = table.Now.Milliseconds;
            }

            ScheduleRecord[] page = [.. After(cursor).Take(ScheduleSweep.MaxLooked)];
            foreach (ScheduleRecord record in page)
            {
                ScheduleSteps.CloseEnded(table, record.Id); // here an end is noted in its own step: only a record that was moved here may be so
                if (ScheduleSteps.IsStray(table, record)) strays.Add(ScheduleSteps.Answer(table, table.Find(record.Id)!));
                if (strays.Count == ScheduleSweep.MaxStrays) return nothing with { Cursor = record.Id };
            }

            return page.Length == ScheduleSweep.MaxLooked ? nothing with { Cursor = page[^1].Id } : nothing;
        }
    }

    public ScheduleWritten Write(ScheduleWrite write) => OnSchedules(table => ScheduleSteps.Write(table, write));

    public ScheduleRemoval Remove(string id, ScheduleVersion? version) => OnSchedules(table => ScheduleSteps.Remove(table, id, version));

    public IReadOnlyList<AdvanceAnswer> Advance(IReadOnlyList<OccurrenceAdvance> advances) =>
        OnSchedules(table => (AdvanceAnswer[])[.. advances.Select(advance => ScheduleSteps.Advance(table, advance))]);

    public TriggerAnswer Trigger(OccurrenceTrigger trigger) => OnSchedules(table => ScheduleSteps.Trigger(table, trigger));

    private T OnSchedules<T>(Func<ScheduleTable, T> step)
    {
        lock (_lock) return step(new ScheduleTable(this, Now()));
    }

    // Where to continue is the last id that was given, whether it is still there or not.
    private IEnumerable<ScheduleRecord> After(string? cursor) =>
        cursor is null ? _schedules.Values : _schedules.Where(one => Utf8Order.Instance.Compare(one.Key, cursor) > 0).Select(one => one.Value);

    /// <summary>An event has ended: noted, if it is an occurrence.</summary>
    private void OccurrenceEnded(string id, OccurrenceOutcome outcome, StoreTime now)
    {
        if (_schedules.Count > 0) ScheduleSteps.Ended(new ScheduleTable(this, now), id, outcome);
    }

    private bool HasNotBegun(string id, StoreTime now) => _schedules.Count > 0 && ScheduleSteps.HasNotBegun(new ScheduleTable(this, now), id);

    /// <summary>The records and events, as long as the partition's lock is held.</summary>
    private sealed class ScheduleTable(InMemoryPartition partition, StoreTime now) : IScheduleTable
    {
        public StoreTime Now => now;

        public ScheduleRecord? Find(string schedule) => partition._schedules.GetValueOrDefault(schedule);

        public void Save(ScheduleRecord record) => partition._schedules[record.Id] = record;

        public void Delete(string schedule) => partition._schedules.Remove(schedule);

        public OccurrencePlace? PlaceOf(string id) =>
            partition._events.TryGet(id, out StoredEvent? stored) ? new OccurrencePlace(stored.State, stored.Due, stored.Lease?.Token) : null;

        public void Post(TimerEntry entry, DueTime due)
        {
            partition.Post(new StoredEvent(entry), due, IfExists.Replace, now);
            partition.WakeFor(due.At, now);
        }

        public void Remove(string id)
        {
            partition.Remove(partition._events[id]);
            partition.Tally(TimerCounter.Cancelled, now);
        }

        public void Schedule(string id, long due)
        {
            partition._events.Schedule(partition._events[id], new DueTime(due, null));
            partition.WakeFor(due, now);
        }

        public void SetHeaders(string id, IReadOnlyDictionary<string, string> headers) =>
            partition._events[id].Headers = new Dictionary<string, string>(headers);
    }
}
