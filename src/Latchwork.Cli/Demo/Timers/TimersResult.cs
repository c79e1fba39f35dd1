namespace Latchwork.Cli.Demo.Timers;

/// <summary>How the events of the killed listener came to the others.</summary>
/// <param name="Count">How many did.</param>
/// <param name="First">When the first did, after the kill.</param>
/// <param name="Last">When the last did, after the kill.</param>
/// <param name="Lateness">How late they were, counted from the end of their leases: from then on they are due again.</param>
internal sealed record Redelivery(int Count, TimeSpan First, TimeSpan Last, LatenessHistogram Lateness);

/// <summary>What came out of the first act.</summary>
internal sealed record TimersResult
{
    public required int Posted { get; init; }

    public required int DeliveredOnce { get; init; }

    public required int Retried { get; init; }

    public required int Dead { get; init; }

    public required int Cancelled { get; init; }

    public required int Rescheduled { get; init; }

    /// <summary>Events that were still to be delivered when the demo gave up waiting.</summary>
    public required int Left { get; init; }

    public required int Lost { get; init; }

    /// <summary>The listener that was killed.</summary>
    public required string Victim { get; init; }

    /// <summary>Events that the killed listener held.</summary>
    public required int TakenOver { get; init; }

    /// <summary>How they came again; null if none did.</summary>
    public required Redelivery? Redelivery { get; init; }

    /// <summary>The dead by reason.</summary>
    public required IReadOnlyDictionary<DeadReason, int> DeadByReason { get; init; }

    public required LatenessHistogram Lateness { get; init; }

    /// <summary>The same without the moment after the kill in which nobody has noticed it.</summary>
    public required LatenessHistogram CalmLateness { get; init; }

    public required IReadOnlyList<DemoClaim> Claims { get; init; }
}
