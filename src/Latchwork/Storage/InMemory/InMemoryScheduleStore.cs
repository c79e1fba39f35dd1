namespace Latchwork.Storage.InMemory;

/// <summary>Schedules in memory, in the partitions of the timers.</summary>
internal sealed class InMemoryScheduleStore(InMemoryTimerStore timers) : IScheduleStore
{
    public Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        timers.Run(partition, p => p.Read(ids), cancellationToken);

    public Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        timers.Run(partition, p => p.ListSchedules(cursor, limit), cancellationToken);

    public Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken) =>
        timers.Run(partition, p => p.Write(write), cancellationToken);

    public Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
        timers.Run(partition, p => p.Remove(id, version), cancellationToken);

    public Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken) =>
        timers.Run(partition, p => p.Advance(advances), cancellationToken);

    public Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken) =>
        timers.Run(partition, p => p.Trigger(trigger), cancellationToken);

    public Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken) =>
        timers.Run(partition, p => p.Sweep(cursor, interval), cancellationToken);
}
