using Latchwork.Cli.Demo.Cast;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Timers;

/// <summary>Compares the demo's books with what the store still has at the end.</summary>
/// <param name="books">The books; everybody has left.</param>
/// <param name="story">Turns timestamps into moments of the act.</param>
/// <param name="victim">The listener that was killed.</param>
/// <param name="dead">The store's dead letters.</param>
/// <param name="left">The ids that the store has yet to deliver.</param>
internal sealed class TimersAudit(TimersBooks books, DemoStory story, ListenerRecord victim, IReadOnlyList<TimerSnapshot> dead, HashSet<string> left)
{
    // The demo measures with the machine's steady clock, the store counts on its wall clock, and the two may drift by this in ten seconds.
    private static readonly TimeSpan _drift = TimeSpan.FromMilliseconds(5);

    private readonly Dictionary<string, TimerSnapshot> _dead = dead.ToDictionary(d => d.Id, StringComparer.Ordinal);
    private readonly List<string> _lost = [];
    private readonly List<string> _twofold = [];
    private int _once;
    private int _retried;
    private int _cancelled;

    public TimersResult Check()
    {
        foreach (DemoEvent e in books.Events) Count(e);
        DemoAttempt[] attempts = [.. books.Events.SelectMany(e => e.Attempts)];
        return new TimersResult
        {
            Posted = books.Posted,
            DeliveredOnce = _once,
            Retried = _retried,
            Dead = dead.Count,
            Cancelled = _cancelled,
            Rescheduled = books.Events.Count(e => e.WasRescheduled),
            Left = left.Count,
            Lost = _lost.Count,
            Victim = victim.Name,
            TakenOver = victim.Orphans.Count,
            Redelivery = Redelivery(),
            DeadByReason = dead.Where(d => d.DeadReason is not null).CountBy(d => d.DeadReason!.Value).ToDictionary(),
            Lateness = new LatenessHistogram([.. attempts.Select(a => a.Begun.LatenessMs)]),
            CalmLateness = new LatenessHistogram([.. attempts.Where(a => !IsUnnoticed(a.Begun.At)).Select(a => a.Begun.LatenessMs)]),
            Claims =
            [
                new("every event that was posted is accounted for, exactly once", [.. _lost, .. _twofold, .. Sum()]),
                new("none came before its time, by the demo's own clock", Early()),
                new("none was confirmed twice, held by two nodes at a time, or changed", [.. books.Events.SelectMany(Deliveries)]),
                new("what was cancelled never came", CameAfterCancel()),
                new("what failed was retried, and what died is kept with its reason and failures", [.. books.Events.SelectMany(Failures)]),
                new(OrphansClaim(), Orphans()),
                new($"all was done within {TimersPlan.GiveUpAt.TotalSeconds:0} s", left.Count == 0 ? [] : [$"the store still holds {left.Count} events"], IsOfTime: true),
            ],
        };
    }

    private void Count(DemoEvent e)
    {
        // Of a confirm that nobody heard the answer to, the store knows more: if it was not done, the event is still there, or came again.
        bool isHandled = e.Confirms > 0 || (!left.Contains(e.Id) && !_dead.ContainsKey(e.Id) && e.Attempts.Exists(a => a.IsUnknown));
        bool isDead = _dead.ContainsKey(e.Id);
        bool isCancelled = e.CancelledAt is not null;
        int ends = (isHandled ? 1 : 0) + (isDead ? 1 : 0) + (isCancelled ? 1 : 0) + (left.Contains(e.Id) ? 1 : 0);
        if (ends == 0) _lost.Add($"{e.Id}: neither handled nor dead nor cancelled");
        else if (ends > 1) _twofold.Add($"{e.Id}: it ended in more than one way");
        else if (isCancelled) _cancelled++;
        else if (isHandled && e.WasRetried) _retried++;
        else if (isHandled) _once++;
    }

    private IEnumerable<string> Sum()
    {
        int ends = _once + _retried + dead.Count + _cancelled + left.Count;
        if (books.Posted != books.Events.Count) yield return $"{books.Events.Count} events were to be posted, {books.Posted} were";
        if (ends != books.Posted) yield return $"{books.Posted} were posted, but {ends} ends were counted";
    }

    private List<string> Early() =>
    [
        .. from e in books.Events
           from attempt in e.Attempts
           let since = story.Time.GetElapsedTime(e.DelayFrom, attempt.Begun.At) - e.MinDelay
           where since < -_drift
           select $"{e.Id}: {Printable.Duration(since.Negate())} early",
    ];

