namespace Latchwork;

/// <summary>The answer to a trigger.</summary>
/// <param name="Outcome">What was done.</param>
/// <param name="OccurrenceId">The id of the event; null if none was posted.</param>
public readonly record struct TriggerResult(TriggerOutcome Outcome, string? OccurrenceId);
