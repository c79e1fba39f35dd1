using System.Globalization;

namespace Latchwork.Cli.Demo;

/// <summary>A promise, and whether it held.</summary>
/// <param name="Text">The promise.</param>
/// <param name="Problems">What contradicts it; empty if it held.</param>
/// <param name="IsTimed">Whether a machine that stalls can break it.</param>
internal sealed record Promise(string Text, IReadOnlyList<string> Problems, bool IsTimed = false)
{
    public bool Holds => Problems.Count == 0;
}

/// <summary>What came of the timers. <c>Left</c> is what the store has yet to deliver; times after the kill are of the first and last event that went to another node.</summary>
internal sealed record TimerSummary(
    int Posted, int Confirmed, int Cancelled, int DeadLetters, int Left, int Lost, int Deliveries, double LatenessP50Ms, double LatenessP99Ms, double LatenessMaxMs,
    string Killed, int HeldByKilled, double? FirstAfterKillMs, double? LastAfterKillMs, IReadOnlyList<Promise> Promises);

/// <summary>What came of the process locker: who computed, one after the other, and how many callers have the result.</summary>
internal sealed record LockerSummary(string[] Owners, int Answered, string Killed, double? TakeoverMs, IReadOnlyList<Promise> Promises);

/// <summary>Decides from the ledger, and from what the store holds at the end, which promises held.</summary>
internal static class Verdict
{
    // The ledger has the machine's monotonic clock, the store its wall clock. They may drift by this much during the demo.
    private const double DriftMs = 5;

    private static readonly string _bound = $"{DemoPlan.Bound.TotalSeconds:0} s";

    /// <summary>What a run computes: no other run computes the same.</summary>
    public static string ResultOf(long fencingToken) => $"computed under token {fencingToken}";

    /// <param name="ledger">What the nodes reported.</param>
    /// <param name="posted">How many posts the store accepted.</param>
    /// <param name="victim">The node that was killed.</param>
    /// <param name="stored">The events that the store still has.</param>
    public static TimerSummary OfTimers(Ledger ledger, int posted, string victim, IReadOnlyList<TimerSnapshot> stored)
    {
        Dictionary<string, TimerSnapshot> storedById = stored.ToDictionary(s => s.Id, StringComparer.Ordinal);
        ILookup<string, EventRecord> ends = ledger.Events.ToLookup(e => EndOf(e, storedById.GetValueOrDefault(e.Id)));
        HashSet<string> left = [.. ends["left"].Select(e => e.Id)];
        double[] lateness = [.. ledger.Events.SelectMany(e => e.Attempts).Select(a => Math.Round(a.Began.LatenessMs, 1)).Order()];
        IReadOnlyList<(EventRecord Event, Attempt Attempt, Attempt? Heir)> orphans = Orphans(ledger, victim);
        (double First, double Last)? redelivery = Redelivery(ledger, victim);
        Promise[] promises =
        [
            new(
                $"none of {ledger.Events.Count:N0} events is lost: each is confirmed, cancelled or a dead letter",
                [
                    .. Unless(posted == ledger.Events.Count, $"only {posted} were posted"),
                    .. ends["lost"].Select(e => $"{e.Id} is lost"),
                    .. ends["twofold"].Select(e => $"{e.Id} was confirmed or cancelled, and is still in the store"),
                    .. stored.Where(s => s.State == TimerState.DeadLettered && (s.DeadLetterReason is null || s.Failures.Count == 0)).Select(s => $"{s.Id} is a dead letter without a reason"),
                ]),
            new("at most one live lease per event; none early, altered or after cancellation", [.. ledger.Events.SelectMany(e => DeliveryProblems(e, ledger.PostedAt))]),
            new(
                $"every event that {victim} held when it was killed went to another node",
                [
                    .. Unless(orphans.Count > 0, "it held none, so nothing was shown"),
                    .. orphans.Where(o => o.Heir is null && !left.Contains(o.Event.Id)).Select(o => $"{o.Event.Id} went to no other node"),
                ]),
            new(
                $"each delivery within {_bound} of its due time or the end of a dead node's lease",
                [.. ledger.Events.SelectMany(LateDeliveries), .. left.Select(id => $"{id} has not been handled yet")],
                IsTimed: true),
        ];
        return new TimerSummary(
            posted, ends["confirmed"].Count(), ends["cancelled"].Count(), ends["dead"].Count(), left.Count, ends["lost"].Count(), lateness.Length, Percentile(0.50), Percentile(0.99), Percentile(1),
            victim, orphans.Count, redelivery?.First, redelivery?.Last, promises);

        double Percentile(double part) => lateness.Length == 0 ? 0 : lateness[Math.Max(0, (int)Math.Ceiling(part * lateness.Length) - 1)];
    }

    /// <param name="ledger">What the nodes reported.</param>
    /// <param name="living">The nodes that were not killed.</param>
    /// <param name="dying">The run that was killed.</param>
    /// <param name="late">The store's answer to its late result.</param>
    public static LockerSummary OfLocker(Ledger ledger, IReadOnlyList<string> living, Attempt dying, PublishOutcome late)
    {
        double? takeover = TakeoverMs(ledger, dying);
        Promise[] promises =
        [
            new(
                "at most one live lease per key, one result for all, a late one refused",
                [
                    .. RunProblems(ledger.Runs),
                    .. AnswerProblems(ledger, living),
                    .. Unless(late == PublishOutcome.Superseded, $"the late result of {dying.Node} was answered with {late}"),
                ]),
            new(
                $"the key went to another node within {_bound} of the end of the dead node's lease",
                [
                    .. Unless(takeover <= (DemoPlan.KeyLease + DemoPlan.Bound).TotalMilliseconds, takeover is null ? "no node took over" : $"it took {takeover:0} ms from the kill"),
                    .. ledger.Answers.Where(a => a.Report.IsTimeout).Select(a => $"{a.Node}: {a.Report.Problem}"),
                ],
                IsTimed: true),
        ];
        return new LockerSummary([.. ledger.Runs.Select(r => r.Node)], ledger.Answers.Count(a => a.Report.Text is not null), dying.Node, takeover, promises);
    }

