using System.Diagnostics;
using Latchwork.Storage;

namespace Latchwork.Locking;

/// <summary>The work of a caller, together with how its result is written.</summary>
internal delegate Task<RunValue> Work(WorkLease lease, CancellationToken cancellationToken);

/// <summary>What a caller got: the lock, or an outcome.</summary>
/// <param name="Lock">The lock, if it is the caller's to hold.</param>
/// <param name="Outcome">Else the outcome.</param>
/// <param name="Original">The exception behind a failure, if the work ran in this process.</param>
/// <param name="Run">The span of the work, if it ran in this process and anybody wants spans.</param>
internal sealed record CallerAnswer(HeldLock? Lock, LockerOutcome? Outcome, Exception? Original, ActivityContext Run = default);

/// <summary>One caller that waits for a key. What is not read-only belongs to the flight, under its gate.</summary>
internal sealed class FlightCaller
{
    private readonly TaskCompletionSource<CallerAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="work">What to run when the lock is granted; null for a caller that wants to hold the lock itself.</param>
    /// <param name="options">How to run it.</param>
    public FlightCaller(Work? work = null, RunOnceOptions? options = null)
    {
        Work = work;
        Options = options ?? new RunOnceOptions();
        Node = new LinkedListNode<FlightCaller>(this);
    }

    public Work? Work { get; }

    public RunOnceOptions Options { get; }

    /// <summary>Completes off the store's threads.</summary>
    public Task<CallerAnswer> Answer => _answer.Task;

    public LinkedListNode<FlightCaller> Node { get; }

    /// <summary>The span of its wait, under which its work runs.</summary>
    public ActivityContext Context { get; set; }

    /// <summary>The caller's number in the order of calls.</summary>
    public long Ticket { get; set; }

    /// <summary>When it called, as a timestamp.</summary>
    public long JoinedAt { get; set; }

    /// <summary>The fencing token that was the owner's at some moment after it called; it may have any outcome from there on.</summary>
    public long? WaitingFor { get; set; }

    public void Give(HeldLock held) => _answer.TrySetResult(new CallerAnswer(held, null, null));

    public void Give(LockerOutcome outcome, Exception? original) => _answer.TrySetResult(new CallerAnswer(null, outcome, original));

    /// <param name="outcome">The outcome.</param>
    /// <param name="original">The exception behind a failure.</param>
    /// <param name="run">The work, if it was a run.</param>
    /// <param name="owner">The caller whose work it was: its span is the parent of the run's, and needs no link.</param>
    public void Give(LockerOutcome outcome, Exception? original, SharedRun? run, FlightCaller? owner) =>
        _answer.TrySetResult(new CallerAnswer(null, outcome, original, run is null || owner == this ? default : run.Context));

    public void Fail(Exception exception) => _answer.TrySetException(exception);
}
