using Npgsql;

namespace Latchwork.Postgres.Tests;

/// <summary>The programs of docs/postgres.md and docs/outbox.md. They are compiled, and not run: their database is that of an installed service.</summary>
internal static class DocsExamples
{
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
