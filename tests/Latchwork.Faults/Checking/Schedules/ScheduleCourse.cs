using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Schedules;

/// <summary>What the history says of one schedule.</summary>
internal sealed class ScheduleCourse(string id)
{
    public List<ScheduleWriting> Writes { get; } = [];

    public List<ScheduleCall<ScheduleRemovalSent>> Removals { get; } = [];

    public List<ScheduleCall<OccurrenceTriggered>> Triggers { get; } = [];

    public List<ScheduleDecision> Decisions { get; } = [];

    /// <summary>Confirmations and cancellations of occurrences.</summary>
    public List<ScheduleCall<OccurrenceEndSent>> Ends { get; } = [];

    public List<OccurrenceHandled> Handled { get; } = [];

    /// <summary>Occurrences that are in the store at the end, of those that no handler has seen.</summary>
    public HashSet<string> Left { get; } = new(StringComparer.Ordinal);

    public FinalSchedule? Final { get; set; }

    /// <summary>The occurrences that were to run, and that no handler has seen, and nobody cancelled.</summary>
    public IEnumerable<string> NotHandled()
    {
        HashSet<string> seen = [.. Handled.Select(one => one.Occurrence), .. Ends.Where(one => one.Sent.Token.Length == 0 && (one.Outcome == "Done" || one.IsOpen)).Select(one => one.Sent.Occurrence)];
        return Decisions.Where(one => one.Outcome == "Run").Select(one => one.Sent.Occurrence).Distinct().Where(occurrence => !seen.Contains(occurrence));
    }

    /// <param name="unixOffset">What is to be added to the time of an entry for the clock of the machine, at the most, in µs; null: it was not recorded.</param>
    public IEnumerable<string> Check(long? unixOffset)
    {
        if (Final is { IsPaused: false, IsWaiting: false }) yield return $"{id}: it expects no occurrence that waits or is in flight.";
        foreach (IGrouping<string, OccurrenceHandled> twice in Handled.GroupBy(one => $"{Show(one.Occurrence)} {one.Token}").Where(group => group.Count() > 1))
            yield return $"{twice.Key}: two handlers for one delivery.";
        foreach (string lost in NotHandled().Where(one => !Left.Contains(one))) yield return $"{Show(lost)} was to run, was not handled, and is gone.";
        foreach (string again in AgainAfterItsEnd()) yield return again;
        foreach (string early in Early(unixOffset)) yield return early;

        string[] names = [.. Writes.Where(one => one.Sent.Version is null && (one.IsMade || one.IsOpen)).Select(one => one.Sent.Incarnation), .. Final is null ? Array.Empty<string>() : [Final.Incarnation]];
        string[] stepped = [.. Writes.Where(one => one.IsMade).Select(one => one.Sent.Incarnation), .. Decisions.Where(one => one.IsPlan && one.IsMade).Select(one => one.Sent.Incarnation)];
        ScheduleIncarnation[] all = [.. names.Union(stepped, StringComparer.Ordinal).Select(Incarnation)];
        bool isWhole = true;
        foreach (ScheduleIncarnation one in all.Where(one => one.IsCertain))
        {
            foreach (string wrong in one.Check()) yield return wrong;
            isWhole &= one.Path is not null;
        }

        foreach (string wrong in InTurn(all)) yield return wrong;
        if (!isWhole) yield break;
        foreach (string invented in Invented(all)) yield return invented;
    }

    private ScheduleIncarnation Incarnation(string name)
    {
        long created = Writes.Where(one => one.Sent.Version is null && one.Sent.Incarnation == name).Select(one => one.From).DefaultIfEmpty(0).Min();
        return new ScheduleIncarnation(id, name, Writes, Decisions, new ScheduleOccupation(name, created, Decisions, Triggers, Ends), Final?.Incarnation == name ? Final : null);
    }