    /// <summary>The attempts that the killed node had begun, and for which it had sent nothing yet; each with the first one after it on another node.</summary>
    public static IReadOnlyList<(EventRecord Event, Attempt Attempt, Attempt? Heir)> Orphans(Ledger ledger, string victim) =>
    [
        .. from running in ledger.Running
           where running.Attempt.Node == victim && !running.Attempt.IsDeciding
           select (running.Event, running.Attempt, running.Event.Attempts.Where(a => a.Node != victim && a.Began.At > running.Attempt.Began.At).MinBy(a => a.Began.At)),
    ];

    /// <summary>When, after the kill, the first and the last of them began on another node, in milliseconds; null if none did.</summary>
    public static (double First, double Last)? Redelivery(Ledger ledger, string victim)
    {
        double[] after = [.. Orphans(ledger, victim).Where(o => o.Heir is not null).Select(o => Ms(ledger.KilledAt[victim], o.Heir!.Began.At)).Order()];
        return after.Length == 0 ? null : (after[0], after[^1]);
    }

    /// <summary>How long after the kill the next owner began, in milliseconds; null if there is none.</summary>
    public static double? TakeoverMs(Ledger ledger, Attempt dying) =>
        ledger.Runs.Find(r => r.Began.At > dying.Began.At && r.Node != dying.Node) is { } heir ? Ms(ledger.KilledAt[dying.Node], heir.Began.At) : null;

    // Of a confirmation whose answer nobody saw, the store knows more: had it not been applied, the event would still be there.
    private static string EndOf(EventRecord e, TimerSnapshot? stored) => (IsOver: e.Confirmed > 0 || e.CancelledAt is not null, stored?.State) switch
    {
        (true, not null) => "twofold",
        (true, null) => e.CancelledAt is null ? "confirmed" : "cancelled",
        (_, TimerState.DeadLettered) => "dead",
        (_, not null) => "left",
        _ => e.Attempts.Exists(a => a.IsUnknown) ? "confirmed" : "lost",
    };

    private static IEnumerable<string> DeliveryProblems(EventRecord e, long postedAt)
    {
        if (e.Confirmed > 0 && e.CancelledAt is not null) yield return $"{e.Id} was confirmed although it was cancelled";
        if (e.Confirmed > 1) yield return $"{e.Id} was confirmed {e.Confirmed} times";
        Attempt[] attempts = [.. e.Attempts.OrderBy(a => a.Began.At)];
        foreach ((Attempt first, Attempt second) in attempts.Zip(attempts.Skip(1)))
        {
            if (second.Began.At < first.HeldAt) yield return $"{e.Id} came to {second.Node} while {first.Node} held it";
        }

        foreach (Attempt attempt in attempts)
        {
            double early = e.Delay.TotalMilliseconds - Ms(postedAt, attempt.Began.At);
            if (early > DriftMs) yield return string.Create(CultureInfo.InvariantCulture, $"{e.Id} came {early:0.0} ms early");
            if (attempt.Began.Text != e.Payload) yield return $"{e.Id} came with another payload";
            if (attempt.Began.At > e.CancelledAt) yield return $"{e.Id} came after it was cancelled";
        }
    }

    private static IEnumerable<string> LateDeliveries(EventRecord e) =>
        e.Attempts.Where(a => a.Began.LatenessMs > DemoPlan.Bound.TotalMilliseconds).Select(a => $"{e.Id} came to {a.Node} {a.Began.LatenessMs:0} ms late");

    private static IEnumerable<string> RunProblems(List<Attempt> runs)
    {
        foreach ((Attempt first, Attempt second) in runs.Zip(runs.Skip(1)))
        {
            if (second.FencingToken <= first.FencingToken) yield return $"fencing token {second.FencingToken} came after {first.FencingToken}";
            if (second.Began.At < first.HeldAt) yield return $"{second.Node} began while {first.Node} held the lease";
            if (first.End == AttemptEnd.Accepted) yield return $"{second.Node} computed again what {first.Node} had computed";
        }
    }

    private static IEnumerable<string> AnswerProblems(Ledger ledger, IReadOnlyList<string> living)
    {
        string? expected = ledger.Runs.Count == 0 ? null : ResultOf(ledger.Runs[^1].FencingToken);
        foreach (string node in living)
        {
            int answers = ledger.Answers.Count(a => a.Node == node);
            if (answers != DemoPlan.Callers) yield return $"{DemoPlan.Callers} callers on {node} got {answers} answers";
        }

        foreach ((string node, NodeReport answer) in ledger.Answers.Where(a => !a.Report.IsTimeout && a.Report.Text != expected))
        {
            yield return $"a caller on {node} got '{answer.Text ?? answer.Problem}', not '{expected}'";
        }
    }

    private static string[] Unless(bool holds, string problem) => holds ? [] : [problem];

    private static double Ms(long from, long to) => Math.Round(TimeProvider.System.GetElapsedTime(from, to).TotalMilliseconds, 1);
}
