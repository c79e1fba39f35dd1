namespace Latchwork.Storage.Rules;

/// <summary>The records and events of one partition, as the steps on schedules see them. What is posted or made due earlier wakes listeners.</summary>
internal interface IScheduleTable
{
    /// <summary>The time of the partition.</summary>
    StoreTime Now { get; }

    ScheduleRecord? Find(string schedule);

    void Save(ScheduleRecord record);

    void Delete(string schedule);

    /// <summary>Where an event stands; null if there is none.</summary>
    OccurrencePlace? PlaceOf(string id);

    /// <summary>Posts an event over whatever has its id.</summary>
    void Post(TimerEntry entry, DueTime due);

    /// <summary>Removes an event that is scheduled or in flight; its node is notified.</summary>
    void Remove(string id);

    /// <summary>Scheduled or in flight → scheduled at another time of the partition's clock, in ms, with the retries that it has.</summary>
    void Schedule(string id, long due);

    void SetHeaders(string id, IReadOnlyDictionary<string, string> headers);
}

/// <summary>Where an event stands.</summary>
/// <param name="State">Its state.</param>
/// <param name="Due">When it is due, or was, in ms.</param>
/// <param name="Token">In flight: the token of the delivery.</param>
internal readonly record struct OccurrencePlace(TimerState State, long Due, string? Token);

/// <summary>What memory and SQLite do alike with schedules: each method is what <see cref="IScheduleStore"/> says of its namesake, within one atomic step.</summary>
internal static class ScheduleSteps
{
    /// <summary>The record as it is answered.</summary>
    public static ScheduleRecord Answer(IScheduleTable table, ScheduleRecord record) =>
        record with { ExpectedState = record.ExpectedId is { } id ? table.PlaceOf(id)?.State : null };

    public static ScheduleWritten Write(IScheduleTable table, ScheduleWrite write)
    {
        ScheduleRecord? record = table.Find(write.Id);
        var now = ToTime(table.Now.RawMilliseconds);
        if (record?.Version != write.Expected)
        {
            return new ScheduleWritten(ScheduleWriteOutcome.Changed, now, record is null ? null : Answer(table, record));
        }

        bool isKept = false;
        if (record?.ExpectedId is { } expected)
        {
            TimerState? state = table.PlaceOf(expected)?.State;
            isKept = state == TimerState.InFlight;
            if (state == TimerState.Scheduled && write.Next?.Id != expected) table.Remove(expected);
        }

        record ??= new ScheduleRecord(
            write.Id, default, default, false, null, null, [], DateTimeOffset.UnixEpoch, new ScheduleCounts(0, 0, 0, 0), []);
        if (write.IsPaused) record = DropQueued(table, record, OccurrenceOutcome.Paused);
        if (!isKept)
        {
            record = record with { ExpectedId = write.Next?.Id };
            if (write.Next is { } next) table.Post(next, table.Now.Resolve(next.Due));
        }

        record = record with
        {
            Version = new ScheduleVersion(write.Incarnation, record.Version.Number + 1),
            Body = write.Body.ToArray(), // the caller may write over its own array afterwards
            IsPaused = write.IsPaused,
        };
        table.Save(record);
        return new ScheduleWritten(isKept ? ScheduleWriteOutcome.Kept : ScheduleWriteOutcome.Written, now, Answer(table, record));
    }

    public static ScheduleRemoval Remove(IScheduleTable table, string id, ScheduleVersion? version)
    {
        if (table.Find(id) is not { } record) return ScheduleRemoval.NotFound;
        if (version is { } expected && record.Version != expected) return ScheduleRemoval.Changed;
        Drop(table, record.ExpectedId);
        Drop(table, record.QueuedId);
        table.Delete(id);
        return ScheduleRemoval.Removed;
    }

