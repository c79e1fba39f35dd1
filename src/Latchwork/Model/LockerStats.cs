namespace Latchwork;

/// <summary>What has happened in a namespace of lockers since it was first used, on all nodes.</summary>
/// <remarks>Each process adds up what it does and writes it once a second, and when its locker is disposed: what a process that is killed did in its last second is not in it.</remarks>
/// <param name="Runs">Locks that were granted, for runs and as plain locks.</param>
/// <param name="Takeovers">Those of them that were taken over from an owner whose lease ran out.</param>
/// <param name="Failures">Failures that were published.</param>
public sealed record LockerStats(long Runs, long Takeovers, long Failures);
