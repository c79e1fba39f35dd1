using Latchwork.Storage;

namespace Latchwork.Diagnostics;

/// <summary>The one place where the operations of a locker store are measured, whatever the store. While nobody listens it only passes them on.</summary>
internal sealed class InstrumentedLockerStore(ILockerStore inner, string kind) : ILockerStore
{
    public Task OpenAsync(string ns, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (ns, cancellationToken), static (s, a) => s.OpenAsync(a.ns, a.cancellationToken), kind, "open")
            : inner.OpenAsync(ns, cancellationToken);

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, request, cancellationToken), static (s, a) => s.RequestAsync(a.key, a.request, a.cancellationToken), kind, "request", OnRequested)
            : inner.RequestAsync(key, request, cancellationToken);

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, fencingToken, nonce, lease, cancellationToken), static (s, a) => s.RenewAsync(a.key, a.fencingToken, a.nonce, a.lease, a.cancellationToken), kind, "renew", null)
            : inner.RenewAsync(key, fencingToken, nonce, lease, cancellationToken);

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, publication, cancellationToken), static (s, a) => s.PublishAsync(a.key, a.publication, a.cancellationToken), kind, "publish", OnPublished)
            : inner.PublishAsync(key, publication, cancellationToken);

    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, fencingToken, nonce, cancellationToken), static (s, a) => s.ReleaseAsync(a.key, a.fencingToken, a.nonce, a.cancellationToken), kind, "release", null)
            : inner.ReleaseAsync(key, fencingToken, nonce, cancellationToken);

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, cancellationToken), static (s, a) => s.TryGetAsync(a.key, a.cancellationToken), kind, "try_get", null)
            : inner.TryGetAsync(key, cancellationToken);

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, lockTimeout, cancellationToken), static (s, a) => s.ForgetAsync(a.key, a.lockTimeout, a.cancellationToken), kind, "forget", null)
            : inner.ForgetAsync(key, lockTimeout, cancellationToken);

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, cancellationToken), static (s, a) => s.PeekAsync(a.key, a.cancellationToken), kind, "show", null)
            : inner.PeekAsync(key, cancellationToken);

    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        inner.AddCountsAsync(ns, counts, cancellationToken);

    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (ns, cancellationToken), static (s, a) => s.GetStatsAsync(a.ns, a.cancellationToken), kind, "stats", null)
            : inner.GetStatsAsync(ns, cancellationToken);

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (ns, cursor, limit, cancellationToken), static (s, a) => s.ListAsync(a.ns, a.cursor, a.limit, a.cancellationToken), kind, "list", null)
            : inner.ListAsync(ns, cursor, limit, cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) =>
        Metrics.LockerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (key, onNotified, cancellationToken), static (s, a) => s.SubscribeAsync(a.key, a.onNotified, a.cancellationToken), kind, "subscribe", null)
            : inner.SubscribeAsync(key, onNotified, cancellationToken);

    private static void OnRequested((LockerKey Key, LockerRequest Request, CancellationToken) args, LockerReply reply)
    {
        if (reply is LockGranted { TakenOver: true }) Metrics.Takeovers.Add(1, Names.OfLock(args.Key.Namespace));
    }

    private static void OnPublished((LockerKey Key, LockerPublication Publication, CancellationToken) args, PublishOutcome outcome)
    {
        if (outcome == PublishOutcome.Superseded) Metrics.Superseded.Add(1, Names.OfLock(args.Key.Namespace));
    }
}
