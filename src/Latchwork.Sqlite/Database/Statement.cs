using System.Text;
using SQLitePCL;

namespace Latchwork.Sqlite.Database;

/// <summary>A prepared statement. Parameters are set in order, then it is run or stepped; a statement that returned rows is reset when disposed.</summary>
/// <remarks>
/// Directly on SQLite's own calls: the ADO.NET command would add allocations to each of the hundred thousand executions a second, and it
/// answers a busy database by sleeping 150 ms.
/// </remarks>
internal sealed class Statement(SqliteFile file, sqlite3_stmt handle) : IDisposable
{
    private int _next = 1;

    public Statement Set(long value) => Check(raw.sqlite3_bind_int64(handle, _next++, value));

    public Statement Set(long? value) => value is { } given ? Set(given) : SetNull();

    public Statement Set(string? value)
    {
        if (value is null) return SetNull();
        int length = Encoding.UTF8.GetMaxByteCount(value.Length);
        Span<byte> bytes = length <= 1600 ? stackalloc byte[length] : new byte[length];
        return Check(raw.sqlite3_bind_text(handle, _next++, bytes[..Encoding.UTF8.GetBytes(value, bytes)]));
    }

    public Statement Set(ReadOnlySpan<byte> value) =>
        Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(handle, _next++, 0) : raw.sqlite3_bind_blob(handle, _next++, value));

    public Statement Set(byte[]? value) => value is null ? SetNull() : Set(value.AsSpan());

    public Statement SetNull() => Check(raw.sqlite3_bind_null(handle, _next++));

    /// <summary>Goes to the next row.</summary>
    /// <returns>Whether there is one.</returns>
    public bool Step()
    {
        int code = raw.sqlite3_step(handle);
        if (code == raw.SQLITE_ROW) return true;
        if (code == raw.SQLITE_DONE) return false;
        throw Fail(code);
    }

    /// <summary>Runs a statement that returns no rows.</summary>
    public void Run()
    {
        int code = raw.sqlite3_step(handle);
        if (code is not (raw.SQLITE_DONE or raw.SQLITE_ROW)) throw Fail(code);
        Dispose();
    }

    /// <summary>Runs a statement and says how it went instead of throwing.</summary>
    public int TryRun()
    {
        int code = raw.sqlite3_step(handle);
        Dispose();
        return code;
    }

    public bool IsNull(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL;

    public long Long(int column) => raw.sqlite3_column_int64(handle, column);

    public int Int(int column) => raw.sqlite3_column_int(handle, column);

    /// <summary>A text; it may have null characters.</summary>
    public string Text(int column) => Encoding.UTF8.GetString(raw.sqlite3_column_blob(handle, column));

    public byte[] Bytes(int column) => raw.sqlite3_column_blob(handle, column).ToArray();

    /// <summary>The number of bytes of a text or blob.</summary>
    public int Length(int column) => raw.sqlite3_column_bytes(handle, column);

    public long? LongOrNull(int column) => IsNull(column) ? null : Long(column);

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    public byte[]? BytesOrNull(int column) => IsNull(column) ? null : Bytes(column);

    /// <summary>Makes the statement ready for the next use.</summary>
    public void Dispose()
    {
        _next = 1;
        raw.sqlite3_reset(handle); // repeats the code of the last step, which was looked at
    }

    /// <summary>Frees it for good.</summary>
    public void Close() => raw.sqlite3_finalize(handle);

    private Statement Check(int code) => code == raw.SQLITE_OK ? this : throw Fail(code);

    private Exception Fail(int code)
    {
        Exception failure = file.Failure(code);
        Dispose();
        return failure;
    }
}
