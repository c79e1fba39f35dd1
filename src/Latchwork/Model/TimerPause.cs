namespace Latchwork;

/// <summary>Who paused a namespace, since when, and why.</summary>
/// <param name="By">Who did it: a name that was given, or the id of the node.</param>
/// <param name="Since">Since when, by the store's clock, in whole milliseconds.</param>
/// <param name="Reason">Why; empty if nothing was said.</param>
public sealed record TimerPause(string By, DateTimeOffset Since, string Reason);