    public static AdvanceAnswer Advance(IScheduleTable table, OccurrenceAdvance advance)
    {
        string id = advance.Delivery.Id;
        OccurrencePlace? place = table.PlaceOf(id);
        bool isHeld = advance.Delivery.Token.Length > 0;
        if (isHeld ? place?.State != TimerState.InFlight || place.Value.Token != advance.Delivery.Token : place is null or { State: TimerState.DeadLettered })
        {
            return new AdvanceAnswer(AdvanceOutcome.Gone, null);
        }

        if (!isHeld && place!.Value.State == TimerState.InFlight && !advance.Revoke) return new AdvanceAnswer(AdvanceOutcome.InFlight, null);

        ScheduleRecord? record = OccurrenceId.ScheduleOf(id) is { } schedule ? table.Find(schedule) : null;
        if (record is null || (id != record.ExpectedId && id != record.QueuedId))
        {
            // It has begun before, or was requeued.
            if (!isHeld) return new AdvanceAnswer(AdvanceOutcome.Gone, null);
            if (record is not null) table.Save(Begin(Occupy(table, record, id), id, advance.NodeId, table.Now.RawMilliseconds));
            return new AdvanceAnswer(AdvanceOutcome.Run, null);
        }

        if (record.Version != advance.Version) return new AdvanceAnswer(AdvanceOutcome.Changed, Answer(table, record));
        return new AdvanceAnswer(id == record.ExpectedId ? AdvanceExpected(table, record, advance) : AdvanceQueued(table, record, advance), null);
    }

    public static TriggerAnswer Trigger(IScheduleTable table, OccurrenceTrigger trigger)
    {
        if (table.Find(trigger.Id) is not { } record) return new TriggerAnswer(TriggerDecision.Changed, null);
        if (record.Version != trigger.Version) return new TriggerAnswer(TriggerDecision.Changed, Answer(table, record));
        string id = trigger.Entry.Id;
        if (IndexOf(record, id) is >= 0 and int known)
        {
            return new TriggerAnswer(
                record.History[known].Outcome == OccurrenceOutcome.Overlapped ? TriggerDecision.Skipped
                : record.QueuedId == id ? TriggerDecision.Queued
                : TriggerDecision.Posted,
                null);
        }

        long now = table.Now.Milliseconds;
        var entry = new OccurrenceEntry(id, trigger.ScheduledFor, null, null, OccurrenceOutcome.Waiting, null);
        if (trigger.Overlap != OverlapPolicy.Allow && IsOccupied(table, record, except: null))
        {
            if (trigger.Overlap == OverlapPolicy.Skip)
            {
                entry = entry with { EndedAt = ToTime(table.Now.RawMilliseconds), Outcome = OccurrenceOutcome.Overlapped };
                table.Save(Add(record, entry) with { Counts = record.Counts with { Skipped = record.Counts.Skipped + 1 } });
                return new TriggerAnswer(TriggerDecision.Skipped, null);
            }

            record = DropQueued(table, record, OccurrenceOutcome.Replaced);
            table.Post(trigger.Entry, new DueTime(now + ScheduleRecord.QueueRecheck, null));
            table.Save(Add(record, entry) with { QueuedId = id });
            return new TriggerAnswer(TriggerDecision.Queued, null);
        }

        table.Post(trigger.Entry, table.Now.Resolve(trigger.Entry.Due));
        table.Save(Add(Occupy(table, record, id), entry));
        return new TriggerAnswer(TriggerDecision.Posted, null);
    }

    /// <summary>Whether an occurrence has not begun: then the end of a lease spends no retry.</summary>
    public static bool HasNotBegun(IScheduleTable table, string id) =>
        OccurrenceId.ScheduleOf(id) is { } schedule && table.Find(schedule) is { } record && (record.ExpectedId == id || record.QueuedId == id);

    /// <summary>An event has ended (confirmed, dead-lettered, cancelled): if it is an occurrence, that is noted, and whichever waited for its end is due.</summary>
    public static void Ended(IScheduleTable table, string id, OccurrenceOutcome outcome)
    {
        if (OccurrenceId.ScheduleOf(id) is not { } schedule || table.Find(schedule) is not { } record) return;
        record = Conclude(record, id, outcome, ToTime(table.Now.RawMilliseconds)) with { RunningIds = [.. record.RunningIds.Where(running => running != id)] };
        if (record.QueuedId == id) record = WithoutQueued(record); // it ended without running
        table.Save(record);
        WakeQueued(table, record);
    }

    /// <summary>Whether an occurrence is shown that began, or that waits, and whose event is neither in flight nor scheduled: a node died between its end and the note of it.</summary>
    public static bool IsUnclosed(IScheduleTable table, ScheduleRecord record) =>
        record.RunningIds.Any(id => !IsAlive(table, id)) || (record.QueuedId is { } queued && !IsAlive(table, queued));

