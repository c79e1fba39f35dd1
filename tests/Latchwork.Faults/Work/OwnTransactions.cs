using Latchwork.Faults.History;
using Npgsql;

namespace Latchwork.Faults.Work;

/// <summary>
/// Transactions of an application on the store's database: a row of its own is written together with a post, or with a confirmation, and both are
/// committed or rolled back. The harness compares the rows with the history: see <see cref="Running.OwnRows"/>.
/// </summary>
internal sealed class OwnTransactions : IAsyncDisposable
{
    private readonly Recorder _recorder;
    private readonly NpgsqlDataSource _database;

    public OwnTransactions(Recorder recorder, string uri)
    {
        var address = new Uri(uri);
        _recorder = recorder;
        _database = NpgsqlDataSource.Create(
            $"Host={address.Host};Port={address.Port};Username=postgres;Database=postgres;SSL Mode=Disable;GSS Encryption Mode=Disable;Timeout=2;Command Timeout=5");
    }

    /// <summary>Posts in a transaction that stays open for some time.</summary>
    public Task PostAsync(DistributedTimer timer, OperationStarted operation, TimerPost post, bool isRolledBack, TimeSpan open) => RecordAsync(
        operation,
        async transaction =>
        {
            await WriteAsync(transaction, "INSERT INTO own.posted VALUES ($1)", operation.Version!);
            PostResult result = await timer.WithTransaction(transaction).PostAsync(post.Payload, post.Due, post.Options);
            await Task.Delay(open);
            return $"{result.Outcome}";
        },
        isRolledBack,
        throws: false);

    /// <summary>Confirms in a transaction that stays open for some time. What goes wrong is thrown, as a handler would.</summary>
    public Task ConfirmAsync(TimerDelivery delivery, bool isRolledBack, TimeSpan open) => RecordAsync(
        _recorder.Begin(Verb.Confirm, delivery.Id) with { Token = delivery.Token, Version = EventVersion.Of(delivery.Payload.Span), InTransaction = true },
        async transaction =>
        {
            // An attempt that was late may find the row of the one that followed it. Then its confirmation must be refused.
            int written = await WriteAsync(transaction, "INSERT INTO own.handled VALUES ($1, $2) ON CONFLICT DO NOTHING", EventVersion.Of(delivery.Payload.Span), delivery.Token);
            await delivery.ConfirmAsync(transaction);
            if (written == 0)
            {
                await Console.Error.WriteLineAsync($"{delivery.Id} was confirmed in a transaction before, and could be confirmed once more.");
                throw new InvalidOperationException("It has happened before.");
            }

            await Task.Delay(open);
            return $"{TimerOutcome.Done}";
        },
        isRolledBack,
        throws: true);

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    private static async Task<int> WriteAsync(NpgsqlTransaction transaction, string statement, params string[] values)
    {
#pragma warning disable CA2100 // the statements are those above
        await using var command = new NpgsqlCommand(statement, transaction.Connection, transaction);
#pragma warning restore CA2100
        foreach (string value in values) command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = value });
        return await command.ExecuteNonQueryAsync();
    }

    private async Task RecordAsync(OperationStarted operation, Func<NpgsqlTransaction, Task<string>> act, bool isRolledBack, bool throws)
    {
        _recorder.Start(operation);
        Ending ending = Ending.Refused; // until it is committed nothing can have happened
        string? outcome = null;
        try
        {
            await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            outcome = await act(transaction);
            if (isRolledBack)
            {
                await transaction.RollbackAsync();
                throw new InvalidOperationException("The transaction was rolled back, as planned.");
            }

            ending = Ending.Unknown;
            await transaction.CommitAsync();
            ending = Ending.Answered;
        }
        catch (Exception e)
        {
            _recorder.History.Write(Recorder.End(operation, ending) with { Error = $"{e.GetType().Name}: {e.Message}" });
            if (e is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation }) await Console.Error.WriteLineAsync($"{operation.Verb} {operation.Id} has happened before: {e.Message}");
            if (throws || e is not (NpgsqlException or LatchworkStoreException or InvalidOperationException)) throw;
            return;
        }

        _recorder.History.Write(Recorder.End(operation, ending) with { Outcome = outcome });
    }
}
