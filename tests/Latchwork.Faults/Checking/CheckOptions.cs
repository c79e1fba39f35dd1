namespace Latchwork.Faults.Checking;

/// <summary>What the checker allows for. All spans are in µs.</summary>
public sealed record CheckOptions
{
    /// <summary>How much two readings of time may differ without being an offence: the store counts whole milliseconds. What <c>ClockSample</c> entries show is added.</summary>
    public long Slack { get; init; } = 1_000;

    /// <summary>How much longer than its bound and all outages in it a wait may take: the machine may be busy.</summary>
    public long WaitGrace { get; init; } = 10_000_000;

    /// <summary>How much earlier than its bound a wait may give up: timers of the runtime count on a coarse clock.</summary>
    public long TimerSlack { get; init; } = 20_000;

    /// <summary>How long a process may take to end after it was asked to, without the outages meanwhile. A Kubernetes pod has 30 s.</summary>
    public long ShutdownBound { get; init; } = 25_000_000;

    /// <summary>How long an event may wait while a node has a free place. Promised is that it is handed back after 1 s on a node that cannot start it.</summary>
    public long IdleGrace { get; init; } = 3_500_000;

    /// <summary>How long after the server came back empty a namespace that is in use may not be listed: nodes register it again every 10 s.</summary>
    public long RegistrationGrace { get; init; } = 12_000_000;

    /// <summary>How long an event may be overdue at the end of a run whose listeners were undisturbed for at least as long. Promised are 3 s.</summary>
    public long OverdueGrace { get; init; } = 15_000_000;

    /// <summary>
    /// How long after its end, or after the end of a fault that it met, a claim or a forgetting without an answer may still take effect. (All
    /// other operations without an answer: forever. These two concern so many others that little could be said.)
    /// </summary>
    public long Reach { get; init; } = 5_000_000;

    /// <summary>How many orders of operations are tried for one answer before an id counts as undecided.</summary>
    public int MaxOrders { get; init; } = 20_000;

    /// <summary>The most violations that are described; all are counted.</summary>
    public int MaxViolations { get; init; } = 100;

    /// <summary>How many bytes of history are checked at a time. More are split by id into files beside the history.</summary>
    public long BucketBytes { get; init; } = 48 << 20;
}
