namespace Latchwork;

/// <summary>Where an event stands. A confirmed event is gone, or completed where that is kept (<see cref="TimerOptions.CompletedRetention"/>).</summary>
public enum TimerState
{
    /// <summary>It waits for its time, for a retry, or for a free listener.</summary>
    Scheduled = 0,

    /// <summary>One node holds it under a lease.</summary>
    InFlight = 1,

    /// <summary>It was given up and is kept with its reason and its failures.</summary>
    DeadLettered = 2,

    /// <summary>It was confirmed, and nothing of its id was posted since. What is left is a line of the history, without payload, headers and failures.</summary>
    Completed = 3,
}
