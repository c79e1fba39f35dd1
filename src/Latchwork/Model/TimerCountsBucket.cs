namespace Latchwork;

/// <summary>What was counted in a minute or an hour.</summary>
/// <param name="Start">When it begins, in UTC, by the store's clock.</param>
/// <param name="Counts">What was counted in it.</param>
public sealed record TimerCountsBucket(DateTimeOffset Start, TimerCounts Counts);
