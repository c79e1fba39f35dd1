using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Locks;

/// <summary>A factory runs while its key is its own: it does not begin when that is over, and nobody frees the key while it still runs.</summary>
internal sealed class WorkRules(KeyFacts facts, RunFacts run, CheckOptions options, Action<IdHistory, string, string, long> offend)
{
    public void Check()
    {
        ILookup<(string, long), long> ends = facts.History.Lines.Where(line => line.Entry is WorkEnded)
            .ToLookup(line => (line.Process, ((WorkEnded)line.Entry).FencingToken), line => line.Entry.At);
        foreach ((string process, HistoryEntry entry) in facts.History.Lines)
        {
            if (entry is not WorkStarted { IsFactory: true } work) continue;
            CheckBegin(process, work);
            CheckEnd(process, work, ends[(process, work.FencingToken)].DefaultIfEmpty(run.EndOf(process)).First());
        }
    }

    private void CheckBegin(string process, WorkStarted work)
    {
        long end = 0;
        foreach (Operation o in facts.History.Operations)
        {
            if (o.From > work.At || o.Process != process) continue;
            bool isGrant = o.Verb == Verb.LockRequest && o.Outcome == "Granted" && o.End!.FencingToken == work.FencingToken;
            bool isRenewal = o.Verb == Verb.LockRenew && o.Outcome == "True" && o.Start.FencingToken == work.FencingToken;
            if (isGrant || isRenewal) end = Math.Max(end, o.From + (o.Start.Lease ?? 0));
        }

        // Whoever was frozen between its last look and its first statement could not know.
        if (end == 0 || work.At <= end + options.StartGrace + run.OutageWithin(process, end, work.At)) return;
        Offend($"'{process}' began its work with fencing token {work.FencingToken} {(work.At - end) / 1e3:F1} ms after its lease had ended", work.At);
    }

    private void CheckEnd(string process, WorkStarted work, long ended)
    {
        foreach (Operation o in facts.History.Operations)
        {
            if (o.Verb != Verb.LockRelease || o.Process != process || o.Start.FencingToken != work.FencingToken || o.From < work.At || o.From >= ended) continue;
            Offend($"'{process}' released fencing token {work.FencingToken} while its work was still running, {(ended - o.From) / 1e3:F1} ms before that ended", o.From);
        }
    }

    private void Offend(string what, long at) => offend(facts.History, Rules.Work, $"'{facts.History.Id}': {what}.", at);
}
