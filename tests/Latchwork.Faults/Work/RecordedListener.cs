using Latchwork.Faults.History;

namespace Latchwork.Faults.Work;

/// <summary>A listener from its join to its leave, which it records. Whoever tells it to leave first ends it: the worker, or a handler.</summary>
internal sealed class RecordedListener(Recorder recorder, DistributedTimer timer, TimeSpan shutdownTimeout)
{
    /// <summary>What a leave may take beyond <see cref="TimerOptions.ShutdownTimeout"/>.</summary>
    private static readonly TimeSpan _rest = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _ending = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The timer that joins.</summary>
    public DistributedTimer Timer => timer;

    /// <summary>Its number in the history.</summary>
    public long Number { get; } = recorder.History.NextOp();

    /// <summary>Ends when somebody has told it to leave.</summary>
    public Task Ending => _ending.Task;

    /// <summary>Joins.</summary>
    /// <returns>Whether it has joined.</returns>
    public async Task<bool> TryJoinAsync(Handler handler, CancellationToken cancellationToken)
    {
        recorder.History.Write(new ListenerJoining(MonotonicTime.Now, WorkerSettings.Namespace, Number));
        try
        {
            await timer.JoinAsync(handler.HandleAsync, cancellationToken);
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException or ObjectDisposedException)
        {
            return false; // It did not join, and tries again.
        }

        recorder.History.Write(new ListenerJoined(MonotonicTime.Now, Number));
        return true;
    }

    /// <summary>Leaves. If a handler has begun to, it waits for the end of that.</summary>
    public async Task LeaveAsync()
    {
        if (!await TryLeaveAsync(isDisposed: false)) await timer.LeaveAsync(CancellationToken.None);
    }

    /// <summary>Leaves, by either of the two calls, unless somebody has begun to: by then the timer may have joined anew.</summary>
    /// <returns>Whether this call was the first.</returns>
    public async Task<bool> TryLeaveAsync(bool isDisposed)
    {
        Task leaving;
        lock (_gate)
        {
            if (_ending.Task.IsCompleted) return false;
            recorder.History.Write(new ListenerLeaving(MonotonicTime.Now, Number, timer.IsJoined, MonotonicTime.Of(shutdownTimeout + _rest)));
            leaving = isDisposed ? timer.DisposeAsync().AsTask() : timer.LeaveAsync(CancellationToken.None); // it has begun when the call returns
            _ending.SetResult();
        }

        await leaving;
        recorder.History.Write(new ListenerLeft(MonotonicTime.Now, Number));
        return true;
    }
}
