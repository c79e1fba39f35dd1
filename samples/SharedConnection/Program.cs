using Latchwork;
using StackExchange.Redis;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);

// The application's own connection. Aspire's AddRedisClient("redis") registers the same service.
string address = builder.Configuration.GetConnectionString("redis") ?? throw new InvalidOperationException("ConnectionStrings:redis is missing.");
builder.Services.AddSingleton<IConnectionMultiplexer>(_ => ConnectionMultiplexer.Connect(address));

builder.Services.AddLatchwork().UseRedis();                 // no address is given: the store shares that connection
builder.Services.AddHealthChecks().AddLatchwork();

WebApplication app = builder.Build();
app.MapHealthChecks("/health");

app.MapGet("/rates/{currency}", async (string currency, IConnectionMultiplexer redis, IProcessLocker locker, CancellationToken cancellationToken) =>
{
    long asked = await redis.GetDatabase().StringIncrementAsync($"asked:{currency}");      // the application's use of it
    string rate = await locker.RunOnceAsync($"rate:{currency}", async (lease, lost) =>     // and the store's
    {
        await Task.Delay(TimeSpan.FromMilliseconds(200), lost);
        return $"{currency} 1.08, from process {Environment.ProcessId}";
    }, new() { ResultTimeout = TimeSpan.FromMinutes(10) }, cancellationToken);
    return $"{rate}; asked {asked} times";
});

app.Run();