    /// <summary>Notes the ends that were not noted, as far as they are known, and whichever waited for them is due. A note that comes later still counts.</summary>
    public static void CloseEnded(IScheduleTable table, string schedule)
    {
        if (table.Find(schedule) is not { } record || !IsUnclosed(table, record)) return;
        record = CloseRunning(table, record);
        if (record.QueuedId is { } queued && !IsAlive(table, queued)) record = WithoutQueued(Close(table, record, queued));
        table.Save(record);
        WakeQueued(table, record);
    }

    /// <summary>Whether the schedule has no occurrence that waits or is in flight, although it should.</summary>
    public static bool IsStray(IScheduleTable table, ScheduleRecord record) =>
        !record.IsPaused && (record.ExpectedId is not { } id || table.PlaceOf(id) is null or { State: TimerState.DeadLettered });

    private static AdvanceOutcome AdvanceExpected(IScheduleTable table, ScheduleRecord record, OccurrenceAdvance advance)
    {
        string id = advance.Delivery.Id;
        long now = table.Now.Milliseconds;
        record = record with
        {
            Version = record.Version with { Number = record.Version.Number + 1 },
            ExpectedId = advance.Next?.Id,
            DecidedUntil = advance.DecidedUntil,
            Counts = record.Counts with { Missed = record.Counts.Missed + advance.Missed },
        };
        bool isBlocked = advance.Run && advance.Overlap != OverlapPolicy.Allow && IsOccupied(table, record, except: id);
        var entry = new OccurrenceEntry(id, advance.ScheduledFor, null, null, OccurrenceOutcome.Waiting, null);
        AdvanceOutcome outcome;
        if (!advance.Run || (isBlocked && advance.Overlap == OverlapPolicy.Skip))
        {
            OccurrenceOutcome end = advance.Run ? OccurrenceOutcome.Overlapped : advance.EndAs;
            table.Remove(id);
            record = Add(record, entry with { EndedAt = ToTime(table.Now.RawMilliseconds), Outcome = end });
            if (end != OccurrenceOutcome.Missed) record = record with { Counts = record.Counts with { Skipped = record.Counts.Skipped + 1 } };
            outcome = AdvanceOutcome.Ended;
        }
        else
        {
            if (advance.Overlap != OverlapPolicy.Allow) record = DropQueued(table, record, OccurrenceOutcome.Replaced);
            if (advance.Headers is { } headers) table.SetHeaders(id, headers);
            if (isBlocked)
            {
                table.Schedule(id, now + ScheduleRecord.QueueRecheck);
                record = Add(record, entry) with { QueuedId = id };
                outcome = AdvanceOutcome.Waiting;
            }
            else
            {
                record = Begin(Add(Occupy(table, record, id), entry), id, advance.NodeId, table.Now.RawMilliseconds);
                outcome = AdvanceOutcome.Run;
            }
        }

        table.Save(record);
        if (advance.Next is { } next) table.Post(next, table.Now.Resolve(next.Due));
        return outcome;
    }

    private static AdvanceOutcome AdvanceQueued(IScheduleTable table, ScheduleRecord record, OccurrenceAdvance advance)
    {
        string id = advance.Delivery.Id;
        long now = table.Now.Milliseconds;
        if (advance.Run && advance.Overlap != OverlapPolicy.Allow && IsOccupied(table, record, except: id))
        {
            table.Schedule(id, now + ScheduleRecord.QueueRecheck);
            return AdvanceOutcome.Waiting;
        }

        record = record with { QueuedId = null, Version = record.Version with { Number = record.Version.Number + 1 } };
        if (advance.Run)
        {
            table.Save(Begin(Occupy(table, record, id), id, advance.NodeId, table.Now.RawMilliseconds));
            return AdvanceOutcome.Run;
        }

        table.Remove(id);
        record = Conclude(record, id, advance.EndAs, ToTime(table.Now.RawMilliseconds));
        table.Save(record with { Counts = record.Counts with { Skipped = record.Counts.Skipped + 1 } });
        return AdvanceOutcome.Ended;
    }

    private static bool IsOccupied(IScheduleTable table, ScheduleRecord record, string? except) =>
        record.RunningIds.Any(id => id != except && IsAlive(table, id));

