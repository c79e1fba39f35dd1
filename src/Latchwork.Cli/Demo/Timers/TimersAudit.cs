using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>Compares the demo's books with the store's dead letters, claim by claim.</summary>
internal static class TimersAudit
{
    // The demo measures with the machine's steady clock, the store counts on its wall clock, and the two may drift by this in ten seconds.
    private static readonly TimeSpan _drift = TimeSpan.FromMilliseconds(5);

    public static TimersResult Check(DemoLedger ledger, IReadOnlyList<TimerSnapshot> dead, DemoListener victim, bool inTime)
    {
        Dictionary<string, TimerSnapshot> deadById = dead.ToDictionary(d => d.Id, StringComparer.Ordinal);
        int once = 0, retried = 0, cancelled = 0;
        var lost = new List<string>();
        var twofold = new List<string>();
        foreach (DemoEvent e in ledger.Events)
        {
            bool isDead = deadById.ContainsKey(e.Id);
            bool isCancelled = e.CancelledAt is not null;
            int ends = (e.IsHandled ? 1 : 0) + (isDead ? 1 : 0) + (isCancelled ? 1 : 0);
            if (ends == 0) lost.Add($"{e.Id}: neither handled nor dead nor cancelled");
            else if (ends > 1) twofold.Add($"{e.Id}: it ended in more than one way");
            else if (isCancelled) cancelled++;
            else if (e.IsHandled && e.Attempts.Count > 1) retried++;
            else if (e.IsHandled) once++;
        }

        return new TimersResult
        {
            Posted = ledger.Posted,
            DeliveredOnce = once,
            Retried = retried,
            Dead = dead.Count,
            Cancelled = cancelled,
            Rescheduled = ledger.Events.Count(e => e.WasRescheduled),
            Lost = lost.Count,
            Victim = victim.Name,
            TakenOver = victim.Orphans!.Count,
            DeadByReason = dead.Where(d => d.DeadReason is not null).CountBy(d => d.DeadReason!.Value).ToDictionary(),
            Lateness = new LatenessHistogram([.. ledger.Lateness.Select(l => l.Milliseconds)]),
            CalmLateness = new LatenessHistogram([.. ledger.Lateness.Where(l => !IsUnnoticed(l.At, victim)).Select(l => l.Milliseconds)]),
            Claims =
            [
                new("every event that was posted is accounted for, exactly once", [.. lost, .. twofold, .. Sum(ledger, once + retried + dead.Count + cancelled)]),
                new("none came before its time, by the demo's own clock", Early(ledger)),
                new("none was confirmed twice, held by two nodes at a time, or changed", [.. ledger.Events.SelectMany(e => e.Problems)]),
                new("what was cancelled never came", CameAfterCancel(ledger)),
                new("what failed was retried, and what died is kept with its reason and failures", Deaths(ledger, deadById)),
                new($"all that {victim.Name} held when it was killed came to the others", Orphans(ledger, victim)),
                new($"all was done within {TimersPlan.GiveUpAt.TotalSeconds:0} s", inTime ? [] : ["the store still holds events"]),
            ],
        };
    }

    private static bool IsUnnoticed(TimeSpan at, DemoListener victim) => at >= victim.KilledAt && at <= victim.KilledAt + TimersPlan.Notice;

    private static IEnumerable<string> Sum(DemoLedger ledger, int ends)
    {
        if (ledger.Posted != ledger.Events.Count) yield return $"{ledger.Events.Count} events were to be posted, {ledger.Posted} were";
        if (ends != ledger.Posted) yield return $"{ledger.Posted} were posted, but {ends} ends were counted";
    }

    private static List<string> Early(DemoLedger ledger) =>
    [
        .. from e in ledger.Events
           from attempt in e.Attempts
           let since = ledger.Since(e, attempt)
           where since < -_drift
           select $"{e.Id}: {Printable.Duration(since.Negate())} early",
    ];

    private static List<string> CameAfterCancel(DemoLedger ledger) =>
    [
        .. ledger.Events
            .Where(e => e.CancelledAt is { } at && e.Attempts.Any(a => a.At > at))
            .Select(e => $"{e.Id}: came although it was cancelled"),
    ];

    private static List<string> Deaths(DemoLedger ledger, Dictionary<string, TimerSnapshot> dead)
    {
        var problems = new List<string>();
        foreach (DemoEvent e in ledger.Events)
        {
            DeadReason? expected = e.Kind switch
            {
                DemoKind.AlwaysFails => DeadReason.RetriesExhausted,
                DemoKind.Rejected => DeadReason.Rejected,
                _ => null,
            };
            TimerSnapshot? found = dead.GetValueOrDefault(e.Id);
            if (found?.DeadReason != expected) problems.Add($"{e.Id}: expected {Name(expected)}, found {Name(found?.DeadReason)}");
            if (found is not null && found.Failures.Count != e.Attempts.Count) problems.Add($"{e.Id}: {e.Attempts.Count} attempts, {found.Failures.Count} failures kept");
            if (e.Kind == DemoKind.FailsOnce && e.IsHandled && e.Attempts.Count < 2) problems.Add($"{e.Id}: failed, but was not retried");
        }

        return problems;
    }

    private static string Name(DeadReason? reason) => reason is { } known ? Names.Of(known) : "alive";

    private static List<string> Orphans(DemoLedger ledger, DemoListener victim)
    {
        var problems = new List<string>();
        if (victim.Orphans!.Count == 0) problems.Add("it held nothing, so nothing was shown");
        foreach (string id in victim.Orphans!)
        {
            DemoEvent e = ledger.Find(id);
            bool elsewhere = e.Attempts.Any(a => a.Listener != victim.Name);
            // An event whose confirm was answered or on its way in the moment of the kill need not come again.
            if (!elsewhere && !e.IsHandled) problems.Add($"{id}: never came to another listener");
        }

        return problems;
    }
}
