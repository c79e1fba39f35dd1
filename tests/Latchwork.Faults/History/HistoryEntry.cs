using System.Text.Json.Serialization;

namespace Latchwork.Faults.History;

/// <summary>
/// One line of a history. A run's history is the union of the files of its processes (the harness is one of them), each append-only. All
/// spans are in µs. Properties that do not apply are null and not written.
/// </summary>
/// <param name="At">The machine's monotonic clock in µs: see <see cref="MonotonicTime"/>. It is the same for all processes.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "k")]
[JsonDerivedType(typeof(RunStarted), "run")]
[JsonDerivedType(typeof(ProcessStarted), "process")]
[JsonDerivedType(typeof(ProcessEnded), "processEnd")]
[JsonDerivedType(typeof(ProcessEnding), "processEnding")]
[JsonDerivedType(typeof(ListenerJoining), "joining")]
[JsonDerivedType(typeof(ListenerJoined), "joined")]
[JsonDerivedType(typeof(ListenerLeaving), "leaving")]
[JsonDerivedType(typeof(ListenerLeft), "left")]
[JsonDerivedType(typeof(BurstPosted), "burst")]
[JsonDerivedType(typeof(BurstListenerJoined), "burstJoined")]
[JsonDerivedType(typeof(BurstListenerLeft), "burstLeft")]
[JsonDerivedType(typeof(BurstHandlerStarted), "burstHandler")]
[JsonDerivedType(typeof(BurstHandlerEnded), "burstHandlerEnd")]
[JsonDerivedType(typeof(ClockSample), "clock")]
[JsonDerivedType(typeof(FaultStarted), "fault")]
[JsonDerivedType(typeof(FaultEnded), "faultEnd")]
[JsonDerivedType(typeof(OperationStarted), "op")]
[JsonDerivedType(typeof(OperationEnded), "opEnd")]
[JsonDerivedType(typeof(EventClaimed), "claimed")]
[JsonDerivedType(typeof(HandlerStarted), "handler")]
[JsonDerivedType(typeof(HandlerEnded), "handlerEnd")]
[JsonDerivedType(typeof(DeliveryLocalLease), "localLease")]
[JsonDerivedType(typeof(DeliveryStopped), "stopped")]
[JsonDerivedType(typeof(WorkStarted), "work")]
[JsonDerivedType(typeof(WorkLocalLease), "workLocalLease")]
[JsonDerivedType(typeof(WorkLost), "workLost")]
[JsonDerivedType(typeof(WorkEnded), "workEnd")]
[JsonDerivedType(typeof(FinalScanStarted), "scan")]
[JsonDerivedType(typeof(FinalEvent), "final")]
[JsonDerivedType(typeof(FinalScanEnded), "scanEnd")]
[JsonDerivedType(typeof(FinalNamespaces), "namespaces")]
[JsonDerivedType(typeof(ScheduleWriteSent), "scheduleWrite")]
[JsonDerivedType(typeof(ScheduleRemovalSent), "scheduleRemoval")]
[JsonDerivedType(typeof(OccurrenceTriggered), "triggered")]
[JsonDerivedType(typeof(OccurrenceDecided), "decided")]
[JsonDerivedType(typeof(OccurrenceEndSent), "occurrenceEnd")]
[JsonDerivedType(typeof(ScheduleCallEnded), "scheduleCallEnd")]
[JsonDerivedType(typeof(OccurrencesClaimed), "occurrencesClaimed")]
[JsonDerivedType(typeof(NamespacePauseSent), "namespacePause")]
[JsonDerivedType(typeof(OccurrenceHandled), "handled")]
[JsonDerivedType(typeof(FinalSchedule), "finalSchedule")]
[JsonDerivedType(typeof(FinalOccurrence), "finalOccurrence")]
public abstract record HistoryEntry(long At);

/// <summary>The run, written first by the harness.</summary>
/// <param name="At">When.</param>
/// <param name="Store">The kind of store: redis, sentinel, cluster, sqlite, memory.</param>
/// <param name="Seed">What the run was made from.</param>
/// <param name="Note">Versions, settings, the command line: for people.</param>
public sealed record RunStarted(long At, string Store, long Seed, string? Note = null) : HistoryEntry(At);

