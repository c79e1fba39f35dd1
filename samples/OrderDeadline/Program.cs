using Latchwork;
using OrderDeadline;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, OrderJson.Default));
builder.Services.AddSingleton<Orders>();

LatchworkBuilder latchwork = builder.Services.AddLatchwork();
if (builder.Configuration["Latchwork:Redis:ConnectionString"] is null) latchwork.UseSqlite(builder.Configuration["Database"] ?? "orders.db");
else latchwork.UseRedis();                                  // several machines share it
latchwork.AddTimer<OrderUnpaid, CancelUnpaidOrder>("order-unpaid", OrderJson.Default.OrderUnpaid);
builder.Services.AddHealthChecks().AddLatchwork();

WebApplication app = builder.Build();
TimeSpan payWithin = TimeSpan.FromSeconds(app.Configuration.GetValue("PayWithinSeconds", 900));

app.MapHealthChecks("/health");
app.MapGet("/orders/{number:int}", (int number, Orders orders) => orders.Find(number) is { } order ? Results.Ok(order) : Results.NotFound());

app.MapPost("/orders/{number:int}", async (int number, Orders orders, IDistributedTimer<OrderUnpaid> unpaid, CancellationToken cancellationToken) =>
{
    if (orders.Find(number) is not null) return Results.Conflict();   // its deadline stays as it is

    // The deadline first: an order without one would never end, a deadline without an order does nothing.
    await unpaid.PostAsync(new OrderUnpaid(number), payWithin, new() { Id = $"{number}" }, cancellationToken);
    return orders.TryAdd(number) ? Results.Created($"/orders/{number}", orders.Find(number)) : Results.Conflict();
});

app.MapPost("/orders/{number:int}/payment", async (int number, Orders orders, IDistributedTimer<OrderUnpaid> unpaid, CancellationToken cancellationToken) =>
{
    // The order decides who came first, the payment or the deadline. The timer is only cleaned up.
    if (!orders.TryChange(number, OrderState.Paid)) return Results.Conflict(orders.Find(number));
    await unpaid.CancelAsync($"{number}", cancellationToken: cancellationToken);
    return Results.Ok(orders.Find(number));
});

app.Run();
