namespace Latchwork.Faults.History;

/// <summary>A listener is about to join.</summary>
/// <param name="At">When.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Listener">Its number, unique in the process: one from a join to the leave that ends it.</param>
public sealed record ListenerJoining(long At, string Ns, long Listener) : HistoryEntry(At);

/// <summary>Its join returned. Without this entry it failed.</summary>
/// <param name="At">When.</param>
/// <param name="Listener">Its number.</param>
public sealed record ListenerJoined(long At, long Listener) : HistoryEntry(At);

/// <summary>It is told to leave: the first call that does so.</summary>
/// <param name="At">When.</param>
/// <param name="Listener">Its number.</param>
/// <param name="WasJoined">Whether the timer said until then that it is joined.</param>
/// <param name="Bound">The longest that its leave may take while nothing is wrong.</param>
public sealed record ListenerLeaving(long At, long Listener, bool WasJoined, long Bound) : HistoryEntry(At);

/// <summary>Its leave returned.</summary>
/// <param name="At">When.</param>
/// <param name="Listener">Its number.</param>
public sealed record ListenerLeft(long At, long Listener) : HistoryEntry(At);

/// <summary>A process was asked to end, as a service manager does (SIGTERM). Written by the harness.</summary>
/// <param name="At">When.</param>
/// <param name="Process">The process.</param>
public sealed record ProcessEnding(long At, string Process) : HistoryEntry(At);
