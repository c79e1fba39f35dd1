namespace Latchwork;

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
