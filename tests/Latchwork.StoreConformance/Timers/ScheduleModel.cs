using Latchwork.Storage;

namespace Latchwork.StoreConformance.Timers;

/// <summary>
/// What becomes of schedules and their occurrences, as simply as it can be said: lists, and times that are counted one by one. Its schedules are of
/// whole intervals since 1970, so that their times are plain arithmetic.
/// </summary>
public sealed class ScheduleModel
{
    private readonly Dictionary<string, ModelSchedule> _schedules = [];

    public IEnumerable<ModelSchedule> All => _schedules.Values;

    public ModelSchedule? Find(string id) => _schedules.GetValueOrDefault(id);

    public static string? ScheduleOf(string occurrence) => occurrence.Split('\u001F') is [string schedule, _] ? schedule : null;

    public bool HasNotBegun(string id) => OwnerOf(id) is { } schedule && (schedule.Expected == id || schedule.Queued == id);

    /// <summary>Declares a schedule.</summary>
    public ScheduleOutcome AddOrUpdate(TimerModel events, string id, ModelDeclaration declaration)
    {
        ModelSchedule? schedule = Find(id);
        if (schedule is not null && schedule.Declaration.Revision > declaration.Revision) return ScheduleOutcome.Outdated;
        if (schedule?.Declaration == declaration) return ScheduleOutcome.Unchanged;

        DateTimeOffset? next = schedule is { IsPaused: true } ? null : NextAfterChange(events, id, schedule, declaration);
        bool isNew = schedule is null;
        schedule ??= _schedules[id] = new ModelSchedule(id) { Declaration = declaration };
        schedule.Declaration = declaration;
        Write(events, schedule, next);
        return isNew ? ScheduleOutcome.Created : ScheduleOutcome.Updated;
    }

    public bool SetPaused(TimerModel events, string id, bool isPaused)
    {
        if (Find(id) is not { } schedule) return false;
        if (schedule.IsPaused == isPaused) return true;
        schedule.IsPaused = isPaused;
        Write(events, schedule, isPaused ? null : schedule.Declaration.First(id, schedule.DecidedUntil, events.RawNow));
        return true;
    }

    public bool Remove(TimerModel events, string id)
    {
        if (Find(id) is not { } schedule) return false;
        foreach (string? own in (string?[])[schedule.Expected, schedule.Queued])
        {
            if (own is not null && IsAlive(events, own)) events.Remove(own);
        }

        _schedules.Remove(id);
        return true;
    }

    /// <summary>An occurrence beside the chain.</summary>
    public TriggerDecision? Trigger(TimerModel events, string id, string occurrence)
    {
        if (Find(id) is not { } schedule) return null;
        DateTimeOffset now = TimerModel.Floor(events.RawNow);
        var entry = new ModelOccurrence(occurrence, now);
        bool isBlocked = schedule.Declaration.Overlap != OverlapPolicy.Allow && IsOccupied(events, schedule, null);
        if (isBlocked && schedule.Declaration.Overlap == OverlapPolicy.Skip)
        {
            (entry.EndedAt, entry.Outcome) = (now, OccurrenceOutcome.Overlapped);
            schedule.Note(entry);
            schedule.Skipped++;
            return TriggerDecision.Skipped;
        }

        if (isBlocked) DropQueued(events, schedule, OccurrenceOutcome.Replaced);
        events.Post(schedule.Declaration.EntryOf(occurrence, Due.In(TimeSpan.Zero)));
        if (isBlocked) events.Find(occurrence)!.Schedule(TimerModel.Floor(events.Now).AddSeconds(10));
        schedule.Note(entry);
        if (isBlocked) schedule.Queued = occurrence;
        else schedule.Occupy(occurrence);
        return isBlocked ? TriggerDecision.Queued : TriggerDecision.Posted;
    }

