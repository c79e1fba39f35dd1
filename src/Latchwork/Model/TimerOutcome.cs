namespace Latchwork;

/// <summary>The answer to an operation on one event.</summary>
public enum TimerOutcome
{
    /// <summary>It was done.</summary>
    Done = 0,

    /// <summary>There is no such event (any more).</summary>
    NotFound = 1,

    /// <summary>A node is handling the event; nothing was changed.</summary>
    InFlight = 2,

    /// <summary>The token is not that of the live delivery: the lease was lost, or the event was replaced. Nothing was changed.</summary>
    Stale = 3,

    /// <summary>The event is dead-lettered. As an answer to a failure: because of it. Otherwise nothing was changed.</summary>
    DeadLettered = 4,
}
