using Latchwork.Storage;

namespace Latchwork;

/// <summary>What is to become of an occurrence that was claimed and has not begun, and of the chain behind it. Computed from the declaration and times alone.</summary>
/// <param name="Run">Whether it is to run, if the schedule is free.</param>
/// <param name="EndAs">Why it does not run.</param>
/// <param name="ScheduledFor">Its time; of one that runs for several that were missed, the newest of these.</param>
/// <param name="IsRedated">Whether that is another than its own.</param>
/// <param name="Missed">How many missed times are passed over; at most 10,000 are counted.</param>
/// <param name="DecidedUntil">The time up to which the chain is decided with this.</param>
/// <param name="Next">The time of the next occurrence; null: none.</param>
internal sealed record OccurrencePlan(
    bool Run, OccurrenceOutcome EndAs, DateTimeOffset ScheduledFor, bool IsRedated, int Missed, DateTimeOffset DecidedUntil, DateTimeOffset? Next)
{
    /// <summary>Whether the count of those passed over stopped before its end.</summary>
    public bool IsMore => Missed >= ScheduleTimes.MaxCount;

    /// <summary>What is sent to the store.</summary>
    /// <param name="record">The record from which the plan was made.</param>
    /// <param name="declaration">Its declaration; null if it cannot be evaluated.</param>
    /// <param name="delivery">The occurrence.</param>
    /// <param name="nodeId">This node.</param>
    public OccurrenceAdvance ToAdvance(ScheduleRecord record, ScheduleDeclaration? declaration, DeliveryKey delivery, string nodeId) => new(
        delivery,
        nodeId,
        record.Version,
        Run,
        declaration?.Options.Overlap ?? OverlapPolicy.Skip,
        EndAs,
        ScheduledFor,
        IsRedated ? declaration?.HeadersFor(ScheduledFor) : null,
        Missed,
        DecidedUntil,
        Next is { } next ? declaration?.EntryAt(record.Id, next) : null);

    /// <summary>
    /// What is sent to the store for an occurrence that a node has claimed, and the plan behind it. One that its schedule does not expect has begun before, was queued, or was
    /// put back by a person: nothing is to be planned.
    /// </summary>
    /// <param name="record">The schedule as it was read; null: there is none.</param>
    /// <param name="declaration">Its declaration; null if it cannot be evaluated.</param>
    /// <param name="delivery">The occurrence.</param>
    /// <param name="due">When it was due.</param>
    /// <param name="claimedAt">When it was claimed first, by the store's clock.</param>
    /// <param name="nodeId">This node.</param>
    public static (OccurrenceAdvance Advance, OccurrencePlan? Plan) Decide(
        ScheduleRecord? record, ScheduleDeclaration? declaration, DeliveryKey delivery, DateTimeOffset due, DateTimeOffset claimedAt, string nodeId)
    {
        if (record is null || record.ExpectedId != delivery.Id)
        {
            bool run = record?.IsPaused != true || record.QueuedId != delivery.Id;
            OverlapPolicy overlap = declaration?.Options.Overlap ?? OverlapPolicy.Skip;
            var nothing = new OccurrenceAdvance(
                delivery, nodeId, record?.Version ?? default, run, overlap, OccurrenceOutcome.Paused, DateTimeOffset.UnixEpoch, null, 0, DateTimeOffset.UnixEpoch, null);
            return (nothing, null);
        }

        DateTimeOffset expected = ScheduleDeclaration.TimeOf(delivery.Id) ?? due;
        OccurrencePlan plan = declaration is null ? OfDamaged(expected, record.IsPaused) : Of(record.Id, declaration, record.IsPaused, expected, claimedAt);
        return (plan.ToAdvance(record, declaration, delivery, nodeId), plan);
    }

    /// <summary>The plan for an occurrence that a node has claimed.</summary>
    /// <param name="id">The schedule.</param>
    /// <param name="declaration">How it is declared.</param>
    /// <param name="isPaused">Whether it is paused.</param>
    /// <param name="expected">The time of the occurrence.</param>
    /// <param name="claimedAt">When it was claimed first, by the store's clock.</param>
    public static OccurrencePlan Of(string id, ScheduleDeclaration declaration, bool isPaused, DateTimeOffset expected, DateTimeOffset claimedAt)
    {
        Schedule schedule = declaration.Schedule;
        ScheduleOptions options = declaration.Options;
        if (isPaused) return new OccurrencePlan(false, OccurrenceOutcome.Paused, expected, false, 0, expected, null);

        // As if there were no jitter: all times are later by the same span.
        DateTimeOffset now = claimedAt - ScheduleDeclaration.JitterOf(id, options.Jitter);
        DateTimeOffset? following = schedule.GetNext(expected);
        if (now - expected <= options.MisfireThreshold && !(following <= now))
        {
            return new OccurrencePlan(true, default, expected, false, 0, expected, following);
        }

        DateTimeOffset newest = ScheduleTimes.Newest(schedule, expected, now);
        DateTimeOffset? coming = schedule.GetNext(now > newest ? now : newest);
        switch (options.Misfire)
        {
            case MisfirePolicy.Skip:
                return new OccurrencePlan(false, OccurrenceOutcome.Missed, expected, false, Count(expected, newest), newest, coming);
            case MisfirePolicy.All:
                DateTimeOffset? oldest = ScheduleTimes.OldestToRun(schedule, expected, newest, now - options.CatchUpWindow, options.CatchUpLimit);
                if (oldest == expected) return new OccurrencePlan(true, default, expected, false, 0, expected, following);
                DateTimeOffset last = oldest is { } first ? ScheduleTimes.Newest(schedule, expected, first.AddMilliseconds(-1)) : newest;
                return new OccurrencePlan(false, OccurrenceOutcome.Missed, expected, false, Count(expected, last), last, oldest ?? coming);
            default:
                return new OccurrencePlan(true, default, newest, newest != expected, Count(expected, newest, besides: 1), newest, coming);
        }

        int Count(DateTimeOffset from, DateTimeOffset to, int besides = 0) =>
            ScheduleTimes.Count(schedule, from, to, ScheduleTimes.MaxCount + besides) - besides;
    }

    /// <summary>The plan for an occurrence that a person cancels before it has begun: a skip.</summary>
    /// <param name="declaration">How it is declared.</param>
    /// <param name="expected">The time of the occurrence.</param>
    public static OccurrencePlan OfCancelled(ScheduleDeclaration declaration, DateTimeOffset expected) =>
        new(false, OccurrenceOutcome.Cancelled, expected, false, 0, expected, declaration.Schedule.GetNext(expected));

    /// <summary>The plan for an occurrence whose declaration cannot be evaluated here: it runs, and a node that can finds the schedule without a next one.</summary>
    /// <param name="expected">The time of the occurrence.</param>
    /// <param name="isPaused">Whether the schedule is paused: then it does not run.</param>
    public static OccurrencePlan OfDamaged(DateTimeOffset expected, bool isPaused) =>
        new(!isPaused, isPaused ? OccurrenceOutcome.Paused : default, expected, false, 0, expected, null);
}
