using System.Collections.Concurrent;
using System.Data.Common;
using Latchwork.Storage;
using Npgsql;

namespace Latchwork.Postgres.Connections;

/// <summary>The three queues of a store. What may wait for a row that somebody holds never delays a claim, and nothing delays a renewal.</summary>
internal sealed class SqlExecutor
{
    public SqlExecutor(NpgsqlDataSource source, PostgresSettings settings, PostgresLog log)
    {
        Source = source;
        Settings = settings;
        Log = log;
        using (NpgsqlConnection connection = source.CreateConnection()) Database = connection.Database;
        Work = new SqlLane("worker", settings.MaxConnections, source, settings, Kinds, log, Partitions.Clear);
        Claims = new SqlLane("claims", 1, source, settings, Kinds, log, Partitions.Clear);
        Renewals = new SqlLane("renewals", 1, source, settings, Kinds, log, Partitions.Clear);
    }

    public NpgsqlDataSource Source { get; }

    /// <summary>The numbers of partitions, as far as they are known. Emptied when one is not there any more: it was dropped.</summary>
    public ConcurrentDictionary<TimerPartition, int> Partitions { get; } = new();

    public PostgresSettings Settings { get; }

    /// <summary>Where statements may be prepared.</summary>
    public SessionKinds Kinds { get; } = new();

    /// <summary>The name of the database.</summary>
    public string Database { get; }

    public PostgresLog Log { get; }

    /// <summary>Everything that has no queue of its own.</summary>
    public SqlLane Work { get; }

    /// <summary>Claims, which never wait for a row.</summary>
    public SqlLane Claims { get; }

    /// <summary>What keeps leases alive.</summary>
    public SqlLane Renewals { get; }

    /// <summary>Executes one statement in the caller's transaction, on its connection. Neither commits nor rolls back.</summary>
    /// <param name="transaction">The caller's transaction.</param>
    /// <param name="name">What it is called in messages.</param>
    /// <param name="statement">The statement.</param>
    /// <param name="read">Reads its one row.</param>
    /// <param name="cancellationToken">A token that cancels the statement; the transaction is aborted then.</param>
    public async Task<T> RunInAsync<T>(NpgsqlTransaction transaction, string name, SqlStatement statement, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = transaction.Connection
            ?? throw new InvalidOperationException("The transaction has ended, or its connection was closed.");
        try
        {
            NpgsqlCommand command = statement.ToCommand(connection, Settings, (int)Math.Ceiling(Settings.CommandTimeout.TotalSeconds), transaction);
            await using (command.ConfigureAwait(false))
            {
                if (statement.IsFrequent && Kinds.CanPrepare(connection)) await PrepareAsync(command, cancellationToken).ConfigureAwait(false);
                NpgsqlDataReader rows = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (rows.ConfigureAwait(false))
                {
                    await rows.ReadAsync(cancellationToken).ConfigureAwait(false);
                    return read(rows);
                }
            }
        }
        catch (NpgsqlException e)
        {
            if (e is PostgresException { SqlState: PostgresFailures.Vanished }) Partitions.Clear();
            throw PostgresFailures.JudgeInTransaction(e, name);
        }
    }

    private static async Task PrepareAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        try
        {
            await command.PrepareAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NotSupportedException)
        {
            // The application's data source multiplexes, so that nothing is kept prepared; the statement is executed all the same.
        }
    }

    /// <summary>Refuses what is no transaction of Npgsql on the store's database: the numbers of namespaces are that database's.</summary>
    public NpgsqlTransaction OnThisDatabase(DbTransaction transaction)
    {
        if (transaction is not NpgsqlTransaction own)
        {
            throw new ArgumentException(
                $"The PostgreSQL store needs a transaction of Npgsql ({nameof(NpgsqlTransaction)}), on the store's database; this is a {transaction.GetType().FullName}.", nameof(transaction));
        }

        return own.Connection is not { } connection || connection.Database == Database
            ? own
            : throw new ArgumentException($"The transaction is on the database '{connection.Database}'; the store is on '{Database}'.", nameof(transaction));
    }

    /// <summary>Lets what is under way end, and closes the connections.</summary>
    public Task CloseAsync() => Task.WhenAll(Work.CloseAsync(), Claims.CloseAsync(), Renewals.CloseAsync());
}
