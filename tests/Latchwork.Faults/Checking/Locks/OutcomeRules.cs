using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Locks;

/// <summary>Whoever is given an outcome is given one that was published, accepted, and still good when it asked.</summary>
internal sealed class OutcomeRules(KeyFacts facts, RunFacts run, Action<IdHistory, string, string, long> offend)
{
    public void Check()
    {
        ILookup<string, Publication> byValue = facts.Publications.ToLookup(publication => publication.Value);
        foreach (Sight sight in facts.Sights)
        {
            if (sight.Value is LockValue.Null or LockValue.Unreadable) continue; // any run may end like that
            Publication[] sources = [.. byValue[sight.Value].Where(publication => publication.From <= sight.Operation.To)];
            if (sources.Length == 0)
            {
                if (!IsOwnFailure(sight)) Offend(Rules.Invented, sight, "nobody had published it");
            }
            else if (sources.All(publication => publication.IsRejected))
            {
                Offend(Rules.Superseded, sight, $"its publication by fencing token {sources[0].FencingToken} was refused");
            }
            else if (!sight.Waited && sources.All(publication => IsStale(publication, sight)))
            {
                Offend(Rules.Stale, sight, Reason(sources[^1], sight));
            }
        }
    }

    // The policy "the next waiter tries" gives a failure to the caller whose work it was, and publishes nothing.
    private bool IsOwnFailure(Sight sight) =>
        sight.Operation.End!.Ending == Ending.RunFailed
        && facts.History.Lines.Any(line => line.Process == sight.Operation.Process && line.Entry is WorkEnded { Result: not CodeResult.Returned } ended && ended.Value == sight.Value);

    private bool IsStale(Publication publication, Sight sight)
    {
        if (publication.IsOpen || publication.AcceptedAt is not { } accepted || run.MayLose(publication.From, sight.Operation.To)) return false;
        long asked = sight.Operation.From;
        return asked > Add(accepted, publication.FreshFor + run.Slack) || Later(publication, asked) is not null || Forgetting(accepted, asked) is not null;
    }

    private string Reason(Publication publication, Sight sight)
    {
        long asked = sight.Operation.From;
        long accepted = publication.AcceptedAt!.Value;
        if (Later(publication, asked) is { } later) return $"fencing token {later.FencingToken} had published {later.Value} before it asked";
        if (Forgetting(accepted, asked) is not null) return "the key had been forgotten before it asked";
        return $"it asked {(asked - accepted) / 1e3:F1} ms after the publication, which was good for {publication.FreshFor / 1e3:F1} ms";
    }

    private Publication? Later(Publication publication, long asked) =>
        facts.Publications.Find(other => other.FencingToken > publication.FencingToken && other.AcceptedAt < asked && other.From > publication.AcceptedAt);

    private Operation? Forgetting(long accepted, long asked) =>
        facts.Forgettings.Find(forgetting => forgetting.IsAnswered && forgetting.From > accepted && forgetting.To < asked);

    private static long Add(long at, long span) => at > long.MaxValue - span ? long.MaxValue : at + span;

    private void Offend(string rule, Sight sight, string why) => offend(
        facts.History,
        rule,
        $"'{facts.History.Id}': {sight.Operation.Verb} of '{sight.Operation.Process}' was given {sight.Value}, but {why}.",
        sight.Operation.To);
}
