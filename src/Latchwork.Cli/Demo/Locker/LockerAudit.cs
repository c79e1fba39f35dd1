using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>Checks the demo's books of the second act, claim by claim.</summary>
/// <param name="books">The books; everybody has left.</param>
/// <param name="story">Turns timestamps into moments of the act.</param>
/// <param name="victim">The node that was killed.</param>
/// <param name="dying">The run that it was killed in.</param>
/// <param name="late">The answer to its late result.</param>
/// <param name="later">What became of those who asked later.</param>
internal sealed class LockerAudit(LockerBooks books, DemoStory story, NodeRecord victim, KeyRun dying, PublishOutcome late, LaterCalls later)
{
    private readonly KeyRecord _taken = books.Of(KeyFate.OwnerDies);

    public LockerActResult Check()
    {
        TimeSpan? takeover = _taken.Runs.Find(r => r.Token > dying.Token) is { } heir ? story.At(heir.Begun.At) - story.At(victim.KilledAt!.Value) : null;
        string lease = $"{LockerPlan.Lease.TotalSeconds:0} s + {LockerPlan.Notice.TotalMilliseconds:0} ms";
        return new LockerActResult
        {
            Keys = [.. books.Keys.Select(Summarize)],
            Victim = victim.Name,
            Takeover = takeover,
            Later = later,
            Claims =
            [
                new(RunsClaim(), [.. books.Keys.SelectMany(Runs)]),
                new("every call was answered, but for those that died with their node", [.. books.Keys.SelectMany(Calls)]),
                new("all who asked for a report got the very same bytes", [.. books.Keys.Where(k => k.Fate != KeyFate.Fails).SelectMany(Values)]),
                new("the failure came to all who waited: the original where it was thrown, its kind and message elsewhere", [.. Failures(books.Of(KeyFate.Fails))]),
                new("no two nodes believed at the same time that a key was theirs, and fencing tokens only grew", [.. books.Keys.SelectMany(Owners)]),
                new("what came in late under the dead owner's token was refused", late == PublishOutcome.Superseded ? [] : [$"it was answered with {late}"]),
                new("who asked later got the kept results, and nothing ran again", Later()),
                new($"another node took over within the lease of {lease}", Takeover(takeover), IsOfTime: true),
                new($"no call waited longer than {LockerPlan.Patience.TotalSeconds:0} s", [.. books.Keys.SelectMany(TimeOuts)], IsOfTime: true),
            ],
        };
    }

    private KeyResult Summarize(KeyRecord key) =>
        new(key.Key, key.Fate, [.. key.Runs.Select(run => run.Node)], key.Round(1).Count(a => a.Call.Problem is null), CutOff(key));

    private int CutOff(KeyRecord key) => LockerPlan.Callers - key.Round(1).Count(a => a.Node == victim.Name);

    private string RunsClaim()
    {
        int repeated = books.Keys.Sum(key => Repeated(key).Count());
        const string Text = "each report ran once, however many asked; the one whose owner was killed ran once more, elsewhere";
        return repeated == 0 ? Text : $"{Text}; {repeated} more because this machine stood still for longer than a lease, or a caller, lasts";
    }

    // Runs that another had to follow, with nothing wrong: their lease was lost, all their callers had waited for too long, or nobody heard of
    // their failure while it was handed over.
    private IEnumerable<KeyRun> Repeated(KeyRecord key) => key.Runs.Zip(key.Runs.Skip(1)).Where(pair => pair.First.Ended switch
    {
        null => false,
        { LostLease: true } => true,
        { WasStopped: true } => TimeOuts(key).Any(),
        var ended => key.Fate == KeyFate.Fails && story.Time.GetElapsedTime(ended.At, pair.Second.Begun.At) >= LockerPlan.HandOver,
    }).Select(pair => pair.First);

