using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Latchwork.Postgres.Tests;

/// <summary>The programs of docs/postgres.md, docs/outbox.md and docs/coming-from/quartz.md. They are compiled, and not run: their database is that of an installed service.</summary>
internal static class DocsExamples
{
    // Latchwork
    public sealed record Report(string Name);

    public sealed class SalesReport(Reports reports) : ITimerHandler<Report>
    {
        public Task HandleAsync(Report value, TimerDelivery delivery, CancellationToken cancellationToken) => reports.SendAsync(value.Name, cancellationToken);
    }

    public sealed class Reports
    {
        private string? _last;

        public Task SendAsync(string name, CancellationToken cancellationToken)
        {
            _last = name;
            return cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : Task.FromResult(_last);
        }
    }

    public static void Recurring(IHostApplicationBuilder builder)
    {
        builder.Services.AddLatchwork()
            .UsePostgres("Host=db;Database=app")
            .AddTimer<Report, SalesReport>("reports")
            .AddSchedule("reports", "nightly", Schedule.Cron("0 3 * * *", "Europe/Paris"), new Report("sales"));
    }

    public static async Task OpenAsync()
    {
        await using PostgresStore store = await PostgresStore.OpenAsync("postgres://shop_app@db.internal/shop");
    }

    public static async Task PostAsync(NpgsqlConnection connection, DistributedTimer unpaid)
    {
        await using var transaction = await connection.BeginTransactionAsync();
        // … INSERT INTO orders …
        await unpaid.WithTransaction(transaction).PostAsync(new Order(41), TimeSpan.FromHours(24), new() { Id = "41" });
        await transaction.CommitAsync();
    }

    public static async Task ConfirmAsync(NpgsqlDataSource database, DistributedTimer unpaid)
    {
        await unpaid.JoinAsync(async (delivery, cancellationToken) =>
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            // … UPDATE orders SET state = 'cancelled' …
            await delivery.ConfirmAsync(transaction, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        });
    }

    private sealed record Order(int Number);
}
