using System.Diagnostics.CodeAnalysis;
using Latchwork.Diagnostics;

namespace Latchwork;

/// <summary>
/// One membership of a timer in its namespace, from the call that joins to the end of the leave. A timer has one at a time, and a new one takes
/// the place of the former as a whole: nothing of the former can end the new one.
/// </summary>
/// <remarks>
/// The states. Each is entered once, under the gate; nobody else changes anything.
/// <code>
/// Joining   ──► Listening   the join, when every partition has answered
///           ──► Leaving     whoever calls LeaveAsync: the join gives up and throws
///           ──► Ended       the join, if it failed
/// Listening ──► Leaving     whoever calls LeaveAsync first; who comes later waits for the same end
/// Leaving   ──► Ended       the leave, after the join is through and the listener has ended
/// </code>
/// A membership begins when the one before it has ended, as both have the node's id: the end of one would take the other off the store's list.
/// Until then it is Joining. If a step is the last, because the process dies or the store never answers again: while Joining or Listening the
/// node is listed until it misses its poll slot; what it held has leases that run out. While Leaving every step has a bound, at most
/// <see cref="TimerOptions.ShutdownTimeout"/> and <see cref="TimerSettings.LeaveGrace"/> in all, and Ended is entered whatever a step threw.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Sources without timer and wait handle hold nothing that must be disposed.")]
internal sealed class Membership
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _leaveRequested = new();
    private readonly CancellationTokenSource _hurry = new();
    private readonly TaskCompletionSource _joinIsThrough = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Membership? _before;
    private volatile Listener? _listener;
    private volatile State _state = State.Joining;

    /// <param name="before">The membership that this one takes the place of; null if there was none.</param>
    public Membership(Membership? before)
    {
        _before = before;
        Ended = EndAsync(before?.Ended ?? Task.CompletedTask);
    }

    private enum State
    {
        Joining,
        Listening,
        Leaving,
        Ended,
    }

    /// <summary>Ends with this membership and all before it. Never fails.</summary>
    public Task Ended { get; }

    /// <summary>Whether events are claimed.</summary>
    public bool IsListening => _state == State.Listening && _listener is { IsAbandoned: false };

    /// <summary>Whether it was told to leave, or is over: another one may take its place.</summary>
    public bool IsLeavingOrEnded => _state is State.Leaving or State.Ended;

    /// <summary>Whether a delivery came by this membership, or by one before it that has not ended.</summary>
    public bool Owns(TimerDelivery delivery) => (_listener is { } listener && listener.Owns(delivery)) || (_before is { } before && before.Owns(delivery));

    /// <summary>What is held of an event by this membership, or by one before it that has not ended.</summary>
    public TimerDelivery? Find(string id) => _listener?.Find(id) ?? _before?.Find(id);

    /// <summary>Stops everything without telling anybody.</summary>
    public void Abandon() => _listener?.Abandon();

    /// <summary>Joins. Called once.</summary>
    /// <param name="open">Makes the listener.</param>
    /// <param name="stats">Counts the namespace, for instruments.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task JoinAsync(
        Func<CancellationToken, Task<Listener>> open, Func<CancellationToken, Task<TimerStats>> stats, CancellationToken cancellationToken)
    {
        bool joined = false;
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _leaveRequested.Token);
            if (_before is { } before) await before.Ended.WaitAsync(stop.Token).ConfigureAwait(false);
            _listener = await open(stop.Token).ConfigureAwait(false);
            await _listener.StartAsync(stop.Token).ConfigureAwait(false);
            joined = TryEnter(State.Listening, from: State.Joining);
            if (!joined) throw new OperationCanceledException("The timer was told to leave before it had joined.", _leaveRequested.Token);
            LiveTimers.Joined(_listener, stats);
        }
        finally
        {
            try
            {
                if (!joined && _listener is { } listener) await EndAsync(listener, new CancellationToken(canceled: true)).ConfigureAwait(false);
            }
            finally
            {
                if (!joined && TryEnter(State.Ended, from: State.Joining)) _left.SetResult();
                _joinIsThrough.SetResult();
            }
        }
    }

    /// <summary>Leaves, if nobody has begun to.</summary>
    /// <param name="caller">The delivery whose handler asks: it is not waited for, as it waits itself. Null if none does.</param>
    /// <param name="cancellationToken">Ends the wait for handlers early, whoever began to leave.</param>
    /// <returns>Ends when nothing is held any more, but by the handlers that wait themselves.</returns>
    public async Task LeaveAsync(TimerDelivery? caller, CancellationToken cancellationToken)
    {
        bool wasListening = TryEnter(State.Leaving, from: State.Listening);
        bool isFirst = wasListening || TryEnter(State.Leaving, from: State.Joining);

        // The handler's own token fires because the node leaves: it must not cut short the time of the other handlers.
        if (caller is not null && cancellationToken == caller.Stopping) cancellationToken = CancellationToken.None;
        using CancellationTokenRegistration hurry = cancellationToken.UnsafeRegister(static self => ((Membership)self!).Hurry(), this);
        if (isFirst)
        {
            _ = _leaveRequested.CancelAsync();
            _ = LeaveCoreAsync(wasListening);
        }

        // A handler of the membership before this one is no more waited for than one of this: it is what that membership waits for.
        Task left = _left.Task;
        if (caller is not null && _listener is { } listener && listener.Owns(caller)) left = await Task.WhenAny(left, listener.OthersThroughAsync(caller)).ConfigureAwait(false);
        await left.ConfigureAwait(false);
        if (caller is null) await Ended.ConfigureAwait(false);
    }

    private async Task LeaveCoreAsync(bool wasListening)
    {
        try
        {
            await _joinIsThrough.Task.ConfigureAwait(false);
            if (wasListening) await EndAsync(_listener!, _hurry.Token).ConfigureAwait(false);
            TryEnter(State.Ended, from: State.Leaving);
            _left.SetResult();
        }
#pragma warning disable CA1031 // Whoever waits for the leave gets it, and the next membership can begin.
        catch (Exception e)
#pragma warning restore CA1031
        {
            TryEnter(State.Ended, from: State.Leaving);
            _left.SetException(e);
        }
    }

    private async Task EndAsync(Task before)
    {
        await before.ConfigureAwait(false);
        _before = null; // or the first would be kept as long as the last
        await _left.Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    // Not the callbacks of the wait on the thread of whoever cancels.
    private void Hurry() => _ = _hurry.CancelAsync();

    private bool TryEnter(State next, State from)
    {
        lock (_gate)
        {
            if (_state != from) return false;
            _state = next;
            return true;
        }
    }

    private static async Task EndAsync(Listener listener, CancellationToken cancellationToken)
    {
        LiveTimers.Left(listener);
        if (listener.IsAbandoned) await listener.UnsubscribeAsync().ConfigureAwait(false);
        else await listener.LeaveAsync(cancellationToken).ConfigureAwait(false);
        listener.Dispose();
    }
}
