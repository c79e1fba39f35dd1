namespace Latchwork;

/// <summary>A caller who waits for deliveries. All but the result belongs to <see cref="Receivers"/>, under its gate.</summary>
internal sealed class Receiver(int max, TimeSpan lease)
{
    private readonly TaskCompletionSource<IReadOnlyList<TimerDelivery>> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The most deliveries that it takes.</summary>
    public int Max => max;

    /// <summary>The lease that it wants.</summary>
    public TimeSpan Lease => lease;

    /// <summary>The number of its call: a claim that was sent with a lower one says nothing about what is due for it.</summary>
    public long Number { get; set; }

    /// <summary>The partitions that have answered a claim which was sent after the call.</summary>
    public HashSet<int> Answered { get; } = [];

    /// <summary>Whether its wait is over: it is answered as soon as every partition was asked once.</summary>
    public bool HasWaited { get; set; }

    /// <summary>What it gets; none when its wait is over.</summary>
    public Task<IReadOnlyList<TimerDelivery>> Result => _result.Task;

    public void Give(IReadOnlyList<TimerDelivery> deliveries) => _result.TrySetResult(deliveries);

    public void Fail(Exception exception) => _result.TrySetException(exception);
}