/// <summary>A process began; the first line of each file.</summary>
/// <param name="At">When.</param>
/// <param name="Process">Its name, unique in the run, and the file's name.</param>
/// <param name="Role">What it does: harness, poster, listener, locker, …</param>
/// <param name="Pid">Its number in the operating system.</param>
public sealed record ProcessStarted(long At, string Process, string Role, int Pid) : HistoryEntry(At);

/// <summary>
/// A process ended. Written by itself when it leaves in good order (<paramref name="Process"/> null), or by the harness after it was killed.
/// The operations that it had begun have an unknown outcome.
/// </summary>
/// <param name="At">When: of a kill, a moment at which it was certainly dead.</param>
/// <param name="Process">The process; null: the one whose file this is.</param>
/// <param name="Killed">Whether it was killed: its waiters need no end.</param>
public sealed record ProcessEnded(long At, string? Process = null, bool Killed = false) : HistoryEntry(At);

/// <summary>Both clocks of the machine at one moment. The harness writes one a second: the checker measures from them how steady the store's clock can be.</summary>
/// <param name="At">The monotonic clock, read right before.</param>
/// <param name="UnixTime">The machine's (not a client's shifted) real-time clock: µs since 1970.</param>
public sealed record ClockSample(long At, long UnixTime) : HistoryEntry(At);

/// <summary>A fault began; written before it is injected.</summary>
/// <param name="At">When.</param>
/// <param name="Fault">Its number, unique in the file.</param>
/// <param name="Kind">What: kill, stop, cutConnections, stall, throttle, dropNotifications, scriptFlush, restartServer, freezeServer, failover, clockShift, diskFull, memoryLimit, …</param>
/// <param name="Target">Whom: the name of a process, or "store", or a server.</param>
public sealed record FaultStarted(long At, int Fault, string Kind, string Target) : HistoryEntry(At)
{
    /// <summary>Whether the store, or somebody's way to it, may be out of reach meanwhile: waits may take longer by as much.</summary>
    public bool Outage { get; init; }

    /// <summary>
    /// Not null: writes that were acknowledged during the fault, or up to this long before it, may be lost, and until it has ended there may
    /// be two primaries (a failover, a server restarted with <c>everysec</c>). Null: it loses nothing.
    /// </summary>
    public long? LossWindow { get; init; }
}

/// <summary>A fault ended; written after all is as before (the new primary was seen to answer, for one).</summary>
/// <param name="At">When.</param>
/// <param name="Fault">Its number.</param>
public sealed record FaultEnded(long At, int Fault) : HistoryEntry(At);

/// <summary>A listing of all that is left began; at the end of a run, when no client works any more.</summary>
/// <param name="At">When.</param>
/// <param name="Ns">The timers' namespace.</param>
/// <param name="Drained">
/// Since when at the latest, in the machine's monotonic µs, all was well again and enough listeners ran undisturbed, until right before the
/// listing: what has been due for long must have been delivered. Null: nobody listened.
/// </param>
public sealed record FinalScanStarted(long At, string Ns, long? Drained = null) : HistoryEntry(At);

/// <summary>An event that is left in the store.</summary>
/// <param name="At">When it was read.</param>
/// <param name="Ns">Its namespace.</param>
/// <param name="Id">Its id.</param>
/// <param name="Version">What its payload says: see <see cref="EventVersion"/>.</param>
/// <param name="State">Its state.</param>
/// <param name="Retries">Its retries.</param>
/// <param name="Left">Scheduled: the time until it is due; in flight: the lease left; never negative.</param>
public sealed record FinalEvent(long At, string Ns, string Id, string Version, TimerState State, int Retries, long Left) : HistoryEntry(At)
{
    /// <summary>In flight: the delivery's token.</summary>
    public string? Token { get; init; }

    /// <summary>Dead-lettered: why.</summary>
    public DeadLetterReason? Reason { get; init; }

    /// <summary>Scheduled: how long it has been overdue, by the store's clock.</summary>
    public long? Overdue { get; init; }
}

/// <summary>The namespaces that the store lists at the end.</summary>
/// <param name="At">When they were read.</param>
/// <param name="Timers">Those of timers.</param>
/// <param name="Locks">Those of locks.</param>
public sealed record FinalNamespaces(long At, IReadOnlyList<string> Timers, IReadOnlyList<string> Locks) : HistoryEntry(At);

/// <summary>The listing is complete: an id that is not in it is not in the store.</summary>
/// <param name="At">When.</param>
/// <param name="Ns">The namespace.</param>
public sealed record FinalScanEnded(long At, string Ns) : HistoryEntry(At);
