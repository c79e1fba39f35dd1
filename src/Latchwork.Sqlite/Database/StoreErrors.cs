using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Latchwork.Sqlite.Database;

/// <summary>Says in words what SQLite reports in numbers, what to do about it, and what it means for the operation.</summary>
internal sealed class StoreErrors(string path, TimeSpan busyTimeout, SqliteLog log)
{
    public SqliteLog Log => log;

    /// <summary>The failure to tell those who wait.</summary>
    /// <param name="failure">What went wrong.</param>
    /// <param name="committing">Whether it went wrong in a commit, so that the outcome may be unknown.</param>
    public Exception Explain(Exception failure, bool committing)
    {
        if (failure is not SqliteException e) return failure;
        bool isDiskFull = e.SqliteErrorCode == raw.SQLITE_FULL;
        StoreOutcome outcome = committing && !isDiskFull ? StoreOutcome.Unknown : StoreOutcome.NotApplied;
        return new LatchworkStoreException($"{Words(e)} (SQLite: {e.SqliteExtendedErrorCode}, {Said(e)})", outcome, e)
        {
            IsTransient = e.SqliteErrorCode is raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_FULL,
        };
    }

    /// <summary>The failure to open the database.</summary>
    public LatchworkStoreException CannotOpen(SqliteException e) => (LatchworkStoreException)Explain(e, committing: false);

    /// <summary>A refusal that SQLite knows nothing of.</summary>
    public static LatchworkStoreException Refuse(string message) => new(message, StoreOutcome.NotApplied);

    private static string Said(SqliteException e)
    {
        // The exception of the library wraps what SQLite said into a sentence of its own.
        int first = e.Message.IndexOf('\'', StringComparison.Ordinal), last = e.Message.LastIndexOf('\'');
        return last > first && first >= 0 ? e.Message[(first + 1)..last] : e.Message;
    }

    private string Words(SqliteException e) => e.SqliteErrorCode switch
    {
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED =>
            $"The database '{path}' was locked by another process for more than {busyTimeout.TotalSeconds:0.###} s. Find the process that keeps a transaction open, or raise BusyTimeout.",
        raw.SQLITE_FULL =>
            $"The disk of the database '{path}' is full. Nothing of this was written and nothing is damaged: free some space, and it continues.",
        raw.SQLITE_READONLY =>
            $"The database '{path}' cannot be written. Give this process the right to write the file and its folder (SQLite needs both, for the -wal and -shm files).",
        raw.SQLITE_CANTOPEN =>
            $"The database '{path}' cannot be opened. Check that its folder exists and that this process may read and write the file and the folder.",
        raw.SQLITE_PERM or raw.SQLITE_AUTH =>
            $"This process has no right to the database '{path}'. Give it the right to read and write the file and its folder.",
        raw.SQLITE_NOTADB =>
            $"The file '{path}' is not an SQLite database, or it is damaged at its beginning. It was not changed. Choose another path, or put back a copy.",
        raw.SQLITE_CORRUPT =>
            $"The database '{path}' is damaged. Stop all its processes and put back a copy, or recover what is left with the command line of SQLite: sqlite3 '{path}' .recover",
        raw.SQLITE_IOERR =>
            $"The disk of the database '{path}' failed. Check the disk; SQLite repairs the file when it is next opened.",
        raw.SQLITE_TOOBIG => $"The database '{path}' refused a value that is too large for SQLite (1 GB).",
        _ => $"The database '{path}' failed.",
    };
}
