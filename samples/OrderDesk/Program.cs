using OrderDesk;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddOrderDesk(builder.Configuration.GetConnectionString("shop") ?? throw new InvalidOperationException("ConnectionStrings:shop is missing."));
builder.Services.AddOperations().AddHealthChecks().AddLatchwork();

WebApplication app = builder.Build();
TimeSpan payWithin = TimeSpan.FromSeconds(app.Configuration.GetValue("PayWithinSeconds", 900));

// A real shop has migrations. This does nothing where there is any table already, so it comes before the timers make theirs.
await using (AsyncServiceScope scope = app.Services.CreateAsyncScope())
    await scope.ServiceProvider.GetRequiredService<ShopContext>().Database.EnsureCreatedAsync();

app.MapHealthChecks("/health");
app.MapOperations();
app.MapPost("/orders/{number:long}", async (long number, string? voucher, Desk desk, CancellationToken cancellationToken) =>
{
    if (voucher is null) await desk.PlaceAsync(number, payWithin, cancellationToken);
    else await desk.PlaceAsync(number, voucher, payWithin, cancellationToken);
    return Results.Created($"/orders/{number}", null);
});
app.MapGet("/orders/{number:long}", async (long number, ShopContext db, CancellationToken cancellationToken) =>
    await db.Orders.FindAsync([number], cancellationToken) is { } order ? Results.Ok(order) : Results.NotFound());
await app.RunAsync();
