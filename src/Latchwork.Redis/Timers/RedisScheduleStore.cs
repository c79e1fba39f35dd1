namespace Latchwork.Redis.Timers;

/// <summary>
/// Schedules in Redis. What a step needs is read by one script, decided by <see cref="ScheduleSteps"/> as in the other stores, and made by a second one, which first sees whether
/// everything that the step has looked at is still so; if not, it is decided anew. So a step is atomic, whoever else changes the schedule meanwhile.
/// </summary>
internal sealed class RedisScheduleStore(RedisTimerStore timers) : IScheduleStore
{
    /// <summary>How often a step is decided anew.</summary>
    private const int MaxAttempts = 8;

    /// <summary>The most advances that are one step: their scripts stay short.</summary>
    private const int MaxAtOnce = 25;

    public async Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        ScheduleSnapshotTable table = await LookAsync(partition, ids, [], withBodies: true, cancellationToken).ConfigureAwait(false);
        return new ScheduleReading(table.Now.ToDateTimeOffset(), [.. ids.Select(id => table.Find(id) is { } record ? ScheduleSteps.Answer(table, record) : null)]);
    }

    public async Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken)
    {
        string[] ids = (await timers.SendAsync(TimerScript.ListSchedules, partition, cancellationToken, cursor ?? "", limit + 1).ConfigureAwait(false)).Texts;
        string[] page = [.. ids.Take(limit)];
        ScheduleReading reading = await ReadAsync(partition, page, cancellationToken).ConfigureAwait(false);
        var records = new List<ScheduleRecord>();
        long bytes = 0;
        for (int i = 0; i < page.Length; i++)
        {
            bytes += reading.Records[i]?.Body.Length ?? 0;
            if (records.Count > 0 && bytes > Limits.MaxBatchBytes) return new SchedulePage(reading.Now, records, page[i - 1]);
            if (reading.Records[i] is { } record) records.Add(record); // else it was removed meanwhile
        }

        return new SchedulePage(reading.Now, records, ids.Length > limit ? page[^1] : null);
    }

    public async Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken)
    {
        await timers.RegisterAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
        ScheduleWritten answer = await ChangeAsync(
            partition, [write.Id], write.Next is { } next ? [next.Id] : [], isRefusable: true, table => ScheduleSteps.Write(table, write), cancellationToken).ConfigureAwait(false);
        return answer is { Outcome: ScheduleWriteOutcome.Changed, Record: not null } ? answer with { Record = await FullAsync(partition, write.Id, cancellationToken).ConfigureAwait(false) } : answer;
    }

    public Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
        ChangeAsync(partition, [id], [], isRefusable: false, table => ScheduleSteps.Remove(table, id, version), cancellationToken);

    public async Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken)
    {
        var answers = new List<AdvanceAnswer>(advances.Count);
        foreach (OccurrenceAdvance[] some in advances.Chunk(MaxAtOnce))
        {
            answers.AddRange(await ChangeAsync<AdvanceAnswer[]>(
                partition,
                OccurrenceId.SchedulesOf(some.Select(static one => one.Delivery.Id)),
                [.. some.Select(static one => one.Delivery.Id).Concat(some.Select(static one => one.Next?.Id).OfType<string>()).Distinct(StringComparer.Ordinal)],
                isRefusable: false,
                table => [.. some.Select(advance => ScheduleSteps.Advance(table, advance))],
                cancellationToken).ConfigureAwait(false));
        }

        for (int i = 0; i < answers.Count; i++)
        {
            if (answers[i].Record is { } changed) answers[i] = answers[i] with { Record = await FullAsync(partition, changed.Id, cancellationToken).ConfigureAwait(false) };
        }

        return answers;
    }

    public async Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken)
    {
        TriggerAnswer answer = await ChangeAsync(
            partition, [trigger.Id], [trigger.Entry.Id], isRefusable: true, table => ScheduleSteps.Trigger(table, trigger), cancellationToken).ConfigureAwait(false);
        return answer.Record is null ? answer : answer with { Record = await FullAsync(partition, trigger.Id, cancellationToken).ConfigureAwait(false) };
    }

    public async Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken)
    {
        RedisReply reply = await timers.SendAsync(TimerScript.SweepSchedules, partition, cancellationToken, cursor ?? "", (long)interval.TotalMilliseconds).ConfigureAwait(false);
        string last = reply[2].Text;
        string[] ids = reply[3].Texts;
        foreach (string[] unclosed in reply[4].Texts.Chunk(MaxAtOnce))
        {
            try
            {
                await ChangeAsync(
                    partition,
                    unclosed,
                    [],
                    isRefusable: false,
                    table =>
                    {
                        foreach (string id in unclosed) ScheduleSteps.CloseEnded(table, id);
                        return true;
                    },
                    cancellationToken).ConfigureAwait(false);
            }
            catch (LatchworkStoreException e)
            {
                // The schedules that have no occurrence were found all the same, and are not to be lost for it. The next sweep tries it again.
                RedisLog.EndsNotNoted(timers.Log, e.Message);
                break;
            }
        }

        IReadOnlyList<ScheduleRecord?> records = ids.Length == 0 ? [] : (await ReadAsync(partition, ids, cancellationToken).ConfigureAwait(false)).Records;
        return new ScheduleSweep(
            reply[0].Number, new StoreTime(reply[1].Number * TimeSpan.TicksPerMicrosecond).ToDateTimeOffset(), [.. records.OfType<ScheduleRecord>()], last.Length == 0 ? null : last);
    }

    /// <summary>Occurrences have ended: that is noted, and whichever waited for their end is due. Nothing needs this: without it, that one comes within ten seconds.</summary>
    public async Task EndedAsync(TimerPartition partition, IReadOnlyList<string> ids, OccurrenceOutcome outcome)
    {
        foreach (string[] some in ids.Chunk(MaxAtOnce))
        {
            try
            {
                await ChangeAsync(
                    partition,
                    OccurrenceId.SchedulesOf(some),
                    [],
                    isRefusable: false,
                    table =>
                    {
                        foreach (string id in some) ScheduleSteps.Ended(table, id, outcome);
                        return true;
                    },
                    CancellationToken.None).ConfigureAwait(false);
            }
            catch (LatchworkStoreException e)
            {
                // The end itself has been answered, and that answer must not be lost. A sweep closes the occurrence.
                RedisLog.EndsNotNoted(timers.Log, e.Message);
                return;
            }
        }
    }

    /// <summary>The schedules whose records cannot be read; at most 1,000 are named.</summary>
    public async Task<List<string>> DamagedAsync(TimerPartition partition, CancellationToken cancellationToken)
    {
        const int MaxNamed = 1_000;
        var damaged = new List<string>();
        string last = "";
        while (damaged.Count < MaxNamed)
        {
            string[] ids = (await timers.SendAsync(TimerScript.ListSchedules, partition, cancellationToken, last, MaxAtOnce).ConfigureAwait(false)).Texts;
            if (ids.Length == 0) break;
            ScheduleSnapshotTable table = await LookAsync(partition, ids, [], withBodies: false, cancellationToken).ConfigureAwait(false);
            string[] unread = [.. ids.Where(id => table.Find(id) is null)];
            if (unread.Length > 0)
            {
                // One that was removed meanwhile is not listed any more, and one that was made anew can be read.
                string[] listed = (await timers.SendAsync(TimerScript.ListSchedules, partition, cancellationToken, last, MaxAtOnce).ConfigureAwait(false)).Texts;
                string[] left = [.. unread.Intersect(listed, StringComparer.Ordinal)];
                ScheduleSnapshotTable again = await LookAsync(partition, left, [], withBodies: false, cancellationToken).ConfigureAwait(false);
                damaged.AddRange(left.Where(id => again.Find(id) is null));
            }

            last = ids[^1];
        }

        return damaged;
    }

    private async Task<ScheduleRecord?> FullAsync(TimerPartition partition, string id, CancellationToken cancellationToken) =>
        (await ReadAsync(partition, [id], cancellationToken).ConfigureAwait(false)).Records[0];

    private async Task<ScheduleSnapshotTable> LookAsync(
        TimerPartition partition, IReadOnlyList<string> schedules, IReadOnlyList<string> events, bool withBodies, CancellationToken cancellationToken)
    {
        RedisReply reply = await timers.SendAsync(
            TimerScript.ReadSchedules,
            partition,
            cancellationToken,
            [withBodies ? 1 : 0, schedules.Count, .. schedules.Select(static id => (RedisValue)id), .. events.Select(static id => (RedisValue)id)]).ConfigureAwait(false);
        return new ScheduleSnapshotTable(reply, schedules, events);
    }

    private async Task<T> ChangeAsync<T>(
        TimerPartition partition, IReadOnlyList<string> schedules, IReadOnlyList<string> events, bool isRefusable, Func<IScheduleTable, T> step, CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            ScheduleSnapshotTable table = await LookAsync(partition, schedules, events, withBodies: false, cancellationToken).ConfigureAwait(false);
            T answer = step(table);
            if (!table.IsChanged) return answer;
            RedisReply reply = await timers.SendAsync(
                TimerScript.WriteSchedules, partition, cancellationToken, [timers.ChannelOf(partition), isRefusable ? 0 : 1, table.Largest, .. table.ToArguments()]).ConfigureAwait(false);
            if (reply[0].Number == 0) continue;
            if (reply[1].Number == 1) await timers.RegisterAgainAsync(partition.Namespace, cancellationToken).ConfigureAwait(false);
            return answer;
        }

        throw new LatchworkStoreException(
            $"Schedules of '{partition.Namespace}' are changed by others all the time: the step was decided anew {MaxAttempts} times. Nothing was changed.", StoreOutcome.NotApplied)
        { IsTransient = true };
    }
}
