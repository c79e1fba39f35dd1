using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Storage;

/// <summary>
/// What recurring schedules need of a store. A schedule is a record; its occurrences are ordinary events whose ids begin with the schedule's and
/// U+001F, in the same partition. Every method is one atomic step on one partition (of a batch: each element), decided by the store's own clock.
/// </summary>
/// <remarks>
/// <para>
/// A store never looks into an expression, a zone or the body of a record. It compares (incarnation, version), posts and removes occurrences, looks
/// whether the schedule is occupied, and keeps counts and the last occurrences.
/// </para>
/// <para>
/// An occurrence has <b>not begun</b> exactly as long as its record names it as the expected or as the queued one. So the mark needs no place in a
/// lease: <see cref="AdvanceAsync"/> takes the id out of the record, and the mark off with it. A lease of an occurrence that has not begun ends without
/// spending a retry, and the event is scheduled at its former due time.
/// </para>
/// <para>
/// A schedule is <b>occupied</b> while an occurrence that has begun is in flight or scheduled (it waits for a retry, or was handed back). That is
/// seen from the events themselves: a confirmation has nothing to clear.
/// </para>
/// </remarks>
[Experimental("LATCHWORK001")]
public interface IScheduleStore
{
    /// <summary>Reads records.</summary>
    /// <param name="partition">The partition to which all the ids belong.</param>
    /// <param name="ids">The schedules: at most <see cref="Limits.MaxBatch"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The time of the partition, and a record or null for each id.</returns>
    Task<ScheduleReading> ReadAsync(TimerPartition partition, IReadOnlyList<string> ids, CancellationToken cancellationToken);

    /// <summary>Lists the records of a partition in order of their ids (by bytes).</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cursor">Null for the first page, then the cursor of the page before.</param>
    /// <param name="limit">The most records on the page: 1 to <see cref="Limits.MaxBatch"/>.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>A page; fewer records where their bodies exceed <see cref="Limits.MaxBatchBytes"/>.</returns>
    Task<SchedulePage> ListAsync(TimerPartition partition, string? cursor, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Writes a record and posts its next occurrence, if the record is still as it was read. The occurrence that was expected before is replaced; one
    /// that is in flight stays the expected one, and the next is not posted. A record that pauses loses its queued occurrence, too.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="write">What is written.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>What was done, and the record as it is now.</returns>
    Task<ScheduleWritten> WriteAsync(TimerPartition partition, ScheduleWrite write, CancellationToken cancellationToken);

    /// <summary>
    /// Removes a record with its occurrences that have not begun; of one in flight the node is notified. What has begun continues as an ordinary event.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="id">The schedule.</param>
    /// <param name="version">Only if it still has this version; null: whichever it has.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>What was done.</returns>
    Task<ScheduleRemoval> RemoveAsync(TimerPartition partition, string id, ScheduleVersion? version, CancellationToken cancellationToken);

    /// <summary>
    /// Begins occurrences that were claimed, or ends them without running, and posts the next ones. Can be repeated: of an occurrence that began it
    /// answers <see cref="AdvanceOutcome.Run"/> again, of one that ended <see cref="AdvanceOutcome.Gone"/>. Never refused at the store's memory limit.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="advances">What was decided of each; they take effect in their order.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>An answer for each.</returns>
    Task<IReadOnlyList<AdvanceAnswer>> AdvanceAsync(TimerPartition partition, IReadOnlyList<OccurrenceAdvance> advances, CancellationToken cancellationToken);

    /// <summary>Posts an occurrence beside the chain, under the overlap policy. A repetition with the same id answers the same and changes nothing.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="trigger">The occurrence.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>What was done.</returns>
    Task<TriggerAnswer> TriggerAsync(TimerPartition partition, OccurrenceTrigger trigger, CancellationToken cancellationToken);

    /// <summary>
    /// Looks for schedules that are not paused and have no occurrence that waits or is in flight: 1,000 records a call at most. What a record shows as running or waiting, and
    /// whose event has ended without a note of it, is closed (see <see cref="OccurrenceOutcome.Ended"/>). Does nothing while the namespace is being moved here, as the
    /// occurrences are still to come.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cursor">Null to begin, which does nothing within <paramref name="interval"/> of the last time that somebody began; then the cursor of the call before.</param>
    /// <param name="interval">How often somebody is to look.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>What was found.</returns>
    Task<ScheduleSweep> SweepAsync(TimerPartition partition, string? cursor, TimeSpan interval, CancellationToken cancellationToken);
}