    /// <summary>A person cancels an occurrence; null if it is not the expected one, or is not there: it is cancelled like any other event.</summary>
    public TimerOutcome? Skip(TimerModel events, string occurrence, bool revoke)
    {
        if (OwnerOf(occurrence) is not { } schedule || schedule.Expected != occurrence || !IsAlive(events, occurrence)) return null;
        if (events.Find(occurrence)!.State == TimerState.InFlight && !revoke) return TimerOutcome.InFlight;
        DateTimeOffset time = ScheduleDeclaration.TimeOf(occurrence)!.Value;
        events.Remove(occurrence);
        schedule.Skipped++;
        schedule.Note(new ModelOccurrence(occurrence, time) { EndedAt = TimerModel.Floor(events.RawNow), Outcome = OccurrenceOutcome.Cancelled });
        Expect(events, schedule, schedule.IsPaused ? null : schedule.Declaration.Next(time), time);
        return TimerOutcome.Done;
    }

    /// <summary>The step before a handler, decided from a schedule as it was read.</summary>
    /// <param name="events">The events.</param>
    /// <param name="delivery">The occurrence that was claimed.</param>
    /// <param name="node">The node.</param>
    /// <param name="read">The schedule as it was read; null: there was none.</param>
    /// <param name="claimedAt">When the occurrence was claimed first.</param>
    public AdvanceOutcome Advance(TimerModel events, DeliveryKey delivery, string node, ModelSchedule? read, DateTimeOffset claimedAt)
    {
        string id = delivery.Id;
        if (events.Find(id) is not { State: TimerState.InFlight } e || e.Token != delivery.Token) return AdvanceOutcome.Gone;
        ModelSchedule? schedule = OwnerOf(id);
        if (schedule is null) return AdvanceOutcome.Run;
        if (!HasNotBegun(id))
        {
            schedule.Begin(id, node, events.RawNow);
            return AdvanceOutcome.Run;
        }

        if (read is null || read.Incarnation != schedule.Incarnation || read.Version != schedule.Version) return AdvanceOutcome.Changed;
        return id == schedule.Expected ? AdvanceExpected(events, schedule, id, node, claimedAt) : AdvanceQueued(events, schedule, id, node);
    }

    /// <summary>An event has ended.</summary>
    public void Ended(TimerModel events, string id, OccurrenceOutcome outcome)
    {
        if (OwnerOf(id) is not { } schedule) return;
        schedule.End(id, outcome, events.RawNow);
        schedule.Running.Remove(id);
        if (schedule.Queued == id)
        {
            schedule.Queued = null;
            schedule.Skipped++;
        }

        if (schedule.Queued is { } queued && events.Find(queued) is { State: TimerState.Scheduled } waiting && waiting.Due > TimerModel.Floor(events.Now)
            && !IsOccupied(events, schedule, queued))
        {
            waiting.Schedule(TimerModel.Floor(events.Now));
        }
    }

    private static AdvanceOutcome AdvanceExpected(TimerModel events, ModelSchedule schedule, string id, string node, DateTimeOffset claimedAt)
    {
        DateTimeOffset now = TimerModel.Floor(events.RawNow);
        ModelVerdict verdict = ModelVerdict.Of(schedule, ScheduleDeclaration.TimeOf(id)!.Value, claimedAt);
        OverlapPolicy overlap = schedule.Declaration.Overlap;
        bool isBlocked = overlap != OverlapPolicy.Allow && IsOccupied(events, schedule, id);
        var entry = new ModelOccurrence(id, verdict.ScheduledFor);
        schedule.Missed += verdict.Missed;
        AdvanceOutcome outcome = !verdict.Runs || (isBlocked && overlap == OverlapPolicy.Skip) ? AdvanceOutcome.Ended
            : isBlocked ? AdvanceOutcome.Waiting
            : AdvanceOutcome.Run;
        if (outcome == AdvanceOutcome.Ended)
        {
            events.Remove(id);
            (entry.EndedAt, entry.Outcome) = (now, verdict.Runs ? OccurrenceOutcome.Overlapped : verdict.EndsAs);
            if (entry.Outcome != OccurrenceOutcome.Missed) schedule.Skipped++;
            schedule.Note(entry);
        }
        else
        {
            if (overlap != OverlapPolicy.Allow) DropQueued(events, schedule, OccurrenceOutcome.Replaced);
            schedule.Note(entry);
            if (outcome == AdvanceOutcome.Run)
            {
                schedule.Begin(id, node, events.RawNow);
            }
            else
            {
                schedule.Queued = id;
                events.Find(id)!.Schedule(TimerModel.Floor(events.Now).AddSeconds(10));
            }
        }

        Expect(events, schedule, verdict.Next, verdict.DecidedUntil);
        return outcome;
    }

