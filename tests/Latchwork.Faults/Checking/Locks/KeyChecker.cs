using System.Globalization;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Locks;

/// <summary>Checks one key of the process locker.</summary>
internal sealed class KeyChecker(RunFacts run, CheckOptions options, CheckReport report, long begin)
{
    public void Check(IdHistory history)
    {
        report.Ids++;
        var facts = new KeyFacts(history, run);
        report.Grants += facts.Grants.Count;
        CheckOwners(facts);
        CheckFencing(facts);
        CheckSuperseded(facts);
        CheckWork(facts);
        CheckNamespace(facts);
        new WorkRules(facts, run, Offend).Check();
        new OutcomeRules(facts, run, Offend).Check();
        new WaitRules(facts, run, options, Offend).Check();
    }

    // Never two who may believe at one time.
    private void CheckOwners(KeyFacts facts)
    {
        Grant[] grants = [.. facts.Grants.Values.Where(grant => grant.Begin < grant.End).OrderBy(grant => grant.Begin)];
        Grant? longest = null;
        foreach (Grant grant in grants)
        {
            if (longest is not null && grant.Begin + run.Slack < Math.Min(longest.End, grant.End))
            {
                if (run.MayLose(longest.From, grant.Begin))
                {
                    report.OverlapsInLossWindows++;
                }
                else
                {
                    Offend(
                        facts.History,
                        Rules.Overlap,
                        $"'{facts.History.Id}': '{grant.Process}' was told at {Time(grant.Begin)} that it owns the key (fencing token {grant.FencingToken}), while '{longest.Process}' (fencing token {longest.FencingToken}) believed so until {Time(longest.End)}.",
                        grant.Begin);
                }
            }

            if (longest is null || grant.End > longest.End) longest = grant;
        }
    }

    private void CheckFencing(KeyFacts facts)
    {
        Grant[] byEnd = [.. facts.Grants.Values.OrderBy(grant => grant.Begin)];
        Grant[] byStart = [.. facts.Grants.Values.OrderBy(grant => grant.From)];
        var fencingTokens = new Dictionary<long, Grant>();
        Grant? highest = null;
        int next = 0;
        foreach (Grant grant in byStart)
        {
            for (; next < byEnd.Length && byEnd[next].Begin < grant.From; next++)
            {
                if (highest is null || byEnd[next].FencingToken > highest.FencingToken) highest = byEnd[next];
            }

            if (highest is not null && grant.FencingToken <= highest.FencingToken)
            {
                Offend(
                    facts.History,
                    Rules.Fencing,
                    $"'{facts.History.Id}': the grant asked for at {Time(grant.From)} has fencing token {grant.FencingToken}; {highest.FencingToken} had been granted at {Time(highest.Begin)}.",
                    grant.Begin);
            }
            else if (!fencingTokens.TryAdd(grant.FencingToken, grant))
            {
                Offend(facts.History, Rules.Fencing, $"'{facts.History.Id}': fencing token {grant.FencingToken} was granted twice.", grant.Begin);
            }
        }
    }

    // What an overtaken owner asks for is refused.
    private void CheckSuperseded(KeyFacts facts)
    {
        foreach (Publication publication in facts.Publications)
        {
            if (publication.AcceptedAt is { } accepted && Overtaken(facts, publication.FencingToken, publication.From, accepted) is { } by)
            {
                Offend(facts.History, Rules.Superseded, $"'{facts.History.Id}': a publication of fencing token {publication.FencingToken}, sent at {Time(publication.From)}, was accepted, though {by}.", accepted);
            }
        }

        foreach (Operation renewal in facts.History.Operations)
        {
            if (renewal.Verb != Verb.LockRenew || renewal.Outcome != "True" || renewal.Start.FencingToken is not { } fencingToken) continue;
            if (Overtaken(facts, fencingToken, renewal.From, renewal.To) is { } by)
            {
                Offend(facts.History, Rules.Superseded, $"'{facts.History.Id}': a renewal of fencing token {fencingToken}, sent at {Time(renewal.From)}, was accepted, though {by}.", renewal.To);
            }
        }
    }

