using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Latchwork.Sqlite.Database;

/// <summary>One connection to the file, for one thread. Only SQLite ever opens the file: closing any other descriptor would drop the process's locks.</summary>
internal sealed class SqliteFile : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly sqlite3 _handle;
    private readonly Dictionary<string, Statement> _statements = new(ReferenceEqualityComparer.Instance); // texts are constants

    private SqliteFile(SqliteConnection connection)
    {
        _connection = connection;
        _handle = connection.Handle!;
    }

    /// <summary>The version of SQLite.</summary>
    public static string Version => raw.sqlite3_libversion().utf8_to_string();

    /// <summary>The rows that the last statement changed.</summary>
    public int Changes => raw.sqlite3_changes(_handle);

    /// <summary>The key of the last row that was inserted.</summary>
    public long LastKey => raw.sqlite3_last_insert_rowid(_handle);

    /// <summary>The texts of the statements that were used so far.</summary>
    public IReadOnlyCollection<string> Texts => _statements.Keys;

    /// <summary>How many pages this connection has looked at so far, in its cache or in the file, for tests that count.</summary>
    public long PagesRead => Status(raw.SQLITE_DBSTATUS_CACHE_HIT) + Status(raw.SQLITE_DBSTATUS_CACHE_MISS);

    /// <summary>Whether a transaction is open.</summary>
    public bool InTransaction => raw.sqlite3_get_autocommit(_handle) == 0;

    /// <summary>Opens the file, and creates it when something is first written.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="SqliteException">It cannot be opened.</exception>
    public static SqliteFile Open(string path)
    {
        var builder = new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWriteCreate, Pooling = false };
        var connection = new SqliteConnection(builder.ToString());
        try
        {
            connection.Open();
            return new SqliteFile(connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>The statement with this text, which must be a constant. It is prepared once.</summary>
    public Statement this[string sql]
    {
        get
        {
            if (_statements.TryGetValue(sql, out Statement? statement)) return statement;
            int code = raw.sqlite3_prepare_v3(_handle, sql, raw.SQLITE_PREPARE_PERSISTENT, out sqlite3_stmt handle);
            if (code != raw.SQLITE_OK) throw Failure(code);
            _statements.Add(sql, statement = new Statement(this, handle));
            return statement;
        }
    }

    /// <summary>Runs statements that take no parameters and return nothing of interest.</summary>
    public void Execute(string sql)
    {
        int code = raw.sqlite3_exec(_handle, sql);
        if (code != raw.SQLITE_OK) throw Failure(code);
    }

    /// <summary>The first column of the first row, as text.</summary>
    public string Scalar(string sql)
    {
        using Statement statement = this[sql];
        return statement.Step() ? statement.Text(0) : "";
    }

    /// <summary>For how long SQLite itself waits for a lock.</summary>
    public void SetBusyTimeout(TimeSpan timeout) => raw.sqlite3_busy_timeout(_handle, (int)timeout.TotalMilliseconds);

    /// <summary>What the database says of a code that a call returned.</summary>
    public SqliteException Failure(int code) =>
        new(raw.sqlite3_errmsg(_handle).utf8_to_string(), code & 0xFF, raw.sqlite3_extended_errcode(_handle) is var extended && (extended & 0xFF) == (code & 0xFF) ? extended : code);

    public void Dispose()
    {
        foreach (Statement statement in _statements.Values) statement.Close();
        _statements.Clear();
        _connection.Dispose();
    }

    private long Status(int counter)
    {
        int code = raw.sqlite3_db_status(_handle, counter, out int value, out _, 0);
        return code == raw.SQLITE_OK ? value : throw Failure(code);
    }
}
