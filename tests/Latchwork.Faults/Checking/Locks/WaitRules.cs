using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Locks;

/// <summary>Every wait ends within its bound; what the store was out of reach, or its process hurt, is added.</summary>
internal sealed class WaitRules(KeyFacts facts, RunFacts run, CheckOptions options, Action<IdHistory, string, string, long> offend)
{
    public void Check()
    {
        long ceiling = facts.Grants.Values.Select(grant => grant.Ceiling).DefaultIfEmpty(long.MaxValue).Min();
        foreach (Operation wait in facts.History.Operations)
        {
            if (wait.Verb is not (Verb.RunOnce or Verb.Request or Verb.Acquire) || wait.Start.Bound is not { } bound) continue;
            if (wait.End is null) CheckHung(wait, bound);
            else CheckLength(wait, bound, ceiling);
        }
    }

    private void CheckHung(Operation wait, long bound)
    {
        if (run.WasKilled(wait.Process)) return;
        long end = run.EndOf(wait.Process);
        if (end - wait.From > Allowed(wait, bound, end))
        {
            Offend(wait, $"has not ended {(end - wait.From) / 1e6:F1} s after it began; its bound is {bound / 1e6:F1} s", wait.From);
        }
    }

    private void CheckLength(Operation wait, long bound, long ceiling)
    {
        long length = wait.To - wait.From;
        if (length > Allowed(wait, bound, wait.To))
        {
            Offend(wait, $"ended ({wait.End!.Ending}) after {length / 1e6:F1} s; its bound is {bound / 1e6:F1} s, and outages were {run.OutageWithin(wait.Process, wait.From, wait.To) / 1e6:F1} s of it", wait.To);
        }

        // An owner that overruns the lock timeout is told so in the same way.
        if (wait.End!.Ending == Ending.TimedOut && length + run.Slack + options.TimerSlack < Math.Min(bound, ceiling))
        {
            Offend(wait, $"was told after {length / 1e6:F3} s that it took longer than {bound / 1e6:F3} s", wait.To);
        }
    }

    private long Allowed(Operation wait, long bound, long end) => bound + run.OutageWithin(wait.Process, wait.From, end) + options.WaitGrace;

    private void Offend(Operation wait, string what, long at) =>
        offend(facts.History, Rules.Wait, $"'{facts.History.Id}': {wait.Verb} {wait.Start.Op} of '{wait.Process}' {what}.", at);
}