    private static IEnumerable<string> Deliveries(DemoEvent e)
    {
        if (e.Confirms > 1) yield return $"{e.Id}: confirmed {e.Confirms} times";
        DemoAttempt[] attempts = [.. e.Attempts.OrderBy(a => a.Begun.At)];
        for (int i = 0; i < attempts.Length; i++)
        {
            if (!attempts[i].Begun.Payload.AsSpan().SequenceEqual(e.Payload)) yield return $"{e.Id}: the payload was changed";
            if (i == 0) continue;
            if (attempts[i].Begun.At < attempts[i - 1].HeldAt) yield return $"{e.Id}: came to {attempts[i].Listener} while {attempts[i - 1].Listener} held it";
            if (attempts[i].Begun.Retries <= attempts[i - 1].Begun.Retries) yield return $"{e.Id}: a redelivery that is not counted";
        }
    }

    private List<string> CameAfterCancel() =>
        [.. books.Events.Where(e => e.CancelledAt is { } at && e.Attempts.Exists(a => a.Begun.At > at)).Select(e => $"{e.Id}: came although it was cancelled")];

    private IEnumerable<string> Failures(DemoEvent e)
    {
        TimerSnapshot? found = _dead.GetValueOrDefault(e.Id);
        int failed = e.Attempts.Count(a => a.End is AttemptEnd.Failed or AttemptEnd.Rejected);
        // Where a lease ran out besides (a machine that stood still for seconds), the failure of the handler may have come too late.
        bool hasLostLease = e.Attempts.Exists(a => a.End is null or AttemptEnd.Abandoned or AttemptEnd.Refused) || (found is not null && found.Retries + 1 > e.Attempts.Count);
        DeadReason? expected = e.Kind switch
        {
            DemoKind.AlwaysFails => DeadReason.RetriesExhausted,
            DemoKind.Rejected => DeadReason.Rejected,
            _ => null,
        };
        if (!hasLostLease && !left.Contains(e.Id) && found?.DeadReason != expected) yield return $"{e.Id}: expected {Name(expected)}, found {Name(found?.DeadReason)}";
        if (found is not null && (found.Failures.Count == 0 || (!hasLostLease && found.Failures.Count != failed)))
        {
            yield return $"{e.Id}: {failed} failures, {found.Failures.Count} of them kept";
        }

        if (e.Confirms > 0 && e.Attempts.Exists(a => a.End == AttemptEnd.Failed) && !e.WasRetried) yield return $"{e.Id}: failed, but was not retried";
    }

    private static string Name(DeadReason? reason) => reason is { } known ? Names.Of(known) : "alive";

    // An event whose confirm was on its way in the moment of the kill may be done, and need not come again.
    private string OrphansClaim()
    {
        int done = victim.Orphans.Count(id => Heir(books.Find(id)) is null && books.Find(id).Attempts.Exists(a => a.IsUnknown));
        string but = done == 0 ? "" : $", but for {done} whose confirm had just been sent";
        return $"each event that {victim.Name} held when it was killed came to the others{but}";
    }

    private List<string> Orphans()
    {
        var problems = new List<string>();
        if (victim.Orphans.Count == 0) problems.Add("it held nothing, so nothing was shown");
        foreach (string id in victim.Orphans)
        {
            DemoEvent e = books.Find(id);
            if (Heir(e) is null && !left.Contains(id) && !e.Attempts.Exists(a => a.IsUnknown)) problems.Add($"{id}: never came to another listener");
        }

        return problems;
    }

    // The first attempt at another listener that began after the victim's last.
    private DemoAttempt? Heir(DemoEvent e)
    {
        long from = e.Attempts.Where(a => a.Listener == victim.Name).Max(a => a.Begun.At);
        return e.Attempts.Where(a => a.Listener != victim.Name && a.Begun.At > from).MinBy(a => a.Begun.At);
    }

    private Redelivery? Redelivery()
    {
        DemoAttempt[] heirs = [.. victim.Orphans.Select(id => Heir(books.Find(id))).OfType<DemoAttempt>()];
        if (heirs.Length == 0) return null;
        TimeSpan killedAt = story.At(victim.KilledAt!.Value);
        return new Redelivery(
            heirs.Length,
            heirs.Min(a => story.At(a.Begun.At)) - killedAt,
            heirs.Max(a => story.At(a.Begun.At)) - killedAt,
            new LatenessHistogram([.. heirs.Select(a => a.Begun.LatenessMs)]));
    }

    private bool IsUnnoticed(long at)
    {
        TimeSpan since = story.Time.GetElapsedTime(victim.KilledAt!.Value, at);
        return since >= TimeSpan.Zero && since <= TimersPlan.Notice;
    }
}
