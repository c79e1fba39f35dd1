using Latchwork.Storage;

namespace Latchwork.Hosting;

/// <summary>The timer operations of a <see cref="ConnectingStore"/>: passed on immediately when the store is open, else when it is.</summary>
internal sealed class ConnectingTimerStore(ConnectingStore owner) : DelegatingTimerStore
{
    public override IScheduleStore Schedules { get; } = new ConnectingScheduleStore(owner);

    protected override Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<ITimerStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        owner.PassAsync(store => call(store.Timers, args, cancellationToken), cancellationToken);
}
