using System.Diagnostics;
using Latchwork.Storage;

namespace Latchwork.Diagnostics;

/// <summary>The one place where the operations of a timer store are measured, whatever the store. While nobody listens it only passes them on.</summary>
internal sealed class InstrumentedTimerStore(ITimerStore inner, string kind) : DelegatingTimerStore
{
    public override IScheduleStore? Schedules { get; } = inner.Schedules is { } schedules ? new InstrumentedScheduleStore(schedules, kind) : null;

    public override Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, entries), static (s, a, token) => s.PostAsync(a.partition, a.entries, token), kind, "post", OnPosted, cancellationToken)
            : inner.PostAsync(partition, entries, cancellationToken);

    public override Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, request), static (s, a, token) => s.ClaimAsync(a.partition, a.request, token), kind, "claim", OnClaimed, cancellationToken)
            : inner.ClaimAsync(partition, request, cancellationToken);

    public override Task<IReadOnlyList<TimerOutcome>> FailAsync(TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured
            ? Instrumented.MeasureAsync(inner, (partition, failures, deadLetters), static (s, a, token) => s.FailAsync(a.partition, a.failures, a.deadLetters, token), kind, "fail", OnFailed, cancellationToken)
            : inner.FailAsync(partition, failures, deadLetters, cancellationToken);

    protected override Task<T> PassAsync<TArgs, T>(string operation, TArgs args, Func<ITimerStore, TArgs, CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        Metrics.TimerStoreIsMeasured ? Instrumented.MeasureAsync(inner, args, call, kind, operation, record: null, cancellationToken) : call(inner, args, cancellationToken);

    private static void OnPosted((TimerPartition Partition, IReadOnlyList<TimerEntry> Entries) args, IReadOnlyList<PostOutcome> outcomes)
    {
        if (!Metrics.Sent.Enabled) return;
        foreach ((PostOutcome outcome, int count) in outcomes.CountBy(outcome => outcome))
        {
            TagList tags = Names.OfTimer(args.Partition.Namespace, "post");
            tags.Add(Names.Outcome, Names.Of(outcome));
            Metrics.Sent.Add(count, tags);
        }
    }

    private static void OnClaimed((TimerPartition Partition, ClaimRequest Request) args, TimerClaim claim)
    {
        if (claim.Events.Count > 0) Metrics.Consumed.Add(claim.Events.Count, Names.OfTimer(args.Partition.Namespace, "claim"));
        if (claim.DeadLettered == 0) return;
        TagList tags = Names.OfTimer(args.Partition.Namespace, "claim");
        tags.Add(Names.Reason, Names.Of(DeadLetterReason.LeaseExpired));
        Metrics.DeadLettered.Add(claim.DeadLettered, tags);
    }

    private static void OnFailed(
        (TimerPartition Partition, IReadOnlyList<TimerFailure> Failures, DeadLetterLimits) args, IReadOnlyList<TimerOutcome> outcomes)
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
