namespace Latchwork.Cli.Demo.Timers;

/// <summary>What came out of the first act.</summary>
internal sealed record TimersResult
{
    public required int Posted { get; init; }

    public required int DeliveredOnce { get; init; }

    public required int Retried { get; init; }

    public required int Dead { get; init; }

    public required int Cancelled { get; init; }

    public required int Rescheduled { get; init; }

    public required int Lost { get; init; }

    /// <summary>The listener that was killed.</summary>
    public required string Victim { get; init; }

    /// <summary>Events that the killed listener held.</summary>
    public required int TakenOver { get; init; }

    /// <summary>The dead by reason.</summary>
    public required IReadOnlyDictionary<DeadReason, int> DeadByReason { get; init; }

    public required LatenessHistogram Lateness { get; init; }

    /// <summary>The same without the moment after the kill in which nobody has noticed it.</summary>
    public required LatenessHistogram CalmLateness { get; init; }

    public required IReadOnlyList<DemoClaim> Claims { get; init; }
}