    private IEnumerable<string> Runs(KeyRecord key)
    {
        string[] nodes = [.. key.Runs.Select(run => run.Node)];
        int expected = (key == _taken ? 2 : 1) + Repeated(key).Count();
        if (nodes.Length != expected) yield return $"{key.Key}: ran {nodes.Length} times, on {string.Join(", ", nodes)}";
        if (key == _taken && key.Runs.Exists(r => r.Token > dying.Token && r.Node == victim.Name)) yield return $"{key.Key}: ran on {victim.Name}, which was dead";
    }

    private IEnumerable<string> Calls(KeyRecord key)
    {
        foreach (KeyAnswer answer in key.Answers.Where(a => a.Call is { Problem: not null, TimedOut: false })) yield return $"{key.Key} on {answer.Node}: {answer.Call.Problem}";
        foreach (NodeRecord node in books.Nodes)
        {
            int answers = key.Round(1).Count(a => a.Node == node.Name);
            if (answers > LockerPlan.Callers || (node != victim && answers < LockerPlan.Callers)) yield return $"{key.Key}: {answers} answers on {node.Name}, to {LockerPlan.Callers} calls";
        }

        // Nobody was answered for the key whose owner was killed, except those who had waited too long.
        int expected = key == _taken ? LockerPlan.Callers - key.Round(1).Count(a => a.Node == victim.Name && a.Call.TimedOut) : 0;
        if (CutOff(key) != expected) yield return $"{key.Key}: {CutOff(key)} calls died with {victim.Name}, not {expected}";
    }

    private static IEnumerable<string> TimeOuts(KeyRecord key) =>
        key.Answers.Where(a => a.Call.TimedOut).Select(a => $"{key.Key} on {a.Node}: {a.Call.Problem}");

    private static IEnumerable<string> Values(KeyRecord key)
    {
        string? expected = key.Runs.Count > 0 ? key.Runs[^1].Value : null;
        return from answer in key.Answers
               where answer.Call.Problem is null && answer.Call.Value != expected
               select $"{key.Key} on {answer.Node}: got '{answer.Call.Value ?? answer.Call.Failure}', not '{expected}'";
    }

    private static IEnumerable<string> Failures(KeyRecord key)
    {
        if (!key.Runs.Exists(run => run.Ended?.Failure is not null)) yield return $"{key.Key}: did not fail";
        foreach (KeyAnswer answer in key.Answers.Where(a => a.Call.Problem is null))
        {
            KeyRun? run = key.Runs.Find(r => r.Ended?.Failure is { } thrown && thrown == answer.Call.Failure);
            if (run is null) yield return $"{key.Key} on {answer.Node}: got '{answer.Call.Failure ?? answer.Call.Value}', which nobody threw";
            else if (answer.Call.IsOriginal != (answer.Node == run.Node ? true : null)) yield return $"{key.Key} on {answer.Node}: the original is {(answer.Node == run.Node ? "missing" : "there")}";
        }
    }

    private static IEnumerable<string> Owners(KeyRecord key)
    {
        foreach (string problem in key.Problems) yield return problem;
        foreach ((KeyRun first, KeyRun second) in key.Runs.Zip(key.Runs.Skip(1)))
        {
            if (second.Begun.At < first.HeldAt) yield return $"{key.Key}: {second.Node} began while {first.Node} still believed that it was its own";
        }
    }

    private static List<string> Takeover(TimeSpan? takeover)
    {
        if (takeover is not { } took) return ["nobody took over"];
        return took <= LockerPlan.Lease + LockerPlan.Notice ? [] : [$"it took {Printable.Duration(took)}"];
    }

    private List<string> Later()
    {
        var problems = new List<string>();
        foreach (KeyRecord key in books.Keys.Where(k => k.Fate != KeyFate.Fails))
        {
            HashSet<KeyRun> repeated = [.. Repeated(key)];
            int first = key.Runs.FindIndex(run => run.Begun.At >= later.From);
            // What had no result has nothing to keep.
            if (first == 0 || (first > 0 && !repeated.Contains(key.Runs[first - 1]))) problems.Add($"{key.Key}: ran again");
        }

        if (later.Answered != later.Asked) problems.Add($"{later.Asked} calls, {later.Answered} answers");
        return problems;
    }
}
