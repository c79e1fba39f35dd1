namespace Latchwork.Cli.Demo;

/// <summary>Something that the demo says of itself, and whether it is so.</summary>
/// <param name="Text">The claim.</param>
/// <param name="Problems">What speaks against it; empty if it holds.</param>
internal sealed record DemoClaim(string Text, IReadOnlyList<string> Problems)
{
    public bool Holds => Problems.Count == 0;
}

/// <summary>What came out of the demo.</summary>
internal sealed record DemoResult
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

    public bool AllHold => Claims.All(c => c.Holds);
}
