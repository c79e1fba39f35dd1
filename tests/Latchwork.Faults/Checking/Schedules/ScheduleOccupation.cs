using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Schedules;

/// <summary>When the occurrences of one record were in flight or waited for a retry, as far as the history tells.</summary>
internal sealed class ScheduleOccupation
{
    private readonly List<Occupant> _occupants = [];

    /// <param name="incarnation">The record.</param>
    /// <param name="created">When the first write that may have made it was sent.</param>
    /// <param name="decisions">The steps of the schedule.</param>
    /// <param name="triggers">Its triggers.</param>
    /// <param name="ends">Confirmations and cancellations.</param>
    public ScheduleOccupation(
        string incarnation, long created, IEnumerable<ScheduleDecision> decisions, IEnumerable<ScheduleCall<OccurrenceTriggered>> triggers, IEnumerable<ScheduleCall<OccurrenceEndSent>> ends)
    {
        Dictionary<string, ScheduleCall<OccurrenceEndSent>> ended = ends.Where(one => one.Outcome == "Done").GroupBy(one => one.Sent.Occurrence).ToDictionary(group => group.Key, group => group.First());

        // What began under a former record and is delivered again occupies whichever record there is then.
        foreach (ScheduleDecision one in decisions.Where(one => (one.Sent.Incarnation == incarnation || one.To > created) && one.Sent.Runs && (one.Outcome == "Run" || one.IsOpen)))
            Add(one.Sent.Occurrence, one, isBegun: one.Sent.Incarnation == incarnation && one.IsPlan && one.Outcome == "Run");
        foreach (ScheduleCall<OccurrenceTriggered> one in triggers.Where(one => one.Sent.Incarnation == incarnation && (one.Outcome is "Posted" or "Queued" || one.IsOpen)))
            Add(one.Sent.Occurrence, one, isBegun: one.Outcome == "Posted");

        void Add(string occurrence, ScheduleCall begin, bool isBegun)
        {
            ScheduleCall<OccurrenceEndSent>? end = ended.GetValueOrDefault(occurrence);
            _occupants.Add(new Occupant(occurrence, begin.From, isBegun ? begin.To : long.MaxValue, end?.From ?? 0, end?.To ?? long.MaxValue));
        }
    }

    /// <summary>Whether another occurrence may have occupied the schedule while a step was made.</summary>
    public bool IsPossible(ScheduleDecision decision) =>
        _occupants.Exists(one => one.Id != decision.Sent.Occurrence && one.Sent < decision.To && one.EndAnswered > decision.From);

    /// <summary>An occurrence that occupied the schedule all the while, for certain: it had begun before, and was confirmed afterwards.</summary>
    public string? CertainFor(ScheduleDecision decision) =>
        _occupants.Find(one => one.Id != decision.Sent.Occurrence && one.Begun < decision.From && one.EndSent > decision.To)?.Id;

    /// <param name="Id">The event.</param>
    /// <param name="Sent">When it began at the earliest.</param>
    /// <param name="Begun">When it had begun for certain.</param>
    /// <param name="EndSent">Until when it had not ended for certain; 0 if nobody knows.</param>
    /// <param name="EndAnswered">When it had ended for certain.</param>
    private sealed record Occupant(string Id, long Sent, long Begun, long EndSent, long EndAnswered);
}
