namespace Latchwork.Storage;

/// <summary>Passes every operation on to another store: for stores that do something besides at some of them.</summary>
/// <param name="inner">The other store.</param>
internal abstract class PassingTimerStore(ITimerStore inner) : DelegatingTimerStore
{
    public override IScheduleStore? Schedules => inner.Schedules;

    protected sealed override Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<ITimerStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        call(inner, args, cancellationToken);
}
