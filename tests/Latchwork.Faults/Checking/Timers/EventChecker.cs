using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Timers;

/// <summary>Checks one event id: whether a store that keeps the promises can have given all those answers, and what the holders of deliveries did.</summary>
internal sealed class EventChecker(RunFacts run, CheckOptions options, CheckReport report, long begin)
{
    public void Check(IdHistory history)
    {
        report.Ids++;
        if (!run.Scans.ContainsKey(history.Ns)) report.Unlisted++;
        IReadOnlyList<Step> steps = StepReader.Read(history, run);
        Follow(history, steps);
        new DeliveryRules(history, run, report, Offend).Check();
        CheckOverdue(history);
        CheckDamaged(history);
        CheckNamespace(history);
    }

    private void Follow(IdHistory history, IReadOnlyList<Step> steps)
    {
        var search = new EventSearch(history.Ns, run, options.MaxOrders);
        foreach ((Step step, bool isEnd) in InOrder(steps))
        {
            if (!isEnd)
            {
                search.Start(step);
            }
            else if (search.End(step) is { } before)
            {
                // What comes after is judged no more: it may follow from this.
                (string rule, string sentence) = new Diagnosis(history, steps, run, begin).Of(step, before);
                Offend(history, rule, sentence, step.To);
                return;
            }
            else if (step.Verb == Verb.Claim && !search.IsUndecided)
            {
                Explain(step, search, steps);
            }

            if (search.IsUndecided)
            {
                report.Undecided++;
                return;
            }
        }

        Conclude(history, search);
    }

    private static List<(Step Step, bool IsEnd)> InOrder(IReadOnlyList<Step> steps)
    {
        var moments = new List<(long At, bool IsEnd, Step Step)>(steps.Count * 2);
        foreach (Step step in steps)
        {
            moments.Add((step.From, false, step));
            if (step.IsKnown) moments.Add((step.To, true, step));
        }

        // A start before an end of the same moment; else as they were recorded.
        return [.. moments.OrderBy(m => m.At).ThenBy(m => m.IsEnd).ThenBy(m => m.Step.Index).Select(m => (m.Step, m.IsEnd))];
    }

    // A delivery beyond the first of a post has a reason, the same on all courses or one of several.
    private void Explain(Step claim, EventSearch search, IReadOnlyList<Step> steps)
    {
        report.Deliveries++;
        bool isFirst = !steps.Any(other => other.Verb == Verb.Claim && other.Version == claim.Version && other.To < claim.To);
        Course course = search.Courses.First();
        EventState state = course.State;
        if (state.Phase != Phase.InFlight || state.Token != claim.Token)
        {
            if (!isFirst) report.CountRedelivery(course.LostCount > 0 ? "lost write" : "since ended");
            return;
        }

        if (state.Why == Why.Posted)
        {
            if (!isFirst) report.CountRedelivery(course.LostCount > 0 ? "lost write" : "the same claim again");
            return;
        }

        report.CountRedelivery(state.Why switch
        {
            Why.Failed => "failed handler",
            Why.LeaseExpired => state.AnswerWasLost ? "claim without an answer" : "lease ran out",
            Why.HandedBack => "handed back",
            _ => "requeued",
        });
    }

    private void Conclude(IdHistory history, EventSearch search)
    {
        Course? best = search.Courses.MinBy(course => course.LostCount);
        if (best is null) return;
        report.CountFate("posted", best.Fates.Posted);
        report.CountFate("confirmed", best.Fates.Confirmed);
        report.CountFate("cancelled", best.Fates.Cancelled);
        report.CountFate("purged", best.Fates.Purged);
        report.CountFate("replaced", best.Fates.Replaced);
        if (best.State.Phase != Phase.Gone) report.CountFate("left " + best.State.Phase, 1);
        for (LostWrite? lost = best.Lost; lost is not null; lost = lost.Before)
        {
            Step step = lost.Step;
            report.AddLost(new LostAnswer(step.To - begin, step.Verb, history.Id, step.Process), options.MaxViolations);
        }
    }

    // At the end, after a time without faults, nothing is left undone for long.
    private void CheckOverdue(IdHistory history)
    {
        if (!run.Scans.TryGetValue(history.Ns, out FinalScan? scan) || scan.Drained is not { } drained) return;
        if (scan.From - drained < options.OverdueGrace) return;
        if (history.Lines.LastOrDefault(line => line.Entry is FinalEvent).Entry is not FinalEvent final) return;

        if (final.State == TimerState.Scheduled && final.Overdue > options.OverdueGrace)
        {
            Offend(history, Rules.Undelivered, $"'{final.Id}' ({final.Version}) is {final.Overdue / 1e6:F1} s overdue; listeners were undisturbed for {(scan.From - drained) / 1e6:F1} s.", final.At);
        }
        else if (final is { State: TimerState.InFlight, Left: 0 } && LeaseEnd(history, final.Token) is { } end && final.At - end > options.OverdueGrace)
        {
            Offend(history, Rules.Undelivered, $"'{final.Id}' ({final.Version}) is in flight though its lease ended {(final.At - end) / 1e6:F1} s ago; listeners were undisturbed for {(scan.From - drained) / 1e6:F1} s.", final.At);
        }
    }

    // Whoever looks at a dead letter that nobody could read is told so.
    private void CheckDamaged(IdHistory history)
    {
        if (!history.Operations.Any(o => o.Verb == Verb.Damage && o.Outcome == "Done") || history.Lines.Any(line => line.Entry is EventClaimed)) return;
        if (history.Lines.LastOrDefault(line => line.Entry is FinalEvent).Entry is not FinalEvent { State: TimerState.DeadLettered } final) return;
        if (final.Reason == DeadLetterReason.RecordDamaged) return;
        Offend(history, Rules.Damaged, $"'{final.Id}' was damaged before anybody claimed it, and is dead for another reason: {final.Reason}.", final.At);
    }

    // What is in use is listed, also after the server came back empty.
    private void CheckNamespace(IdHistory history)
    {
        if (run.Namespaces is not { } namespaces || namespaces.Timers.Contains(history.Ns)) return;
        Operation? post = history.Operations.Find(o => o.Verb == Verb.Post && o.Outcome is "Created" or "Replaced" && run.IsSettledAt(o.From, options.RegistrationGrace));
        if (post is null) return;
        Offend(history, Rules.Unregistered, $"'{history.Id}' was posted at {(post.To - begin) / 1e6:F6} s, and the store does not list the namespace '{history.Ns}' of timers at the end.", post.To);
    }

    // When the lease ended at the latest; null if that is not known.
    private static long? LeaseEnd(IdHistory history, string? token)
    {
        long? end = null;
        foreach (HistoryLine line in history.Lines)
        {
            if (line.Entry is EventClaimed claimed && claimed.Token == token) end = Math.Max(end ?? 0, claimed.At + claimed.Lease);
        }

        foreach (Operation extend in history.Operations)
        {
            if (extend.Verb != Verb.Extend || extend.Start.Token != token || extend.IsRefused) continue;
            if (!extend.IsAnswered) return null;
            end = Math.Max(end ?? 0, extend.To + (extend.Start.Lease ?? 0));
        }

        return end;
    }

    private void Offend(IdHistory history, string rule, string sentence, long at) =>
        report.Add(new Violation(rule, history.Ns, history.Id, sentence, history.Excerpt(at, begin)), options.MaxViolations);
}
