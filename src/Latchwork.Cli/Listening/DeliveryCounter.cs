namespace Latchwork.Cli.Listening;

/// <summary>
/// Lets exactly as many handlers begin as were asked for, although the engine begins another whenever one returns: the last ones, when
/// they have settled their delivery, stay until the node has begun to leave.
/// </summary>
internal sealed class DeliveryCounter
{
    private readonly int? _count;
    private readonly long _mayReturn;
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _settled;

    /// <summary>Creates a counter.</summary>
    /// <param name="count">The deliveries that are wanted; null: any number.</param>
    /// <param name="maxConcurrency">The handlers that the engine runs at a time: at most <paramref name="count"/>.</param>
    public DeliveryCounter(int? count, int maxConcurrency)
    {
        _count = count;
        // Each return lets one more begin, on top of the first ones.
        _mayReturn = count is { } wanted ? wanted - Math.Min(wanted, maxConcurrency) : long.MaxValue;
    }

    /// <summary>Completes when all are settled.</summary>
    public Task Reached => _reached.Task;

    /// <summary>Completes when the node has begun to leave.</summary>
    public Task Released => _released.Task;

    /// <summary>How many are settled.</summary>
    public long Settled => Volatile.Read(ref _settled);

    /// <summary>Counts a delivery that was settled.</summary>
    /// <returns>When its handler may return.</returns>
    public Task SettleAsync()
    {
        long settled = Interlocked.Increment(ref _settled);
        if (settled == _count) _reached.TrySetResult();
        return settled <= _mayReturn ? Task.CompletedTask : _released.Task;
    }

    /// <summary>Lets all handlers return. To be called when the node has begun to leave.</summary>
    public void Release() => _released.TrySetResult();
}
