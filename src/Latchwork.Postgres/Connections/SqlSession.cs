using System.Transactions;
using Npgsql;

namespace Latchwork.Postgres.Connections;

/// <summary>One connection, used by one thread. It is opened at its first use, and again after it was dropped.</summary>
internal sealed class SqlSession(NpgsqlDataSource source, PostgresSettings settings, SessionKinds kinds) : IDisposable
{
    private readonly int _timeout = (int)Math.Ceiling(settings.CommandTimeout.TotalSeconds);
    private NpgsqlConnection? _connection;
    private bool _isUnreplicated;

    /// <summary>The connection.</summary>
    public NpgsqlConnection Connection => _connection ?? throw new InvalidOperationException("The session is not open.");

    /// <summary>Opens the connection if it is not. It never joins a transaction of the application.</summary>
    public void Open()
    {
        if (_connection is { FullState: System.Data.ConnectionState.Open }) return;
        Drop();
        using var none = new TransactionScope(TransactionScopeOption.Suppress);
        NpgsqlConnection connection = source.CreateConnection();
        connection.Notice += OnNotice;
        try
        {
            connection.Open();
            kinds.Learn(connection, _timeout);
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        _connection = connection;
    }

    /// <summary>Executes one statement and reads its rows.</summary>
    public T Read<T>(SqlStatement statement, Func<NpgsqlDataReader, T> read)
    {
        using NpgsqlCommand command = Prepare(statement);
        using NpgsqlDataReader rows = command.ExecuteReader();
        T result = read(rows);
        while (rows.NextResult())
        {
            // To the end: what went wrong in the commit is only said there.
        }

        CheckReplicated();
        return result;
    }

    /// <summary>Executes one statement.</summary>
    public int Run(SqlStatement statement)
    {
        using NpgsqlCommand command = Prepare(statement);
        int rows = command.ExecuteNonQuery();
        CheckReplicated();
        return rows;
    }

    /// <summary>Commits a transaction of this session.</summary>
    /// <exception cref="LatchworkStoreException">It is committed, but its wait for the synchronous standby was cancelled.</exception>
    public void Commit(NpgsqlTransaction transaction)
    {
        _isUnreplicated = false;
        transaction.Commit();
        CheckReplicated();
    }

    /// <summary>Gives the connection back, or closes it if it is broken.</summary>
    public void Drop()
    {
        _connection?.Dispose();
        _connection = null;
    }

    public void Dispose() => Drop();

    // A commit that waits for a synchronous standby, and is cancelled, is acknowledged with a warning. It has no SQLSTATE of its own, and its text is that of the server's language.
    private void OnNotice(object? sender, NpgsqlNoticeEventArgs e)
    {
        if (e.Notice.Routine == "SyncRepWaitForLSN") _isUnreplicated = true;
    }

    private void CheckReplicated()
    {
        if (_isUnreplicated) throw PostgresFailures.NotReplicated();
    }

    private NpgsqlCommand Prepare(SqlStatement statement)
    {
        _isUnreplicated = false;
        NpgsqlCommand command = statement.ToCommand(Connection, settings, _timeout);
        if (!statement.IsFrequent || !kinds.CanPrepare(Connection)) return command;
        try
        {
            command.Prepare();
            return command;
        }
        catch
        {
            command.Dispose();
            throw;
        }
    }
}
