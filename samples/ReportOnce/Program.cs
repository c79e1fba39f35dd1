using Latchwork;
using ReportOnce;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, ReportJson.Default));
builder.Services.AddSingleton<Reports>();

LatchworkBuilder latchwork = builder.Services.AddLatchwork();
if (builder.Configuration["Latchwork:Redis:ConnectionString"] is null) latchwork.UseSqlite(builder.Configuration["Database"] ?? "reports.db");
else latchwork.UseRedis();                                  // several machines share it

WebApplication app = builder.Build();

app.MapGet("/reports/{month}", async (string month, Reports reports, IProcessLocker locker, CancellationToken cancellationToken) =>
{
    Report report = await locker.RunOnceAsync(
        $"report:{month}",
        ReportJson.Default.Report,
        (lease, lost) => reports.ComputeAsync(month, lease.FencingToken, lost), // one process runs this, however many ask
        new() { ResultTimeout = TimeSpan.FromMinutes(10) },                     // and for ten minutes nobody runs it again
        cancellationToken);
    return Results.Ok(report);
});

app.Run();
