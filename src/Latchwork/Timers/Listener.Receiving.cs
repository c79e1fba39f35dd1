namespace Latchwork;

/// <content>What callers who receive, and not handlers, need.</content>
internal sealed partial class Listener
{
    /// <summary>The callers who receive; null if handlers take what comes.</summary>
    public Receivers? Receivers { get; }

    /// <summary>How many partitions there are.</summary>
    public int Partitions => _clients.Length;

    /// <summary>The lease of the next claim.</summary>
    public TimeSpan LeaseOfClaim => Receivers?.Lease ?? Settings.LeaseDuration;

    /// <summary>A handler has returned: the next may run.</summary>
    public void Returned(TimerDelivery delivery) => _handlers!.Returned(delivery);

    /// <summary>Asks every partition now.</summary>
    public void AskAll()
    {
        foreach (ClaimLoop loop in _loops) loop.AskIn(TimeSpan.Zero);
    }

    /// <summary>A partition has answered a claim. Occurrences of schedules that it brought come when their schedules have advanced.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="calls">The number of the last call of a receiver before the claim was sent.</param>
    /// <param name="max">How much was asked for.</param>
    public void OnAnswered(int partition, long calls, int max)
    {
        if (Receivers is not { } receivers) return;
        if (_starter?.Settled is not { IsCompleted: false } starting) receivers.OnAnswered(partition, calls, max);
        else _ = starting.ContinueWith(_ => receivers.OnAnswered(partition, calls, max), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }
}
