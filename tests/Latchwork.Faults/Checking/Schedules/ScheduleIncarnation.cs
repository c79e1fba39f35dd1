using Latchwork.Faults.History;
using Latchwork.Faults.Work;
using Latchwork.StoreConformance.Timers;

namespace Latchwork.Faults.Checking.Schedules;

/// <summary>
/// One of the records that a schedule had one after the other. Each of its versions was made from the one before by exactly one step: a write, or a step from one
/// occurrence to the next. A step without an answer counts if the chain cannot be without it.
/// </summary>
internal sealed class ScheduleIncarnation
{
    private readonly string _schedule;
    private readonly ScheduleOccupation _occupation;
    private readonly FinalSchedule? _final;
    private readonly ScheduleWriting[] _creations;
    private readonly ILookup<long, ScheduleWriting> _writes;
    private readonly ILookup<long, ScheduleDecision> _decisions;
    private readonly long _lastKnown;
    private string? _problem;

    /// <param name="schedule">The schedule.</param>
    /// <param name="incarnation">The record.</param>
    /// <param name="writes">The writes of the schedule.</param>
    /// <param name="decisions">Its steps.</param>
    /// <param name="occupation">When this record was occupied.</param>
    /// <param name="final">How the record stands at the end; null: it was removed.</param>
    public ScheduleIncarnation(
        string schedule, string incarnation, IEnumerable<ScheduleWriting> writes, IEnumerable<ScheduleDecision> decisions, ScheduleOccupation occupation, FinalSchedule? final)
    {
        (_schedule, _occupation, _final) = (schedule, occupation, final);
        ScheduleWriting[] own = [.. writes.Where(one => one.Sent.Incarnation == incarnation && (one.IsMade || one.IsOpen))];
        ScheduleDecision[] made = [.. decisions.Where(one => one.Sent.Incarnation == incarnation && (one.IsMade || one.IsOpen))];
        _creations = [.. own.Where(one => one.Sent.Version is null)];
        _writes = own.Where(one => one.Sent.Version is not null).ToLookup(one => one.Sent.Version!.Value);
        _decisions = made.ToLookup(one => one.Sent.Version);
        ScheduleCall[] known = [.. own.Where(one => one.IsMade), .. made.Where(one => one.IsMade && one.IsPlan)];
        IsCertain = known.Length > 0 || final is not null;
        // A step that is repeated was made when it was sent first, perhaps.
        Dictionary<object, long> first = made.GroupBy(one => one.Content).ToDictionary(group => group.Key, group => group.Min(one => one.From));
        LastSent = known.Select(one => one is ScheduleDecision decision ? first[decision.Content] : one.From).DefaultIfEmpty(0).Max();
        Created = _creations.Length == 0 ? 0 : _creations.Min(one => one.From);
        CreatedAnswered = _creations.Where(one => one.IsMade).Select(one => one.To).DefaultIfEmpty(long.MaxValue).Min();
        _lastKnown = known.Select(one => one is ScheduleWriting write ? write.Sent.Version ?? 0 : ((ScheduleDecision)one).Sent.Version).DefaultIfEmpty(0).Max();
    }

    /// <summary>Whether there was such a record; else a write without an answer may have made it.</summary>
    public bool IsCertain { get; }

    /// <summary>Whether it is there at the end.</summary>
    public bool IsLast => _final is not null;

    /// <summary>When the first write that may have made it was sent.</summary>
    public long Created { get; }

    /// <summary>When it had been made for certain.</summary>
    public long CreatedAnswered { get; }

    /// <summary>When the last step that was made was sent.</summary>
    public long LastSent { get; }

    /// <summary>The steps of the chain that were made, in order; null if they do not fit together.</summary>
    public ScheduleState[]? Path { get; private set; }

