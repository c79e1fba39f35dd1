namespace Latchwork;

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
