using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Latchwork.Sqlite.Tests;

/// <summary>The program of docs/sqlite.md, and that of recurring jobs in docs/coming-from/hangfire.md. They are compiled, and not run: their file is that of an installed service.</summary>
internal static class DocsExamples
{
    public static async Task OpenAsync()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync("/var/lib/myapp/latchwork.db");
    }

    public static void Recurring(IHostApplicationBuilder builder)
    {
        // Latchwork
        builder.Services.AddLatchwork()
            .UseSqlite("app.db")
            .AddTimer<Report, ReportHandler>("reports")
            .AddSchedule("reports", "nightly", Schedule.Cron("0 3 * * *", "Europe/Paris"), new Report("sales"));
    }

    public sealed record Report(string Name);

    public sealed class ReportHandler : ITimerHandler<Report>
    {
        public Task HandleAsync(Report value, TimerDelivery delivery, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
