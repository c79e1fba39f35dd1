namespace Latchwork.Faults.History;

/// <summary>Events that fall due at one instant were posted. Written by the harness; nothing is hurt until they are handled.</summary>
/// <param name="At">When the last of them was there.</param>
/// <param name="Burst">The number of the burst.</param>
/// <param name="Due">When they are due, at the latest.</param>
/// <param name="Count">How many they are.</param>
public sealed record BurstPosted(long At, long Burst, long Due, int Count) : HistoryEntry(At);

/// <summary>A process listens for bursts.</summary>
/// <param name="At">When it had joined.</param>
/// <param name="Places">How many handlers it runs at a time.</param>
public sealed record BurstListenerJoined(long At, int Places) : HistoryEntry(At);

/// <summary>It does not any more; else it does until its process ends.</summary>
/// <param name="At">When it began to leave.</param>
public sealed record BurstListenerLeft(long At) : HistoryEntry(At);

/// <summary>A handler of an event of a burst was called.</summary>
/// <param name="At">When.</param>
/// <param name="Burst">The burst.</param>
/// <param name="Number">The event's number in it.</param>
public sealed record BurstHandlerStarted(long At, long Burst, int Number) : HistoryEntry(At);

/// <summary>It ended.</summary>
/// <param name="At">When.</param>
/// <param name="Burst">The burst.</param>
/// <param name="Number">The event's number in it.</param>
public sealed record BurstHandlerEnded(long At, long Burst, int Number) : HistoryEntry(At);
