using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>Checks the demo's books of the second act, claim by claim.</summary>
internal static class LockerAudit
{
    public static LockerActResult Check(LockerBooks books, LockerNode victim, PublishOutcome late, LaterCalls later)
    {
        KeyRecord taken = books.Of(KeyFate.OwnerDies);
        KeyRecord failed = books.Of(KeyFate.Fails);
        TimeSpan? takeover = taken.Runs.Count > 1 ? taken.Runs[1].At - victim.KilledAt : null;
        return new LockerActResult
        {
            Keys = [.. books.Keys.Select(Summarize)],
            Victim = victim.Name,
            Takeover = takeover,
            Later = later,
            Claims =
            [
                new("each report ran once, however many asked; the one whose owner was killed ran once more, elsewhere", [.. books.Keys.SelectMany(Runs)]),
                new("every call was answered, but for those that died with their node", [.. books.Keys.SelectMany(key => Calls(key, victim))]),
                new("all who asked for a report got the very same bytes", [.. books.Keys.Where(k => k.Fate != KeyFate.Fails).SelectMany(Values)]),
                new("the failure came to all who waited: the original where it was thrown, its kind and message elsewhere", Failures(failed)),
                new("no two nodes believed at the same time that a key was theirs, and fencing tokens only grew", [.. books.Keys.SelectMany(k => k.Problems)]),
                new($"another node took over within the lease of {LockerPlan.Lease.TotalSeconds:0} s + {LockerPlan.Notice.TotalMilliseconds:0} ms", Takeover(takeover)),
                new("what came in late under the dead owner's token was refused", late == PublishOutcome.Superseded ? [] : [$"it was answered with {late}"]),
                new("who asked later got the kept results, and nothing ran again", Later(later)),
            ],
        };
    }

    private static KeyResult Summarize(KeyRecord key) =>
        new(key.Key, key.Fate, [.. key.Runs.Select(run => run.Node)], key.Answers.Count(a => a.Problem is null), key.CutOff);

    private static IEnumerable<string> Runs(KeyRecord key)
    {
        int expected = key.Fate == KeyFate.OwnerDies ? 2 : 1;
        string[] nodes = [.. key.Runs.Select(run => run.Node)];
        if (nodes.Length != expected || nodes.Distinct().Count() != expected) yield return $"{key.Key}: ran {nodes.Length} times, on {string.Join(", ", nodes)}";
    }

    private static IEnumerable<string> Calls(KeyRecord key, LockerNode victim)
    {
        foreach (KeyAnswer answer in key.Answers.Concat(key.LaterAnswers).Where(a => a.Problem is not null)) yield return $"{key.Key} on {answer.Node}: {answer.Problem}";
        int ends = key.Answers.Count + key.CutOff;
        if (ends != LockerPlan.CallsOfKey) yield return $"{key.Key}: {LockerPlan.CallsOfKey} calls, but {ends} ends";
        int expected = key.Fate == KeyFate.OwnerDies ? LockerPlan.Callers : 0;
        if (key.CutOff != expected) yield return $"{key.Key}: {key.CutOff} calls died with {victim.Name}, not {expected}";
    }

    private static IEnumerable<string> Values(KeyRecord key)
    {
        string? expected = key.Runs.Count > 0 ? key.Runs[^1].Value : null;
        return from answer in key.Answers.Concat(key.LaterAnswers)
               where answer.Problem is null && answer.Value != expected
               select $"{key.Key} on {answer.Node}: got '{answer.Value ?? answer.Failure?.Message}', not '{expected}'";
    }

    private static List<string> Failures(KeyRecord key)
    {
        if (key.Runs is not [{ Failure: { } original } run, ..]) return [$"{key.Key}: did not fail"];
        var problems = new List<string>();
        string thrown = $"{original.GetType().Name}: {original.Message}";
        foreach (KeyAnswer answer in key.Answers)
        {
            string? got = answer.Failure is { } failure ? $"{failure.Kind}: {failure.Message}" : answer.Value;
            if (got != thrown) problems.Add($"{key.Key} on {answer.Node}: got '{got}', not '{thrown}'");
            Exception? expected = answer.Node == run.Node ? original : null;
            if (!ReferenceEquals(answer.Failure?.InnerException, expected)) problems.Add($"{key.Key} on {answer.Node}: the original is {(expected is null ? "there" : "missing")}");
        }

        return problems;
    }

    private static List<string> Takeover(TimeSpan? takeover)
    {
        if (takeover is not { } took) return ["nobody took over"];
        return took <= LockerPlan.Lease + LockerPlan.Notice ? [] : [$"it took {Printable.Duration(took)}"];
    }

    private static List<string> Later(LaterCalls later)
    {
        var problems = new List<string>();
        if (later.Runs > 0) problems.Add($"{later.Runs} runs");
        if (later.Answered != later.Asked) problems.Add($"{later.Asked} calls, {later.Answered} answers");
        return problems;
    }
}
