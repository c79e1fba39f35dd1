using System.Collections.Concurrent;
using System.Text.Json.Serialization;
using Latchwork;

namespace OrderDeadline;

/// <summary>The event: the time to pay an order is over.</summary>
public sealed record OrderUnpaid(int Number);

public enum OrderState
{
    Open,
    Paid,
    Cancelled,
}

public sealed record Order(int Number, OrderState State);

/// <summary>Cancels an order that was not paid in time. It may run twice, so it changes only what is still open.</summary>
public sealed partial class CancelUnpaidOrder(Orders orders, ILogger<CancelUnpaidOrder> log) : ITimerHandler<OrderUnpaid>
{
    public Task HandleAsync(OrderUnpaid value, TimerDelivery delivery, CancellationToken cancellationToken)
    {
        if (orders.TryChange(value.Number, OrderState.Cancelled)) LogCancelled(value.Number, delivery.Lateness.TotalMilliseconds);
        return Task.CompletedTask;
    }

    [LoggerMessage(1, LogLevel.Information, "Order {Number} was not paid in time ({Late:F1} ms ago) and is cancelled.")]
    private partial void LogCancelled(int number, double late);
}

/// <summary>The orders. A real shop keeps them in its database; what matters is that a change is decided in one place.</summary>
public sealed class Orders
{
    private readonly ConcurrentDictionary<int, Order> _orders = new();

    public Order? Find(int number) => _orders.GetValueOrDefault(number);

    public bool TryAdd(int number) => _orders.TryAdd(number, new Order(number, OrderState.Open));

    public bool TryChange(int number, OrderState state) =>
        _orders.TryUpdate(number, new Order(number, state), new Order(number, OrderState.Open));
}

[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web, UseStringEnumConverter = true)]
[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(OrderUnpaid))]
public sealed partial class OrderJson : JsonSerializerContext;
