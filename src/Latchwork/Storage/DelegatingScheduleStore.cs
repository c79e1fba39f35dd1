namespace Latchwork.Storage;

/// <summary>Passes the operations on schedules on, each through <see cref="PassAsync"/>: for stores that do something around all of them, or besides at some.</summary>
internal abstract class DelegatingScheduleStore : IScheduleStore
{
    public virtual Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        PassAsync("schedule_read", (partition, ids), static (s, a, token) => s.ReadAsync(a.partition, a.ids, token), cancellationToken);

    public virtual Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        PassAsync("schedule_list", (partition, cursor, limit), static (s, a, token) => s.ListAsync(a.partition, a.cursor, a.limit, token), cancellationToken);

    public virtual Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken) =>
        PassAsync("schedule_write", (partition, write), static (s, a, token) => s.WriteAsync(a.partition, a.write, token), cancellationToken);

    public virtual Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
        PassAsync("schedule_remove", (partition, id, version), static (s, a, token) => s.RemoveAsync(a.partition, a.id, a.version, token), cancellationToken);

    public virtual Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken) =>
        PassAsync("schedule_advance", (partition, advances), static (s, a, token) => s.AdvanceAsync(a.partition, a.advances, token), cancellationToken);

    public virtual Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken) =>
        PassAsync("schedule_trigger", (partition, trigger), static (s, a, token) => s.TriggerAsync(a.partition, a.trigger, token), cancellationToken);

    public virtual Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken) =>
        PassAsync("schedule_sweep", (partition, cursor, interval), static (s, a, token) => s.SweepAsync(a.partition, a.cursor, a.interval, token), cancellationToken);

    /// <summary>Passes one operation on.</summary>
    /// <param name="operation">Its name, as in metrics.</param>
    /// <param name="args">Its arguments.</param>
    /// <param name="call">Calls it on a store.</param>
    /// <param name="cancellationToken">The token of the call.</param>
    protected abstract Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<IScheduleStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken);
}
