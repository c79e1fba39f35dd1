using Latchwork.Storage;

namespace Latchwork.Diagnostics;

/// <summary>The one place where the operations on schedules are measured, whatever the store. While nobody listens it only passes them on.</summary>
internal sealed class InstrumentedScheduleStore(IScheduleStore inner, string kind) : IScheduleStore
{
    public Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, ids, cancellationToken), static (s, a) => s.ReadAsync(a.partition, a.ids, a.cancellationToken), kind, "schedule_read", null)
            : inner.ReadAsync(partition, ids, cancellationToken);

    public Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, cursor, limit, cancellationToken), static (s, a) => s.ListAsync(a.partition, a.cursor, a.limit, a.cancellationToken), kind, "schedule_list", null)
            : inner.ListAsync(partition, cursor, limit, cancellationToken);

    public Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, write, cancellationToken), static (s, a) => s.WriteAsync(a.partition, a.write, a.cancellationToken), kind, "schedule_write", null)
            : inner.WriteAsync(partition, write, cancellationToken);

    public Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, id, version, cancellationToken), static (s, a) => s.RemoveAsync(a.partition, a.id, a.version, a.cancellationToken), kind, "schedule_remove", null)
            : inner.RemoveAsync(partition, id, version, cancellationToken);

    public Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, advances, cancellationToken), static (s, a) => s.AdvanceAsync(a.partition, a.advances, a.cancellationToken), kind, "schedule_advance", null)
            : inner.AdvanceAsync(partition, advances, cancellationToken);

    public Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, trigger, cancellationToken), static (s, a) => s.TriggerAsync(a.partition, a.trigger, a.cancellationToken), kind, "schedule_trigger", null)
            : inner.TriggerAsync(partition, trigger, cancellationToken);

    public Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, cursor, interval, cancellationToken), static (s, a) => s.SweepAsync(a.partition, a.cursor, a.interval, a.cancellationToken), kind, "schedule_sweep", null)
            : inner.SweepAsync(partition, cursor, interval, cancellationToken);
}
