namespace Latchwork;

/// <summary>Where a listener puts what its claims bring: handlers take it from there, or callers who wait for it.</summary>
internal interface IDeliveryQueue : IDisposable
{
    /// <summary>Whether what one claim brought is best added together: a caller who is given some of it waits no more, and the rest would be handed back.</summary>
    bool TakesTogether { get; }

    /// <summary>Ends when the queue was stopped and no handler runs.</summary>
    Task Idle { get; }

    /// <summary>Ends when the queue was stopped, every run has also told the store how it ended, and what was not taken is handed back.</summary>
    Task Settled { get; }

    /// <summary>Queues deliveries.</summary>
    /// <returns>False if the queue was stopped: nothing was queued.</returns>
    bool TryAdd(List<TimerDelivery> deliveries);

    /// <summary>Keeps a handler free for a delivery with no retry left, which is queued later.</summary>
    /// <returns>False if no handler is free for it: it is to be handed back.</returns>
    bool TryKeepHandler(TimerDelivery delivery);

    /// <summary>A delivery for which a handler may be kept free will not be queued.</summary>
    void FreeHandler(TimerDelivery delivery);

    /// <summary>Stops: what has not begun is returned, and nothing is taken any more.</summary>
    List<TimerDelivery> Stop();

    /// <summary>Hands back what has not begun.</summary>
    /// <param name="which">Of these alone.</param>
    void HandBack(Func<TimerDelivery, bool> which);

    /// <summary>Ends when the queue was stopped and no handler runs but those that wait for this themselves.</summary>
    /// <param name="caller">The delivery of a handler that waits from now on.</param>
    Task OthersIdleAsync(TimerDelivery caller);

    /// <summary>The deliveries whose handlers run.</summary>
    TimerDelivery[] Running();
}
