using Latchwork;

namespace Shop.Orders;

/// <summary>The event, as the old build knows it.</summary>
public sealed record Order(int Number);

/// <summary>Handles it.</summary>
public sealed class OrderHandler(Func<string, Task> handled) : ITimerHandler<Order>
{
    public Task HandleAsync(Order value, TimerDelivery delivery, CancellationToken cancellationToken) => handled($"old {delivery.Namespace} {value.Number}");
}

/// <summary>What the old build registers.</summary>
public static class OldBuild
{
    public static LatchworkBuilder AddOldBuild(this LatchworkBuilder builder) => builder.AddTimer<Order, OrderHandler>("order-unpaid");
}
