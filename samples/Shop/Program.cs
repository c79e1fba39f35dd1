using Latchwork;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Shop;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
bool isWorker = builder.Configuration["role"] == "worker";

builder.Services.AddSingleton<Orders>();
LatchworkBuilder latchwork = builder.Services.AddLatchwork();
if (builder.Configuration["Latchwork:Redis:ConnectionString"] is null) latchwork.UseSqlite(builder.Configuration["Timers"] ?? "timers.db");
else latchwork.UseRedis();                                                         // several machines share it
if (isWorker) latchwork.AddTimer<OrderUnpaid, CancelUnpaidOrder>("order-unpaid");  // posts and listens
else latchwork.AddTimer<OrderUnpaid>("order-unpaid");                              // posts, and claims nothing

builder.Services.AddHealthChecks().AddLatchwork();
builder.Services.AddProblemDetails().AddExceptionHandler<StoreDown>();
if (builder.Configuration["telemetry"] == "console")
{
    builder.Services.AddOpenTelemetry()
        .WithMetrics(metrics => metrics.AddMeter(LatchworkTelemetry.MeterName).AddConsoleExporter())
        .WithTracing(traces => traces.AddSource(LatchworkTelemetry.ActivitySourceName).AddConsoleExporter());
}

WebApplication app = builder.Build();
app.UseExceptionHandler();
app.MapHealthChecks("/health");
if (!isWorker) app.MapShop();
app.Run();
