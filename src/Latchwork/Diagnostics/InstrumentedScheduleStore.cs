using Latchwork.Storage;

namespace Latchwork.Diagnostics;

/// <summary>The one place where the operations on schedules are measured, whatever the store. While nobody listens it only passes them on.</summary>
internal sealed class InstrumentedScheduleStore(IScheduleStore inner, string kind) : DelegatingScheduleStore
{
    protected override Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<IScheduleStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured ? Instrumented.MeasureAsync(inner, args, call, kind, operation, record: null, cancellationToken) : call(inner, args, cancellationToken);
}
