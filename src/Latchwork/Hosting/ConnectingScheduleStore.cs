using Latchwork.Storage;

namespace Latchwork.Hosting;

/// <summary>The operations on schedules of a <see cref="ConnectingStore"/>: passed on immediately when the store is open, else when it is. A store that keeps none has none.</summary>
internal sealed class ConnectingScheduleStore(ConnectingStore owner) : IScheduleStore
{
    public Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        owner.PassAsync(store => Of(store).ReadAsync(partition, ids, cancellationToken), cancellationToken);

    public Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        owner.PassAsync(
            store => store.Timers.Schedules is { } schedules
                ? schedules.ListAsync(partition, cursor, limit, cancellationToken)
                : Task.FromResult(new SchedulePage(DateTimeOffset.UnixEpoch, [], null)),
            cancellationToken);

    public Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken) =>
        owner.PassAsync(store => Of(store).WriteAsync(partition, write, cancellationToken), cancellationToken);

    public Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
        owner.PassAsync(store => Of(store).RemoveAsync(partition, id, version, cancellationToken), cancellationToken);

    public Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken) =>
        owner.PassAsync(store => Of(store).AdvanceAsync(partition, advances, cancellationToken), cancellationToken);

    public Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken) =>
        owner.PassAsync(store => Of(store).TriggerAsync(partition, trigger, cancellationToken), cancellationToken);

    public Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken) =>
        owner.PassAsync(
            store => store.Timers.Schedules is { } schedules
                ? schedules.SweepAsync(partition, cursor, interval, cancellationToken)
                : Task.FromResult(new ScheduleSweep(0, DateTimeOffset.UnixEpoch, [], null)),
            cancellationToken);

    private static IScheduleStore Of(LatchworkStore store) => store.Timers.Schedules ?? throw new LatchworkStoreException(
        $"The store at {store.Description} keeps no schedules.", StoreOutcome.NotApplied);
}
