using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Locks;

/// <summary>A factory runs while its key is its own: it does not begin when that is over, and nobody frees the key while it still runs.</summary>
internal sealed class WorkRules(KeyFacts facts, RunFacts run, Action<IdHistory, string, string, long> offend)
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

    // A lease that had ended when its owner was told of it begins no work. One that ends between that and the first statement may: a thread may wait for its turn.
    private void CheckBegin(string process, WorkStarted work)
    {
        Operation[] said = [.. facts.History.Operations.Where(o => o.Process == process && o.To <= work.At && IsLease(o, work.FencingToken))];
        if (said.Length == 0 || said.Any(o => o.To <= o.From + (o.Start.Lease ?? 0) + run.Slack)) return;
        long end = said.Max(o => o.From + (o.Start.Lease ?? 0));
        Offend($"'{process}' began its work with fencing token {work.FencingToken} {(work.At - end) / 1e3:F1} ms after its lease, which had ended when it was told of it", work.At);
    }

    private static bool IsLease(Operation o, long fencingToken) =>
        (o.Verb == Verb.LockRequest && o.Outcome == "Granted" && o.End!.FencingToken == fencingToken)
        || (o.Verb == Verb.LockRenew && o.Outcome == "True" && o.Start.FencingToken == fencingToken);

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
