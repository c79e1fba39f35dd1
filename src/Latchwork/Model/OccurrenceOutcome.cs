namespace Latchwork;

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

    /// <summary>It began and has ended: confirmed, or cancelled. How and when was not noted: its node died right afterwards, or it was confirmed in a transaction of the application.</summary>
    Ended = 9,
}