    /// <summary>Follows the steps, and judges each.</summary>
    public IEnumerable<string> Check()
    {
        if (_creations.Length == 0) return [$"{_schedule}: nobody made the record that steps were made on."];
        ScheduleState? deepest = null;
        var open = new Stack<ScheduleState>(_creations.OrderBy(one => one.IsMade).Select(ScheduleState.Created));
        while (Path is null && open.TryPop(out ScheduleState? state))
        {
            if (deepest is null || state.Version > deepest.Version) deepest = state;
            if (IsEnd(state)) Path = state.Path();
            else foreach (ScheduleState next in Next(state)) open.Push(next);
        }

        if (Path is null) return [_problem ?? Stop(deepest!)];
        return [.. Path.Select(Judge).OfType<string>(), .. _final is null ? Array.Empty<string>() : Count(Path)];
    }

    private bool IsEnd(ScheduleState state) => _final is null
        ? state.Version > _lastKnown
        : (state.Version, state.Expected, state.IsPaused) == (_final.Version, _final.Next, _final.IsPaused);

    // The likeliest last, as that is looked at first.
    private IEnumerable<ScheduleState> Next(ScheduleState state)
    {
        ScheduleWriting[] written = [.. _writes[state.Version].Where(one => one.IsMade)];
        ScheduleDecision[] decided = [.. _decisions[state.Version].Where(one => one.IsPlan && one.IsMade)];
        string[] ways = [.. written.Select(one => $"written by call {one.Sent.Call}"), .. decided.DistinctBy(one => one.Content).Select(one => $"{Show(one.Sent)}")];
        if (ways.Length > 1) _problem ??= $"{_schedule}: from version {state.Version} two steps were made: {string.Join("; ", ways)}.";
        if (ways.Length > 0)
            return ways.Length > 1 ? [] : written.Length > 0 ? [state.After(written[0], written[0].Outcome == "Kept")] : Only(state.After(decided.MinBy(one => one.To)!));

        IEnumerable<ScheduleState> unknown =
        [
            .. _writes[state.Version].Where(_ => state.Expected is not null).Select(one => state.After(one, isKept: true)),
            .. _writes[state.Version].Select(one => state.After(one, isKept: false)),
            .. _decisions[state.Version].Where(one => one.IsOpen && one.IsPlan).SelectMany(one => Only(state.After(one))),
            .. _decisions[state.Version].Where(one => !one.IsPlan && one.Outcome != "Waiting").Select(one => state.After(one)!),
        ];
        return unknown.Reverse();
    }

    private static ScheduleState[] Only(ScheduleState? state) => state is null ? [] : [state];

    private string Stop(ScheduleState at)
    {
        ScheduleDecision? other = _decisions[at.Version].FirstOrDefault(one => one.IsPlan && one.IsMade);
        string expects = at.Expected is { } time ? $"expects {Show(time)}" : "expects nothing";
        if (other is not null) return $"{_schedule}: version {at.Version} {expects}, and {Show(other.Sent)} was decided.";
        string then = _final is null ? $"a step was made from version {_lastKnown}" : $"the schedule is at version {_final.Version} and expects {(_final.Next is { } last ? Show(last) : "nothing")}";
        return $"{_schedule}: version {at.Version} {expects}, nobody decided of that, and {then}.";
    }

    private string? Judge(ScheduleState state) => state.Step switch
    {
        ScheduleWriting writing => Judge(state.Before, writing),
        ScheduleDecision { IsPlan: true } decision => Judge(state.Before!, decision),
        _ => null,
    };

    /// <summary>Whether a write expects what is demanded.</summary>
    private string? Judge(ScheduleState? before, ScheduleWriting writing)
    {
        ScheduleWriteSent sent = writing.Sent;
        ModelDeclaration declaration = ScheduleState.DeclarationOf(sent);
        var now = new DateTimeOffset(sent.ReadAt, TimeSpan.Zero);
        if (before is not null && before.Declaration == declaration && before.IsPaused == sent.IsPaused) return $"{_schedule}: version {before.Version} had no occurrence that waits or is in flight.";
        if (sent.IsPaused) return sent.Next is null ? null : $"{_schedule}: it is paused, and expects {Show(sent.Next.Value)}.";
        DateTimeOffset wanted = declaration.First(_schedule, Time(before?.DecidedUntil ?? 0), now);
        if (before is { IsPaused: false, Expected: { } expected } && (before.Declaration.Seconds == declaration.Seconds || Time(expected) <= now)) wanted = Time(expected);
        return sent.Next == wanted.ToUnixTimeMilliseconds() ? null : $"{_schedule}: a change made it expect {(sent.Next is { } next ? Show(next) : "nothing")}, and should have {Show(wanted.ToUnixTimeMilliseconds())}.";
    }

