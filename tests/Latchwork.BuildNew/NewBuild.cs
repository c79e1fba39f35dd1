using Latchwork;

namespace Shop.Sales.Events;

/// <summary>The event after it was renamed, moved to another namespace and assembly, and given one more property.</summary>
public sealed record UnpaidOrder(int Number, string? Coupon = null);

/// <summary>An event that the old build does not know.</summary>
public sealed record TrialEnds(int Customer);

/// <summary>Handles both.</summary>
public sealed class SalesHandler(Func<string, Task> handled) : ITimerHandler<UnpaidOrder>, ITimerHandler<TrialEnds>
{
    public Task HandleAsync(UnpaidOrder value, TimerDelivery delivery, CancellationToken cancellationToken) => handled($"new {delivery.Namespace} {value.Number}");

    public Task HandleAsync(TrialEnds value, TimerDelivery delivery, CancellationToken cancellationToken) => handled($"new {delivery.Namespace} {value.Customer}");
}

/// <summary>What the new build registers.</summary>
public static class NewBuild
{
    public static LatchworkBuilder AddNewBuild(this LatchworkBuilder builder) =>
        builder.AddTimer<UnpaidOrder, SalesHandler>("order-unpaid").AddTimer<TrialEnds, SalesHandler>("trial-ends");

    /// <summary>A service that only posts.</summary>
    public static LatchworkBuilder AddNewPosts(this LatchworkBuilder builder) => builder.AddTimer<UnpaidOrder>("order-unpaid").AddTimer<TrialEnds>("trial-ends");
}
