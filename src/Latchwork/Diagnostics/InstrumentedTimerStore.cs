using System.Diagnostics;
using Latchwork.Storage;

namespace Latchwork.Diagnostics;

/// <summary>The one place where the operations of a timer store are measured, whatever the store. While nobody listens it only passes them on.</summary>
internal sealed class InstrumentedTimerStore(ITimerStore inner, string kind) : ITimerStore
{
    public IScheduleStore? Schedules { get; } = inner.Schedules is { } schedules ? new InstrumentedScheduleStore(schedules, kind) : null;

    public Task<int> OpenAsync(string ns, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (ns, cancellationToken), static (s, a) => s.OpenAsync(a.ns, a.cancellationToken), kind, "open", null)
            : inner.OpenAsync(ns, cancellationToken);

    public Task<int?> FindAsync(string ns, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (ns, cancellationToken), static (s, a) => s.FindAsync(a.ns, a.cancellationToken), kind, "find", null)
            : inner.FindAsync(ns, cancellationToken);

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, cancellationToken, static (s, a) => s.NamespacesAsync(a), kind, "namespaces", null)
            : inner.NamespacesAsync(cancellationToken);

    public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, entries, cancellationToken), static (s, a) => s.PostAsync(a.partition, a.entries, a.cancellationToken), kind, "post", OnPosted)
            : inner.PostAsync(partition, entries, cancellationToken);

    public Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, request, cancellationToken), static (s, a) => s.ClaimAsync(a.partition, a.request, a.cancellationToken), kind, "claim", OnClaimed)
            : inner.ClaimAsync(partition, request, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, deliveries, completed, cancellationToken), static (s, a) => s.ConfirmAsync(a.partition, a.deliveries, a.completed, a.cancellationToken), kind, "confirm", null)
            : inner.ConfirmAsync(partition, deliveries, completed, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, deliveries, lease, cancellationToken), static (s, a) => s.ExtendAsync(a.partition, a.deliveries, a.lease, a.cancellationToken), kind, "extend", null)
            : inner.ExtendAsync(partition, deliveries, lease, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, deliveries, cancellationToken), static (s, a) => s.ReleaseAsync(a.partition, a.deliveries, a.cancellationToken), kind, "release", null)
            : inner.ReleaseAsync(partition, deliveries, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, failures, deadLetters, cancellationToken), static (s, a) => s.FailAsync(a.partition, a.failures, a.deadLetters, a.cancellationToken), kind, "fail", OnFailed)
            : inner.FailAsync(partition, failures, deadLetters, cancellationToken);

    public Task<TimerSnapshot?> PeekAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, id, cancellationToken), static (s, a) => s.PeekAsync(a.partition, a.id, a.cancellationToken), kind, "peek", null)
            : inner.PeekAsync(partition, id, cancellationToken);

    public Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, id, revoke, cancellationToken), static (s, a) => s.CancelAsync(a.partition, a.id, a.revoke, a.cancellationToken), kind, "cancel", null)
            : inner.CancelAsync(partition, id, revoke, cancellationToken);

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, id, due, cancellationToken), static (s, a) => s.ChangeDelayAsync(a.partition, a.id, a.due, a.cancellationToken), kind, "change_delay", null)
            : inner.ChangeDelayAsync(partition, id, due, cancellationToken);

    public Task<TimerPage> UpcomingAsync(TimerPartition partition, TimeSpan? offset, TimeSpan? duration, string? cursor, int limit, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, offset, duration, cursor, limit, cancellationToken), static (s, a) => s.UpcomingAsync(a.partition, a.offset, a.duration, a.cursor, a.limit, a.cancellationToken), kind, "upcoming", null)
            : inner.UpcomingAsync(partition, offset, duration, cursor, limit, cancellationToken);

    public Task<TimerPage> InFlightAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, cursor, limit, cancellationToken), static (s, a) => s.InFlightAsync(a.partition, a.cursor, a.limit, a.cancellationToken), kind, "in_flight", null)
            : inner.InFlightAsync(partition, cursor, limit, cancellationToken);

    public Task<TimerPage> DeadLettersAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, cursor, limit, cancellationToken), static (s, a) => s.DeadLettersAsync(a.partition, a.cursor, a.limit, a.cancellationToken), kind, "dead", null)
            : inner.DeadLettersAsync(partition, cursor, limit, cancellationToken);

    public Task<TimerPage> CompletedAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, cursor, limit, cancellationToken), static (s, a) => s.CompletedAsync(a.partition, a.cursor, a.limit, a.cancellationToken), kind, "completed", null)
            : inner.CompletedAsync(partition, cursor, limit, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> RequeueAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, Due due, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, keys, due, cancellationToken), static (s, a) => s.RequeueAsync(a.partition, a.keys, a.due, a.cancellationToken), kind, "requeue", null)
            : inner.RequeueAsync(partition, keys, due, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> PurgeAsync(TimerPartition partition, IReadOnlyList<DeadLetterKey> keys, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, keys, cancellationToken), static (s, a) => s.PurgeAsync(a.partition, a.keys, a.cancellationToken), kind, "purge", null)
            : inner.PurgeAsync(partition, keys, cancellationToken);

    public Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, cancellationToken), static (s, a) => s.GetNodesAsync(a.partition, a.cancellationToken), kind, "nodes", null)
            : inner.GetNodesAsync(partition, cancellationToken);

    public Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, cancellationToken), static (s, a) => s.GetStatsAsync(a.partition, a.cancellationToken), kind, "stats", null)
            : inner.GetStatsAsync(partition, cancellationToken);

    public Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, request, cancellationToken), static (s, a) => s.PauseAsync(a.partition, a.request, a.cancellationToken), kind, "pause", null)
            : inner.PauseAsync(partition, request, cancellationToken);

    public Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, cancellationToken), static (s, a) => s.ResumeAsync(a.partition, a.cancellationToken), kind, "resume", null)
            : inner.ResumeAsync(partition, cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (ns, nodeId, notify, cancellationToken), static (s, a) => s.SubscribeAsync(a.ns, a.nodeId, a.notify, a.cancellationToken), kind, "subscribe", null)
            : inner.SubscribeAsync(ns, nodeId, notify, cancellationToken);

    public Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, nodeId, cancellationToken), static (s, a) => s.LeaveAsync(a.partition, a.nodeId, a.cancellationToken), kind, "leave")
            : inner.LeaveAsync(partition, nodeId, cancellationToken);

    private static void OnPosted((TimerPartition Partition, IReadOnlyList<TimerEntry> Entries, CancellationToken) args, IReadOnlyList<PostOutcome> outcomes)
    {
        if (!Metrics.Sent.Enabled) return;
        foreach ((PostOutcome outcome, int count) in outcomes.CountBy(outcome => outcome))
        {
            TagList tags = Names.OfTimer(args.Partition.Namespace, "post");
            tags.Add(Names.Outcome, Names.Of(outcome));
            Metrics.Sent.Add(count, tags);
        }
    }

    private static void OnClaimed((TimerPartition Partition, ClaimRequest Request, CancellationToken) args, TimerClaim claim)
    {
        if (claim.Events.Count > 0) Metrics.Consumed.Add(claim.Events.Count, Names.OfTimer(args.Partition.Namespace, "claim"));
        if (claim.DeadLettered == 0) return;
        TagList tags = Names.OfTimer(args.Partition.Namespace, "claim");
        tags.Add(Names.Reason, Names.Of(DeadLetterReason.LeaseExpired));
        Metrics.DeadLettered.Add(claim.DeadLettered, tags);
    }

    private static void OnFailed(
        (TimerPartition Partition, IReadOnlyList<TimerFailure> Failures, DeadLetterLimits, CancellationToken) args, IReadOnlyList<TimerOutcome> outcomes)
    {
        for (int i = 0; i < outcomes.Count; i++)
        {
            TagList tags = Names.OfTimer(args.Partition.Namespace, "fail");
            if (outcomes[i] == TimerOutcome.Done)
            {
                if (args.Failures[i].IsInterruption) continue; // most of them spend none
                Metrics.Retries.Add(1, tags);
            }
            else if (outcomes[i] == TimerOutcome.DeadLettered)
            {
                tags.Add(Names.Reason, Names.Of(args.Failures[i].Reason));
                Metrics.DeadLettered.Add(1, tags);
            }
        }
    }
}
