namespace Latchwork;

/// <summary>The dead events of a namespace.</summary>
public sealed class DeadLetters
{
    internal DeadLetters()
    {
    }

    /// <summary>Lists dead events, the longest dead first, in pages.</summary>
    /// <param name="reason">Only those that died of it. Default: null, all.</param>
    /// <param name="olderThan">Only those dead for longer than this. Default: null, all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The events.</returns>
    public IAsyncEnumerable<TimerSnapshot> ListAsync(DeadReason? reason = null, TimeSpan? olderThan = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Schedules a dead event again, with no retry spent.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="due">When it is due. Default: null, now.</param>
    /// <param name="cancellationToken">Gives up waiting; a request that was sent may still happen.</param>
    /// <returns><see cref="TimerOutcome.Done"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    public Task<TimerOutcome> RequeueAsync(string id, Due? due = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Schedules dead events again, with no retry spent.</summary>
    /// <param name="reason">Only those that died of it. Default: null, all.</param>
    /// <param name="olderThan">Only those dead for longer than this. Default: null, all.</param>
    /// <param name="due">When they are due. Default: null, now.</param>
    /// <param name="cancellationToken">Stops after the current page.</param>
    /// <returns>How many were requeued.</returns>
    public Task<long> RequeueAllAsync(DeadReason? reason = null, TimeSpan? olderThan = null, Due? due = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Deletes a dead event for good.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">Gives up waiting; a request that was sent may still happen.</param>
    /// <returns><see cref="TimerOutcome.Done"/> or <see cref="TimerOutcome.NotFound"/>.</returns>
    public Task<TimerOutcome> PurgeAsync(string id, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Deletes dead events for good.</summary>
    /// <param name="reason">Only those that died of it. Default: null, all.</param>
    /// <param name="olderThan">Only those dead for longer than this. Default: null, all.</param>
    /// <param name="cancellationToken">Stops after the current page.</param>
    /// <returns>How many were deleted.</returns>
    public Task<long> PurgeAllAsync(DeadReason? reason = null, TimeSpan? olderThan = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
}
