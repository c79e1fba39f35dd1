using Latchwork;

namespace Shop;

/// <summary>The event: the time to pay an order is over.</summary>
public sealed record OrderUnpaid(long Number);

/// <summary>Handles it. A delivery may come twice, so it changes only what is still open.</summary>
public sealed partial class CancelUnpaidOrder(Orders orders, ILogger<CancelUnpaidOrder> log) : ITimerHandler<OrderUnpaid>
{
    public Task HandleAsync(OrderUnpaid value, TimerDelivery delivery, CancellationToken cancellationToken)
    {
        if (orders.TryClose(value.Number, "Cancelled")) LogCancelled(value.Number, delivery.Lateness.TotalMilliseconds);
        return Task.CompletedTask;                              // returning confirms; throwing retries
    }

    [LoggerMessage(1, LogLevel.Information, "Order {Number} was not paid in time and is cancelled, {Late:F1} ms late.")]
    private partial void LogCancelled(long number, double late);
}
