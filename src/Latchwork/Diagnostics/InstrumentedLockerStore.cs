using Latchwork.Storage;

namespace Latchwork.Diagnostics;

/// <summary>The one place where the operations of a locker store are measured, whatever the store. While nobody listens it only passes them on.</summary>
internal sealed class InstrumentedLockerStore(ILockerStore inner, string kind) : DelegatingLockerStore
{
    public override Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, request), static (s, a, token) => s.RequestAsync(a.key, a.request, token), kind, "request", OnRequested, cancellationToken)
            : inner.RequestAsync(key, request, cancellationToken);

    public override Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, publication), static (s, a, token) => s.PublishAsync(a.key, a.publication, token), kind, "publish", OnPublished, cancellationToken)
            : inner.PublishAsync(key, publication, cancellationToken);

    protected override Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<ILockerStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured ? Instrumented.MeasureAsync(inner, args, call, kind, operation, record: null, cancellationToken) : call(inner, args, cancellationToken);

    private static void OnRequested((LockerKey Key, LockerRequest Request) args, LockerReply reply)
    {
        if (reply is LockGranted { TakenOver: true }) Metrics.Takeovers.Add(1, Names.OfLock(args.Key.Namespace));
    }

    private static void OnPublished((LockerKey Key, LockerPublication Publication) args, PublishOutcome outcome)
    {
        if (outcome == PublishOutcome.Superseded) Metrics.Superseded.Add(1, Names.OfLock(args.Key.Namespace));
    }
}
