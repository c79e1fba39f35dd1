namespace Latchwork.StoreConformance.Timers;

/// <summary>A line of the history of the model.</summary>
public sealed record ModelCompleted(string Id, DateTimeOffset Due, DateTimeOffset ClaimedAt, DateTimeOffset CompletedAt, string NodeId, int Retries, int MaxRetries, CompletedOutcome Outcome);
