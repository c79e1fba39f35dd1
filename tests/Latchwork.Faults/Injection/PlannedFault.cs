namespace Latchwork.Faults.Injection;

/// <summary>What can be done to a run.</summary>
public enum FaultKind
{
    /// <summary>A worker is killed (SIGKILL), and another one takes its place.</summary>
    Kill,

    /// <summary>A worker is frozen (SIGSTOP) and goes on (SIGCONT).</summary>
    Stop,

    /// <summary>A worker is asked to end (SIGTERM), and another one takes its place.</summary>
    Terminate,

    /// <summary>A worker's log, listener of metrics and subscriber of errors throw, and its log takes longer than a lease.</summary>
    Callbacks,

    /// <summary>A worker's wall clock is wrong by hours.</summary>
    Clock,

    /// <summary>A worker's connection holds back what is said in one direction, or both.</summary>
    Stall,

    /// <summary>What is said on a worker's connection vanishes in one direction, or both.</summary>
    Cut,

    /// <summary>A worker's connection is slow in one direction, or both.</summary>
    Throttle,

    /// <summary>A worker hears no notification.</summary>
    DropNotifications,

    /// <summary>The server ends all connections of clients (<c>CLIENT KILL</c>, <c>pg_terminate_backend</c>).</summary>
    Connections,

    /// <summary>The server forgets all scripts (<c>SCRIPT FLUSH</c>).</summary>
    Flush,

    /// <summary>The server is killed (SIGKILL) or stopped, and started again with the files that it wrote.</summary>
    Restart,

    /// <summary>The server is frozen (SIGSTOP) and goes on (SIGCONT).</summary>
    Freeze,

    /// <summary>The primary is killed, frozen or told to go, and a replica takes its place.</summary>
    Failover,

    /// <summary>The server has no memory left (<c>maxmemory</c>).</summary>
    Memory,

    /// <summary>The disk is full.</summary>
    Disk,

    /// <summary>Another program holds the database's lock for writing.</summary>
    Busy,

    /// <summary>A slot of a cluster moves from one member to another.</summary>
    Reshard,

    /// <summary>Somebody else's hand deletes or spoils what the store keeps of an event.</summary>
    Damage,

    /// <summary>Not a fault of anybody: events fall due at one instant, more than one node has places for. Nothing is hurt meanwhile.</summary>
    Burst,

    /// <summary>The server forgets everything (<c>FLUSHALL</c>), as one that comes back without its files.</summary>
    Empty,
}

/// <summary>One fault of a plan.</summary>
/// <param name="At">When it begins, from the start of the run.</param>
/// <param name="Duration">How long it lasts.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Target">Which worker or server: any number, taken modulo how many there are.</param>
/// <param name="Variant">Which of its variants (the direction, the way of a failover): any number.</param>
public sealed record PlannedFault(TimeSpan At, TimeSpan Duration, FaultKind Kind, int Target, int Variant)
{
    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{At.TotalSeconds,7:F2} s  {Kind} for {Duration.TotalSeconds:F2} s (target {Target}, variant {Variant})");
}
