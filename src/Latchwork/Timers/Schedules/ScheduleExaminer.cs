using System.Runtime.CompilerServices;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork;

/// <summary>
/// Examines the schedules of a partition and their occurrences, for the doctors of all stores. A record and the state of its expected occurrence are read in one step, and what
/// is posted is posted only if the record is still as it was read; so what is on its way is not taken for damage.
/// </summary>
internal static class ScheduleExaminer
{
    /// <summary>Examines records, and then occurrences that no record knows.</summary>
    /// <param name="store">The timers.</param>
    /// <param name="unit">The namespace.</param>
    /// <param name="partition">The partition: of a namespace that is not being moved.</param>
    /// <param name="fix">Whether to post what is missing.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async IAsyncEnumerable<StoreFinding> ExamineAsync(
        ITimerStore store, NamespaceRef unit, TimerPartition partition, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IScheduleStore schedules = ScheduleReader.Of(store);
        string? cursor = null;
        do
        {
            SchedulePage page = await schedules.ListAsync(partition, cursor, ScheduleReader.MaxRead, cancellationToken).ConfigureAwait(false);
            var found = new List<(StoreProblem Problem, bool IsRepaired, string Id)>();
            foreach (ScheduleRecord record in page.Records)
            {
                if (await JudgeAsync(schedules, partition, record, page.Now, fix, cancellationToken).ConfigureAwait(false) is var (problem, isRepaired)) found.Add((problem, isRepaired, record.Id));
            }

            foreach (IGrouping<(StoreProblem Problem, bool IsRepaired), string> group in found.GroupBy(static one => (one.Problem, one.IsRepaired), static one => one.Id))
                yield return new StoreFinding(group.Key.Problem, unit, [.. group], group.Key.IsRepaired);
            cursor = page.Cursor;
        }
        while (cursor is not null);

        do
        {
            TimerPage page = await store.UpcomingAsync(partition, null, null, cursor, Limits.MaxBatch, cancellationToken).ConfigureAwait(false);
            List<string> strays = [];
            foreach (TimerSnapshot[] some in page.Items.Where(static e => e.Retries == 0 && OccurrenceId.Is(e.Id)).Chunk(ScheduleReader.MaxRead))
                await AddStraysAsync(store, schedules, partition, some, strays, cancellationToken).ConfigureAwait(false);
            if (strays.Count > 0) yield return new StoreFinding(StoreProblem.StrayOccurrence, unit, strays, IsRepaired: false);
            cursor = page.Cursor;
        }
        while (cursor is not null);
    }

    private static async Task<(StoreProblem Problem, bool IsRepaired)?> JudgeAsync(
        IScheduleStore schedules, TimerPartition partition, ScheduleRecord record, DateTimeOffset now, bool fix, CancellationToken cancellationToken)
    {
        if (ScheduleReader.TryDecode(record) is null) return (StoreProblem.DamagedSchedule, false);
        if (record.IsPaused || record is { ExpectedId: not null, ExpectedState: TimerState.Scheduled or TimerState.InFlight }) return null;
        if (ScheduleReader.Rearm(record, now) is not { } write) return null; // it has no time left
        StoreProblem problem = record.ExpectedId is null ? StoreProblem.NoExpectedOccurrence : StoreProblem.MissingOccurrence;
        if (!fix) return (problem, false);
        ScheduleWritten written = await schedules.WriteAsync(partition, write, cancellationToken).ConfigureAwait(false);
        return (problem, IsRepaired: written.Outcome != ScheduleWriteOutcome.Changed || written.Record is null or { ExpectedState: TimerState.Scheduled or TimerState.InFlight });
    }

    /// <summary>Adds those that have certainly not begun, as they are yet to be due and have spent no retry, and that their schedules neither expect nor let wait nor run.</summary>
    private static async Task AddStraysAsync(
        ITimerStore store, IScheduleStore schedules, TimerPartition partition, TimerSnapshot[] occurrences, List<string> strays, CancellationToken cancellationToken)
    {
        string[] ids = OccurrenceId.SchedulesOf(occurrences.Select(static e => e.Id));
        ScheduleReading reading = await schedules.ReadAsync(partition, ids, cancellationToken).ConfigureAwait(false);
        foreach (TimerSnapshot e in occurrences.Where(e => e.Due > reading.Now))
        {
            ScheduleRecord? record = reading.Records[Array.IndexOf(ids, OccurrenceId.ScheduleOf(e.Id))];
            if (Knows(record, e.Id)) continue;

            // It was listed before the record was read. If it is there afterwards, and the record has not changed since, it is none of that record's.
            if (await store.PeekAsync(partition, e.Id, cancellationToken).ConfigureAwait(false) is not { State: TimerState.Scheduled }) continue;
            ScheduleRecord? again = (await schedules.ReadAsync(partition, [OccurrenceId.ScheduleOf(e.Id)!], cancellationToken).ConfigureAwait(false)).Records[0];
            if (again?.Version == record?.Version && !Knows(again, e.Id)) strays.Add(e.Id);
        }
    }

    private static bool Knows(ScheduleRecord? record, string id) =>
        record is not null && (record.ExpectedId == id || record.QueuedId == id || record.RunningIds.Contains(id));
}