    private static AdvanceOutcome AdvanceQueued(TimerModel events, ModelSchedule schedule, string id, string node)
    {
        bool runs = !schedule.IsPaused;
        if (runs && schedule.Declaration.Overlap != OverlapPolicy.Allow && IsOccupied(events, schedule, id))
        {
            events.Find(id)!.Schedule(TimerModel.Floor(events.Now).AddSeconds(10));
            return AdvanceOutcome.Waiting;
        }

        schedule.Queued = null;
        schedule.Version++;
        if (runs)
        {
            schedule.Begin(id, node, events.RawNow);
            return AdvanceOutcome.Run;
        }

        events.Remove(id);
        schedule.Skipped++;
        schedule.End(id, OccurrenceOutcome.Paused, events.RawNow);
        return AdvanceOutcome.Ended;
    }

    private static void Expect(TimerModel events, ModelSchedule schedule, DateTimeOffset? next, DateTimeOffset decidedUntil)
    {
        schedule.Version++;
        schedule.DecidedUntil = decidedUntil;
        schedule.Expected = next is { } time ? ScheduleDeclaration.OccurrenceOf(schedule.Id, time) : null;
        if (next is { } due) events.Post(schedule.Declaration.EntryAt(schedule.Id, due));
    }

    private static void Write(TimerModel events, ModelSchedule schedule, DateTimeOffset? next)
    {
        schedule.Version++;
        string? following = next is { } time ? ScheduleDeclaration.OccurrenceOf(schedule.Id, time) : null;
        if (schedule.IsPaused) DropQueued(events, schedule, OccurrenceOutcome.Paused);
        if (schedule.Expected is { } expected)
        {
            if (events.Find(expected)?.State == TimerState.InFlight) return; // it stays, and what follows is decided when it begins
            if (IsAlive(events, expected) && expected != following) events.Remove(expected);
        }

        schedule.Expected = following;
        if (next is { } due) events.Post(schedule.Declaration.EntryAt(schedule.Id, due));
    }

    private static DateTimeOffset NextAfterChange(TimerModel events, string id, ModelSchedule? schedule, ModelDeclaration declaration)
    {
        if (schedule?.Expected is { } expected)
        {
            DateTimeOffset time = ScheduleDeclaration.TimeOf(expected)!.Value;
            bool isSame = schedule.Declaration.Seconds == declaration.Seconds && schedule.Declaration.Jitter == declaration.Jitter;
            if (isSame || time + schedule.Declaration.JitterOf(id) <= events.RawNow) return time;
        }

        return declaration.First(id, schedule?.DecidedUntil ?? DateTimeOffset.UnixEpoch, events.RawNow);
    }

    private static void DropQueued(TimerModel events, ModelSchedule schedule, OccurrenceOutcome outcome)
    {
        if (schedule.Queued is not { } queued) return;
        if (IsAlive(events, queued)) events.Remove(queued);
        if (outcome == OccurrenceOutcome.Replaced) schedule.Replaced++;
        else schedule.Skipped++;
        schedule.End(queued, outcome, events.RawNow);
        schedule.Queued = null;
    }

    private static bool IsOccupied(TimerModel events, ModelSchedule schedule, string? except) => schedule.Running.Exists(id => id != except && IsAlive(events, id));

    private static bool IsAlive(TimerModel events, string id) => events.Find(id) is { State: TimerState.Scheduled or TimerState.InFlight };

    private ModelSchedule? OwnerOf(string occurrence) => ScheduleOf(occurrence) is { } schedule ? Find(schedule) : null;
}
