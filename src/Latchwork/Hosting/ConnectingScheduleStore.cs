using Latchwork.Storage;

namespace Latchwork.Hosting;

/// <summary>The operations on schedules of a <see cref="ConnectingStore"/>: passed on immediately when the store is open, else when it is. A store that keeps none has none.</summary>
internal sealed class ConnectingScheduleStore(ConnectingStore owner) : DelegatingScheduleStore
{
    public override Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        owner.PassAsync(
            store => store.Timers.Schedules is { } schedules
                ? schedules.ListAsync(partition, cursor, limit, cancellationToken)
                : Task.FromResult(new SchedulePage(DateTimeOffset.UnixEpoch, [], null)),
            cancellationToken);

    public override Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken) =>
        owner.PassAsync(
            store => store.Timers.Schedules is { } schedules
                ? schedules.SweepAsync(partition, cursor, interval, cancellationToken)
                : Task.FromResult(new ScheduleSweep(0, DateTimeOffset.UnixEpoch, [], null)),
            cancellationToken);

    protected override Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<IScheduleStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        owner.PassAsync(store => call(Of(store), args, cancellationToken), cancellationToken);

    private static IScheduleStore Of(LatchworkStore store) => store.Timers.Schedules ?? throw new LatchworkStoreException(
        $"The store at {store.Description} keeps no schedules.", StoreOutcome.NotApplied);
}
