using Latchwork.Faults.History;
using Latchwork.Faults.Work;
using Latchwork.StoreConformance.Timers;

namespace Latchwork.Faults.Checking.Schedules;

/// <summary>What the history says of one schedule.</summary>
internal sealed class ScheduleCourse(ScheduleDeclared declared)
{
    public List<Decision> Decisions { get; } = [];

    public List<OccurrenceHandled> Handled { get; } = [];

    /// <summary>Occurrences that are in the store at the end, of those that no handler has seen.</summary>
    public HashSet<string> Left { get; } = new(StringComparer.Ordinal);

    public FinalSchedule? Final { get; set; }

    private string Id => declared.Schedule;

    public IEnumerable<string> NotHandled()
    {
        HashSet<string> seen = [.. Handled.Select(one => one.Occurrence)];
        return Decisions.Where(one => one.End?.Outcome == "Run").Select(one => one.Sent.Occurrence).Distinct().Where(id => !seen.Contains(id));
    }

    public IEnumerable<string> Check()
    {
        if (Final is null)
        {
            yield return $"{Id}: the schedule is gone.";
            yield break;
        }

        if (!Final.IsWaiting) yield return $"{Id}: it expects no occurrence that waits or is in flight.";
        foreach (IGrouping<string, OccurrenceHandled> twice in Handled.GroupBy(one => $"{one.Occurrence} {one.Token}").Where(group => group.Count() > 1))
            yield return $"{twice.Key}: two handlers for one delivery.";
        foreach (string lost in NotHandled().Where(id => !Left.Contains(id))) yield return $"{lost} was to run, was not handled, and is gone.";

        Dictionary<long, List<Decision>> byTime = Decisions
            .Where(one => one.IsMade || one.IsOpen)
            .GroupBy(one => ScheduleDeclaration.TimeOf(one.Sent.Occurrence)!.Value.ToUnixTimeMilliseconds())
            .ToDictionary(group => group.Key, group => group.ToList());
        (List<Decision> chain, long end, string? problem) = Follow(byTime);
        if (problem is not null)
        {
            yield return problem;
            yield break;
        }

        foreach (string wrong in chain.Select(Judge).OfType<string>()) yield return wrong;
        foreach (string invented in Invented(chain, byTime)) yield return invented;
        foreach (string wrong in Count(chain, end)) yield return wrong;
    }

    // From the first time to the one that is expected at the end: each time has one step that decided it. One without an answer counts if the chain cannot be without it.
    private (List<Decision> Chain, long End, string? Problem) Follow(Dictionary<long, List<Decision>> byTime)
    {
        var chain = new List<Decision>();
        long at = declared.First;
        while (at != Final!.Next)
        {
            List<Decision> known = byTime.GetValueOrDefault(at) ?? [];
            Decision[] made = [.. known.Where(one => one.IsMade)];
            Decision[] choices = made.Length > 0 ? made : [.. known.Where(one => byTime.ContainsKey(one.Sent.Next ?? 0) || one.Sent.Next == Final.Next)];
            string[] different = [.. choices.Select(one => $"{one.Sent.Next} {one.Sent.Runs} {one.Sent.Missed} {one.Sent.EndsAs}").Distinct()];
            if (made.Length > 0 && different.Length > 1) return (chain, at, $"{Id}: {Show(at)} was decided in two ways: {string.Join("; ", different)}.");
            if (choices.Length == 0) return (chain, at, $"{Id}: nobody decided of {Show(at)}, and the schedule expects {Show(Final.Next ?? 0)}.");
            chain.Add(choices[^1]);
            if (choices[^1].Sent.Next is not { } next || next <= at) return (chain, at, $"{Id}: after {Show(at)} there was no next time.");
            at = next;
        }

        return (chain, at, null);
    }

    /// <summary>Whether a step is the one that times and policies demand.</summary>
    private string? Judge(Decision decision)
    {
        OccurrenceDecided sent = decision.Sent;
        DateTimeOffset time = ScheduleDeclaration.TimeOf(sent.Occurrence)!.Value;
        var schedule = new ModelSchedule(Id) { Declaration = RunSchedule.All.Single(one => one.Id == Id).Declaration };
        ModelVerdict wanted;
        if (sent.Token.Length == 0)
        {
            wanted = new ModelVerdict(false, OccurrenceOutcome.Cancelled, time, 0, time, schedule.Declaration.Next(time));
        }
        else
        {
            if (sent.ClaimedAt is not { } ticks) return $"{sent.Occurrence}: its step was made by a process that had not claimed it.";
            wanted = ModelVerdict.Of(schedule, time, new DateTimeOffset(ticks, TimeSpan.Zero));
        }

        var is_ = new ModelVerdict(sent.Runs, sent.EndsAs, Time(sent.ScheduledFor), sent.Missed, Time(sent.DecidedUntil), sent.Next is { } next ? Time(next) : null);
        if (is_ != wanted) return $"{sent.Occurrence}: it was decided as {is_}, and should have been as {wanted}.";
        bool fits = decision.End?.Outcome switch
        {
            "Ended" => !sent.Runs || declared.Overlap == OverlapPolicy.Skip,
            "Waiting" => sent.Runs && declared.Overlap == OverlapPolicy.Queue,
            _ => true,
        };
        return fits ? null : $"{sent.Occurrence}: the answer {decision.End?.Outcome} does not fit {declared.Overlap}.";
    }

    /// <summary>What was handled although it was not to run.</summary>
    private IEnumerable<string> Invented(List<Decision> chain, Dictionary<long, List<Decision>> byTime)
    {
        HashSet<string> runs = [.. chain.Where(one => one.Sent.Runs && one.End?.Outcome != "Ended").Select(one => one.Sent.Occurrence)];
        foreach (string id in Handled.Select(one => one.Occurrence).Distinct())
        {
            if (ScheduleDeclaration.TimeOf(id) is not { } time || runs.Contains(id)) continue; // one that was triggered, or was to run
            bool isKnown = byTime.ContainsKey(time.ToUnixTimeMilliseconds());
            yield return isKnown ? $"{id} was handled, and was not to run." : $"{id} was handled, and is no occurrence of the chain.";
        }
    }

    private IEnumerable<string> Count(List<Decision> chain, long end)
    {
        long missed = chain.Sum(one => one.Sent.Missed);
        if (missed != Final!.Missed) yield return $"{Id}: {missed} times were missed up to {Show(end)}, and {Final.Missed} are counted.";
        if (RunSchedule.All.Single(one => one.Id == Id).IsTriggered) yield break;

        // Every occurrence of the chain began, was skipped, was replaced, waits, or was itself missed.
        long itself = chain.Count(one => !one.Sent.Runs && one.Sent.EndsAs == OccurrenceOutcome.Missed);
        long counted = Final.Started + Final.Skipped + Final.Replaced + (Final.Queued is null ? 0 : 1) + itself;
        if (counted != chain.Count) yield return $"{Id}: {chain.Count} occurrences up to {Show(end)}; {Final.Started} began, {Final.Skipped} were skipped, {Final.Replaced} replaced, {itself} missed.";
    }

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    private static string Show(long milliseconds) => ScheduleDeclaration.Show(Time(milliseconds));
}
