namespace Latchwork;

/// <summary>One failed attempt.</summary>
/// <param name="Attempt">The attempt that failed: 1 is the first delivery.</param>
/// <param name="NodeId">The node that held the event.</param>
/// <param name="At">When the failure was recorded, by the store's clock.</param>
/// <param name="Error">What went wrong, up to 1 KiB of it.</param>
public sealed record AttemptFailure(int Attempt, string NodeId, DateTimeOffset At, string Error);