    /// <summary>Whether a step is the one that times and policies demand.</summary>
    private string? Judge(ScheduleState before, ScheduleDecision decision)
    {
        OccurrenceDecided sent = decision.Sent;
        DateTimeOffset time = Time(before.Expected!.Value);
        var schedule = new ModelSchedule(_schedule) { Declaration = before.Declaration, IsPaused = before.IsPaused };
        ModelVerdict wanted;
        if (sent.Token.Length == 0)
        {
            wanted = new ModelVerdict(false, OccurrenceOutcome.Cancelled, time, 0, time, before.IsPaused ? null : schedule.Declaration.Next(time));
        }
        else
        {
            if (sent.ClaimedAt is not { } ticks) return $"{Show(sent)}: its step was made by a process that had not claimed it.";
            if (ticks < time.UtcTicks) return $"{Show(sent)} was claimed {TimeSpan.FromTicks(time.UtcTicks - ticks).TotalMilliseconds} ms early.";
            wanted = ModelVerdict.Of(schedule, time, new DateTimeOffset(ticks, TimeSpan.Zero));
        }

        var made = new ModelVerdict(sent.Runs, sent.EndsAs, Time(sent.ScheduledFor), sent.Missed, Time(sent.DecidedUntil), sent.Next is { } next ? Time(next) : null);
        if (made != wanted) return $"{Show(sent)}: it was decided as {made}, and should have been as {wanted}.";
        OverlapPolicy overlap = before.Declaration.Overlap;
        bool fits = decision.Outcome switch
        {
            "Run" => sent.Runs,
            "Ended" => !sent.Runs || overlap == OverlapPolicy.Skip,
            "Waiting" => sent.Runs && overlap == OverlapPolicy.Queue,
            _ => true,
        };
        if (!fits) return $"{Show(sent)}: the answer {decision.Outcome} does not fit {overlap}.";
        if (sent.Runs && decision.Outcome is "Ended" or "Waiting" && !_occupation.IsPossible(decision)) return $"{Show(sent)}: {decision.Outcome}, and nothing occupied the schedule.";
        if (decision.Outcome == "Run" && overlap != OverlapPolicy.Allow && _occupation.CertainFor(decision) is { } other) return $"{Show(sent)} began, and {Show(other)} occupied the schedule.";
        return null;
    }

    private IEnumerable<string> Count(ScheduleState[] path)
    {
        ScheduleDecision[] chain = [.. path.Select(state => state.Step).OfType<ScheduleDecision>().Where(one => one.IsPlan)];
        long missed = chain.Sum(one => one.Sent.Missed);
        if (missed != _final!.Missed) yield return $"{_schedule}: {missed} times were missed, and {_final.Missed} are counted.";
        if (RunSchedule.All.Single(one => one.Id == _schedule).IsTriggered) yield break;

        // Every occurrence of the chain began, was skipped, was replaced, waits, or was itself missed.
        long itself = chain.Count(one => !one.Sent.Runs && one.Sent.EndsAs == OccurrenceOutcome.Missed);
        long counted = _final.Started + _final.Skipped + _final.Replaced + (_final.Queued is null ? 0 : 1) + itself;
        if (counted != chain.Length)
            yield return $"{_schedule}: {chain.Length} occurrences were decided; {_final.Started} began, {_final.Skipped} were skipped, {_final.Replaced} replaced, {itself} missed.";
    }

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    private static string Show(long milliseconds) => ScheduleDeclaration.Show(Time(milliseconds));

    private static string Show(OccurrenceDecided sent) => Show(sent.Occurrence);

    private static string Show(string occurrence) => occurrence.Replace('\u001F', '@');
}
