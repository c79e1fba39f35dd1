namespace Latchwork;

/// <summary>What became of a declaration.</summary>
public enum ScheduleOutcome
{
    /// <summary>There was no such schedule.</summary>
    Created = 0,

    /// <summary>It was declared differently; from the next occurrence on it is as declared now.</summary>
    Updated = 1,

    /// <summary>It was declared so already; nothing was changed.</summary>
    Unchanged = 2,

    /// <summary>The stored declaration has a higher revision; nothing was changed.</summary>
    Outdated = 3,
}

/// <summary>The answer to a declaration.</summary>
/// <param name="Id">The schedule.</param>
/// <param name="Outcome">What was done.</param>
/// <param name="Next">The time of the next occurrence by the schedule; null if it is paused.</param>
public readonly record struct ScheduleResult(string Id, ScheduleOutcome Outcome, DateTimeOffset? Next);

/// <summary>What became of a trigger.</summary>
public enum TriggerOutcome
{
    /// <summary>An occurrence was posted, due now.</summary>
    Triggered = 0,

    /// <summary>Another occurrence is in flight or waits for a retry: this one waits for its end.</summary>
    Queued = 1,

    /// <summary>Another occurrence is in flight or waits for a retry: nothing was posted.</summary>
    Skipped = 2,

    /// <summary>There is no such schedule.</summary>
    NotFound = 3,
}

/// <summary>The answer to a trigger.</summary>
/// <param name="Outcome">What was done.</param>
/// <param name="OccurrenceId">The id of the event; null if none was posted.</param>
public readonly record struct TriggerResult(TriggerOutcome Outcome, string? OccurrenceId);

/// <summary>What became of an occurrence.</summary>
public enum OccurrenceOutcome
{
    /// <summary>It waits: for a node, or for the end of another occurrence.</summary>
    Waiting = 0,

    /// <summary>It has begun, and is in flight or waits for a retry.</summary>
    Running = 1,

    /// <summary>It was confirmed.</summary>
    Succeeded = 2,

    /// <summary>It was dead-lettered.</summary>
    DeadLettered = 3,

    /// <summary>It was cancelled.</summary>
    Cancelled = 4,

    /// <summary>It did not run, as it was missed.</summary>
    Missed = 5,

    /// <summary>It did not run, as another occurrence was in flight or waited for a retry.</summary>
    Overlapped = 6,

    /// <summary>It waited for the end of another occurrence, and was replaced by a newer one.</summary>
    Replaced = 7,

    /// <summary>It did not run, as the schedule was paused.</summary>
    Paused = 8,
}

/// <summary>One of the last occurrences of a schedule.</summary>
/// <param name="Id">The id of its event: the schedule's, U+001F, and its time (or <c>+</c> and random characters, if it was triggered).</param>
/// <param name="ScheduledFor">Its time by the schedule; of one that ran late for several that were missed, the newest of these.</param>
/// <param name="StartedAt">When it began, by the store's clock; null if it did not.</param>
/// <param name="EndedAt">When it ended, by the store's clock; null if it did not, or was confirmed in a transaction of the application.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="NodeId">The node on which it began.</param>
public sealed record ScheduleOccurrence(
    string Id, DateTimeOffset ScheduledFor, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, OccurrenceOutcome Outcome, string? NodeId);

/// <summary>A schedule as it is stored.</summary>
public sealed record ScheduleSnapshot
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>The version of its record.</summary>
    internal Storage.ScheduleVersion Version { get; init; }

    /// <summary>When it recurs; null if it is damaged.</summary>
    public Schedule? Schedule { get; init; }

    /// <summary>How it was declared; null if that cannot be read.</summary>
    public ScheduleOptions? Options { get; init; }

    /// <summary>Why this process cannot evaluate it (it does not know the time zone, say); null if it can.</summary>
    public string? Damage { get; init; }

    /// <summary>The payload of its occurrences.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Whether it is paused.</summary>
    public bool IsPaused { get; init; }

    /// <summary>Whether it was declared by an application when it started (<c>AddSchedule</c>), and not by a call.</summary>
    public bool IsDeclared { get; init; }

    /// <summary>The time of the next occurrence by the schedule, without jitter; null if there is none.</summary>
    public DateTimeOffset? Next { get; init; }

    /// <summary>The state of that occurrence; null if there is none (it is posted again within 10 s while a node listens).</summary>
    public TimerState? NextState { get; init; }

    /// <summary>The id of the occurrence that waits for the end of another; null if there is none.</summary>
    public string? QueuedId { get; init; }

    /// <summary>By how much its occurrences are due later than their times: see <see cref="ScheduleOptions.Jitter"/>.</summary>
    public TimeSpan JitterOffset { get; init; }

    /// <summary>Occurrences that began.</summary>
    public long Started { get; init; }

    /// <summary>Times that were passed over because they were missed. A step counts 10,000 at most.</summary>
    public long Missed { get; init; }

    /// <summary>Occurrences that ended without running: another was in flight, the schedule was paused, or they were cancelled.</summary>
    public long Skipped { get; init; }

    /// <summary>Occurrences that waited for the end of another and were replaced by a newer one.</summary>
    public long Replaced { get; init; }

    /// <summary>The last ten occurrences, the newest first.</summary>
    public IReadOnlyList<ScheduleOccurrence> History { get; init; } = [];
}