    private static bool IsAlive(IScheduleTable table, string id) => table.PlaceOf(id) is { State: TimerState.Scheduled or TimerState.InFlight };

    /// <summary>Notes that an occurrence occupies the schedule from now on.</summary>
    private static ScheduleRecord Occupy(IScheduleTable table, ScheduleRecord record, string id)
    {
        record = CloseRunning(table, record with { RunningIds = [.. record.RunningIds.Where(running => running != id)] });
        return record with { RunningIds = [.. record.RunningIds.TakeLast(ScheduleRecord.MaxRunning - 1), id] };
    }

    /// <summary>Without the running occurrences that have ended.</summary>
    private static ScheduleRecord CloseRunning(IScheduleTable table, ScheduleRecord record)
    {
        foreach (string ended in record.RunningIds.Where(id => !IsAlive(table, id))) record = Close(table, record, ended);
        return record with { RunningIds = [.. record.RunningIds.Where(id => IsAlive(table, id))] };
    }

    /// <summary>Shows an occurrence as ended, if it is not: when is not known, and how only of a dead letter.</summary>
    private static ScheduleRecord Close(IScheduleTable table, ScheduleRecord record, string id)
    {
        int index = IndexOf(record, id);
        if (index < 0 || record.History[index].Outcome is not (OccurrenceOutcome.Waiting or OccurrenceOutcome.Running)) return record;
        return Conclude(record, id, table.PlaceOf(id) is { State: TimerState.DeadLettered } ? OccurrenceOutcome.DeadLettered : OccurrenceOutcome.Ended, endedAt: null);
    }

    private static ScheduleRecord WithoutQueued(ScheduleRecord record) =>
        record with { QueuedId = null, Counts = record.Counts with { Skipped = record.Counts.Skipped + 1 } };

    private static void WakeQueued(IScheduleTable table, ScheduleRecord record)
    {
        long now = table.Now.Milliseconds;
        if (record.QueuedId is { } queued && table.PlaceOf(queued) is { State: TimerState.Scheduled } place && place.Due > now && !IsOccupied(table, record, except: queued))
        {
            table.Schedule(queued, now);
        }
    }

    private static ScheduleRecord DropQueued(IScheduleTable table, ScheduleRecord record, OccurrenceOutcome outcome)
    {
        if (record.QueuedId is not { } queued) return record;
        Drop(table, queued);
        ScheduleCounts counts = outcome == OccurrenceOutcome.Replaced
            ? record.Counts with { Replaced = record.Counts.Replaced + 1 }
            : record.Counts with { Skipped = record.Counts.Skipped + 1 };
        return Conclude(record, queued, outcome, ToTime(table.Now.RawMilliseconds)) with { QueuedId = null, Counts = counts };
    }

    private static void Drop(IScheduleTable table, string? id)
    {
        if (id is not null && IsAlive(table, id)) table.Remove(id);
    }

    private static ScheduleRecord Add(ScheduleRecord record, OccurrenceEntry entry) =>
        record with { History = [.. record.History.TakeLast(ScheduleRecord.MaxHistory - 1), entry] };

    private static ScheduleRecord Begin(ScheduleRecord record, string id, string nodeId, long now)
    {
        int index = IndexOf(record, id);
        if (index < 0 || record.History[index].StartedAt is not null) return record;
        OccurrenceEntry begun = record.History[index] with { StartedAt = ToTime(now), NodeId = nodeId, Outcome = OccurrenceOutcome.Running };
        return Replace(record, index, begun) with { Counts = record.Counts with { Started = record.Counts.Started + 1 } };
    }

    private static ScheduleRecord Conclude(ScheduleRecord record, string id, OccurrenceOutcome outcome, DateTimeOffset? endedAt)
    {
        int index = IndexOf(record, id);
        return index < 0 ? record : Replace(record, index, record.History[index] with { EndedAt = endedAt, Outcome = outcome });
    }

    private static ScheduleRecord Replace(ScheduleRecord record, int index, OccurrenceEntry entry)
    {
        OccurrenceEntry[] history = [.. record.History];
        history[index] = entry;
        return record with { History = history };
    }

    private static int IndexOf(ScheduleRecord record, string id)
    {
        for (int i = record.History.Count - 1; i >= 0; i--)
        {
            if (record.History[i].Id == id) return i;
        }

        return -1;
    }

    private static DateTimeOffset ToTime(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