    private string? Overtaken(KeyFacts facts, long fencingToken, long from, long to)
    {
        foreach (Grant other in facts.Grants.Values)
        {
            if (other.FencingToken > fencingToken && other.Begin < from && !run.MayLose(other.From, to))
            {
                return $"fencing token {other.FencingToken} had been granted at {Time(other.Begin)}";
            }
        }

        Grant? own = facts.Grants.Values.FirstOrDefault(grant => grant.FencingToken == fencingToken);
        foreach (Operation forgetting in facts.Forgettings)
        {
            if (own is not null && forgetting.IsAnswered && forgetting.From > own.Begin && forgetting.To < from && !run.MayLose(forgetting.From, to))
            {
                return $"the key had been forgotten at {Time(forgetting.To)}";
            }
        }

        return null;
    }

    // What is in use is listed, also after the server came back empty: or whoever moves all namespaces leaves this one out.
    private void CheckNamespace(KeyFacts facts)
    {
        if (run.Namespaces is not { } namespaces || namespaces.Locks.Contains(facts.History.Ns)) return;
        if (facts.Grants.Values.LastOrDefault(grant => run.IsSettledAt(grant.From, options.RegistrationGrace)) is not { } used) return;
        Offend(facts.History, Rules.Unregistered, $"'{facts.History.Id}' was locked at {Time(used.Begin)}, and the store does not list the namespace '{facts.History.Ns}' of locks at the end.", used.Begin);
    }

    private void CheckWork(KeyFacts facts)
    {
        var begun = new HashSet<long>();
        foreach ((string process, HistoryEntry entry) in facts.History.Lines)
        {
            switch (entry)
            {
                case WorkStarted work:
                    if (!begun.Add(work.FencingToken)) Offend(facts.History, Rules.Handler, $"'{facts.History.Id}': work for fencing token {work.FencingToken} was begun twice.", work.At);
                    CheckLocalLease(facts, process, work.FencingToken, work.At, work.LeaseLeft);
                    break;
                case WorkLocalLease localLease:
                    CheckLocalLease(facts, process, localLease.FencingToken, localLease.At, localLease.LeaseLeft);
                    break;
            }
        }
    }

    private void CheckLocalLease(KeyFacts facts, string process, long fencingToken, long at, long left)
    {
        long? end = null;
        foreach (Operation o in facts.History.Operations)
        {
            if (o.From > at) break;
            if (o.Process != process) continue;
            bool grants = o.Verb == Verb.LockRequest && o.Outcome == "Granted" && o.End!.FencingToken == fencingToken;
            bool renews = o.Verb == Verb.LockRenew && o.Outcome == "True" && o.Start.FencingToken == fencingToken;
            if (grants || renews) end = Math.Max(end ?? 0, o.From + (o.Start.Lease ?? 0));
        }

        if (end is null)
        {
            Offend(facts.History, Rules.Handler, $"'{facts.History.Id}': '{process}' works with fencing token {fencingToken}, which it was not granted.", at);
        }
        else if (left > 0 && at + left > end + run.Slack)
        {
            Offend(facts.History, Rules.LocalLease, $"'{facts.History.Id}': '{process}' (fencing token {fencingToken}) believed for {left / 1e3:F1} ms more, {(at + left - end.Value) / 1e3:F1} ms longer than was granted.", at);
        }
    }

    private void Offend(IdHistory history, string rule, string sentence, long at) =>
        report.Add(new Violation(rule, history.Ns, history.Id, sentence, history.Excerpt(at, begin)), options.MaxViolations);

    private string Time(long at) => ((at - begin) / 1e6).ToString("F6", CultureInfo.InvariantCulture) + " s";
}
