using System.Diagnostics;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Locking;

/// <summary>The work of a caller, together with how its result is written.</summary>
internal delegate Task<RunValue> Work(WorkLease lease, CancellationToken cancellationToken);

/// <summary>What a caller got: the lock, or an outcome.</summary>
/// <param name="Lock">The lock, if it is the caller's to hold.</param>
/// <param name="Outcome">Else the outcome.</param>
/// <param name="Original">The exception behind a failure, if the work ran in this process.</param>
/// <param name="Run">The span of the work, if it ran in this process and anybody wants spans.</param>
internal sealed record CallerAnswer(HeldLock? Lock, LockerOutcome? Outcome, Exception? Original, ActivityContext Run = default);

/// <summary>
/// One caller that waits for a key, until it has its answer, its time is up or it is cancelled, whichever comes first. What is not read-only
/// belongs to the flight, under its gate.
/// </summary>
internal sealed class FlightCaller : DeadlineItem
{
    private static readonly RunOnceOptions _defaults = new();

    /// <summary>The longest wait that is timed; what is longer is forever.</summary>
    private static readonly TimeSpan _longestWait = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private readonly TaskCompletionSource<CallerAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LockerCore _core;
    private KeyFlight? _flight;
    private TimeSpan _wait;
    private Alarm? _alarm; // only for a wait of another length than the locker's
    private CancellationTokenRegistration _registration;

    /// <param name="core">The locker.</param>
    /// <param name="work">What to run when the lock is granted, in the context of this call; null for a caller that wants to hold the lock itself.</param>
    /// <param name="options">How to run it.</param>
    public FlightCaller(LockerCore core, Work? work = null, RunOnceOptions? options = null)
    {
        _core = core;
        Work = work;
        Options = options ?? _defaults;
        if (work is not null) WorkContext = ExecutionContext.Capture();
        Node = new LinkedListNode<FlightCaller>(this);
    }

    public Work? Work { get; }

    /// <summary>The context (culture, AsyncLocal) in which the caller called, and in which its work is to run.</summary>
    public ExecutionContext? WorkContext { get; }

    public RunOnceOptions Options { get; }

    public LinkedListNode<FlightCaller> Node { get; }

    /// <summary>The span of its wait, under which its work runs.</summary>
    public ActivityContext Context { get; set; }

    /// <summary>The caller's number in the order of calls.</summary>
    public long Ticket { get; set; }

    /// <summary>When it called, as a timestamp.</summary>
    public long JoinedAt { get; set; }

    /// <summary>The fencing token that was the owner's at some moment after it called; it may have any outcome from there on.</summary>
    public long? WaitingFor { get; set; }

    /// <summary>Waits for the answer, in a flight that has taken it in. It completes on a thread for which nobody else waits.</summary>
    /// <exception cref="LockTimeoutException">It took longer than <paramref name="wait"/>.</exception>
    public Task<CallerAnswer> WaitAsync(KeyFlight flight, TimeSpan wait, CancellationToken cancellationToken)
    {
        (_flight, _wait) = (flight, wait);
        if (wait == _core.DefaultWait)
        {
            if (wait < _longestWait) _core.Waits.TryAdd(this);
        }
        else if (wait < _longestWait)
        {
            _alarm = _core.Clock.CreateAlarm(OnDeadline);
            _alarm.Set(wait);
        }

        if (cancellationToken.CanBeCanceled) _registration = cancellationToken.UnsafeRegister(static (caller, token) => ((FlightCaller)caller!).OnCancelled(token), this);

        // Either the one who answers sees all of this, or it is seen here that the answer has come meanwhile.
        Interlocked.MemoryBarrier();
        if (_answer.Task.IsCompleted) StopWaiting();
        return _answer.Task;
    }

    public void Give(HeldLock held) => Give(new CallerAnswer(held, null, null));

    public void Give(LockerOutcome outcome, Exception? original) => Give(new CallerAnswer(null, outcome, original));

    /// <param name="outcome">The outcome.</param>
    /// <param name="original">The exception behind a failure.</param>
    /// <param name="run">The work, if it was a run.</param>
    /// <param name="owner">The caller whose work it was: its span is the parent of the run's, and needs no link.</param>
    public void Give(LockerOutcome outcome, Exception? original, SharedRun? run, FlightCaller? owner) =>
        Give(new CallerAnswer(null, outcome, original, run is null || owner == this ? default : run.Context));

    public void Fail(Exception exception)
    {
        if (_answer.TrySetException(exception)) StopWaiting();
    }

    /// <inheritdoc/>
    public override void OnDeadline()
    {
        _core.Waits.Remove(this);
        if (_flight!.Leave(this)) Fail(new LockTimeoutException($"The wait for the key '{_flight.Key}' took longer than its wait timeout of {Durations.Text(_wait)}: {_flight.DescribeHolder()}."));
    }

    private void OnCancelled(CancellationToken cancellationToken)
    {
        if (_flight!.Leave(this) && _answer.TrySetCanceled(cancellationToken)) StopWaiting();
    }

    private void Give(CallerAnswer answer)
    {
        if (_answer.TrySetResult(answer)) StopWaiting();
    }

    private void StopWaiting()
    {
        _core.Waits.Remove(this);
        _alarm?.Dispose();
        _registration.Unregister();
    }
}
