using Microsoft.Data.Sqlite;

namespace Shop;

public sealed record Order(long Number, string State);

/// <summary>The orders, in a database that all processes of the shop share. It comes with Latchwork.Sqlite; a real shop has its own.</summary>
public sealed class Orders(IConfiguration configuration)
{
    private readonly string _database = $"Data Source={configuration["Orders"] ?? "orders.db"}";

    public Order? Find(long number) => Read("SELECT state FROM orders WHERE number = $number", number) is string state ? new Order(number, state) : null;

    public long Count(string state) => (long)Read("SELECT count(*) FROM orders WHERE state = $state", state: state)!;

    public bool TryAdd(long number) => Read("INSERT INTO orders VALUES ($number, 'Open') ON CONFLICT DO NOTHING RETURNING number", number) is not null;

    // Only an order that is still open changes: of a payment and a deadline that come at the same moment, the database decides who was first.
    public bool TryClose(long number, string state) =>
        Read("UPDATE orders SET state = $state WHERE number = $number AND state = 'Open' RETURNING number", number, state) is not null;

    private object? Read(string sql, long number = 0, string state = "")
    {
        using var connection = new SqliteConnection(_database);
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, state TEXT NOT NULL)";
        command.ExecuteNonQuery();
        command.CommandText = sql;
        if (sql.Contains("$number", StringComparison.Ordinal)) command.Parameters.AddWithValue("$number", number);
        if (sql.Contains("$state", StringComparison.Ordinal)) command.Parameters.AddWithValue("$state", state);
        return command.ExecuteScalar();
    }
}
