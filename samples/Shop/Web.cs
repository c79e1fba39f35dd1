using Latchwork;

namespace Shop;

public sealed record Report(string Month, long Paid, string ComputedBy);

public static class Web
{
    public static void MapShop(this WebApplication app)
    {
        TimeSpan payWithin = TimeSpan.FromSeconds(app.Configuration.GetValue("PayWithinSeconds", 900));

        app.MapGet("/orders/{number:long}", (long number, Orders orders) => orders.Find(number) is { } order ? Results.Ok(order) : Results.NotFound());

        app.MapPost("/orders/{number:long}", async (long number, Orders orders, IDistributedTimer<OrderUnpaid> unpaid, CancellationToken cancellationToken) =>
        {
            if (orders.Find(number) is not null) return Results.Conflict();   // its deadline stays as it is

            // The deadline first: an order without one would never end, a deadline without an order does nothing.
            await unpaid.PostAsync(new OrderUnpaid(number), payWithin, new() { Id = $"{number}" }, cancellationToken);
            return orders.TryAdd(number) ? Results.Created($"/orders/{number}", orders.Find(number)) : Results.Conflict();
        });

        app.MapPost("/orders/{number:long}/payment", async (long number, Orders orders, IDistributedTimer<OrderUnpaid> unpaid, CancellationToken cancellationToken) =>
        {
            // The order decides who came first, the payment or the deadline. The timer is only cleaned up.
            if (!orders.TryClose(number, "Paid")) return Results.Conflict(orders.Find(number));
            await unpaid.CancelAsync($"{number}", cancellationToken: cancellationToken);
            return Results.Ok(orders.Find(number));
        });

        app.MapGet("/reports/{month}", (string month, Orders orders, IProcessLocker locker, CancellationToken cancellationToken) =>
            locker.RunOnceAsync(
                $"report:{month}",
                async (lease, lost) =>                                       // one process runs this, however many ask
                {
                    await Task.Delay(TimeSpan.FromSeconds(3), lost);         // the expensive part; lost fires if the lease is lost
                    return new Report(month, orders.Count("Paid"), $"process {Environment.ProcessId}");
                },
                new() { ResultTimeout = TimeSpan.FromMinutes(10) },          // and for ten minutes nobody runs it again
                cancellationToken));
    }
}