    private IEnumerable<string> AgainAfterItsEnd()
    {
        Dictionary<string, long> confirmed = Ends.Where(one => one.Sent.Token.Length > 0 && one.Outcome == "Done").GroupBy(one => one.Sent.Occurrence).ToDictionary(group => group.Key, group => group.Min(one => one.To));
        foreach (OccurrenceHandled one in Handled)
        {
            if (confirmed.TryGetValue(one.Occurrence, out long at) && one.At > at) yield return $"{Show(one.Occurrence)} was handled again after it was confirmed.";
        }
    }

    private IEnumerable<string> Early(long? unixOffset)
    {
        foreach (OccurrenceHandled one in Handled)
        {
            if (ScheduleState.TimeOf(one.Occurrence) * 1000 > one.At + unixOffset) yield return $"{Show(one.Occurrence)} was handled before its time.";
        }
    }

    /// <summary>The records of a schedule follow one another: each was removed before the next was made, and nothing happened on it afterwards.</summary>
    private IEnumerable<string> InTurn(ScheduleIncarnation[] all)
    {
        ScheduleIncarnation[] certain = [.. all.Where(one => one.IsCertain)];
        foreach (ScheduleIncarnation one in certain)
        {
            // Whichever record there was when a removal began is gone when that is answered.
            ScheduleCall<ScheduleRemovalSent>[] after = [.. Removals.Where(removal => removal.Outcome is "Removed" or "NotFound" && removal.From > one.CreatedAnswered)];
            if (after.Length > 0 && one.LastSent > after.Min(removal => removal.To)) yield return $"{id}: a step was made on a record that had been removed.";
            if (after.Length > 0 && one.IsLast) yield return $"{id}: a record that had been removed is still there.";
            if (!one.IsLast && !Removals.Exists(removal => (removal.Outcome == "Removed" || removal.IsOpen) && removal.To > one.Created)) yield return $"{id}: the schedule is gone, and nobody removed it.";
            if (certain.Any(other => other != one && other.Created > one.CreatedAnswered && other.CreatedAnswered < one.LastSent)) yield return $"{id}: it had two records at a time.";
        }

        int removed = Removals.Count(removal => removal.Outcome == "Removed");
        if (removed > all.Count(one => !one.IsLast)) yield return $"{id}: {removed} records were removed, and there were {all.Count(one => !one.IsLast)}.";
        int possible = Removals.Count(removal => removal.Outcome == "Removed" || removal.IsOpen);
        if (possible > 0 && possible < certain.Count(one => !one.IsLast)) yield return $"{id}: {certain.Count(one => !one.IsLast)} records are gone, and {possible} may have been removed.";
    }

    /// <summary>What was handled although it was not to run, or with another payload.</summary>
    private IEnumerable<string> Invented(ScheduleIncarnation[] all)
    {
        ScheduleState[] decided = [.. all.SelectMany(one => one.Path ?? []).Where(state => state.Step is ScheduleDecision { IsPlan: true })];
        ILookup<string, ScheduleState> steps = decided.ToLookup(state => ((ScheduleDecision)state.Step).Sent.Occurrence);
        foreach (OccurrenceHandled one in Handled.DistinctBy(one => (one.Occurrence, one.Content)))
        {
            if (ScheduleState.TimeOf(one.Occurrence) is null) continue; // it was triggered
            ScheduleState[] known = [.. steps[one.Occurrence]];
            ScheduleState[] runs = [.. known.Where(state => state.Step is ScheduleDecision { Sent.Runs: true, Outcome: not "Ended" })];
            if (known.Length == 0) yield return $"{Show(one.Occurrence)} was handled, and is no occurrence of the chain.";
            else if (runs.Length == 0) yield return $"{Show(one.Occurrence)} was handled, and was not to run.";
            else if (!runs.Any(state => state.Before!.Posted is null || state.Before.Posted == one.Content)) yield return $"{Show(one.Occurrence)} was handled with the payload {one.Content}, and was posted with {runs[0].Before!.Posted}.";
        }
    }

    private static string Show(string occurrence) => occurrence.Replace('\u001F', '@');
}
