using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Latchwork.Sqlite.Database;

/// <summary>Opens a file, makes or migrates its tables, and refuses what is not ours before anything is changed.</summary>
internal static class Opening
{
    /// <summary>What marks a file as Latchwork's, in its header: "LTCH".</summary>
    public const int ApplicationId = 0x4C544348;

    /// <summary>The scripts that lead from each version to the next, in order. A file's version is the number of those that it has seen.</summary>
    private static readonly string[] _scripts = ["Version1", "Version2", "Version3", "Version4", "Version5", "Version6", "Version7", "Version8", "Version9"];

    /// <summary>The version of the tables that this program works with.</summary>
    public static int Version => _scripts.Length;

    /// <summary>Opens the connection that writes, and makes the tables if need be.</summary>
    public static SqliteFile OpenForWriting(SqliteSettings settings, StoreErrors errors)
    {
        string folder = Path.GetDirectoryName(settings.Path)!;
        if (!Directory.Exists(folder)) throw StoreErrors.Refuse($"The folder '{folder}' of the database does not exist. Make it, or choose another path.");
        if (Directory.Exists(settings.Path)) throw StoreErrors.Refuse($"The path '{settings.Path}' is a folder. Give the path of a file in it, such as '{Path.Combine(settings.Path, "latchwork.db")}'.");
        if (!settings.Migrate && !File.Exists(settings.Path)) throw StoreErrors.Refuse($"There is no database '{settings.Path}', and it is not to be made (Migrate is off).");
        return Guard(settings, errors, file =>
        {
            // One look, in one transaction: another process may be making the tables.
            file.Execute("BEGIN");
            int version = VersionOf(file, settings.Path);
            file.Execute("COMMIT");
            if (version < Version)
            {
                if (!settings.Migrate) throw StoreErrors.Refuse(Outdated(settings.Path, version));
                UseLog(file, settings);
                Migrate(file, settings.Path);
            }

            UseLog(file, settings);
            file.Execute($"PRAGMA wal_autocheckpoint = {settings.CheckpointPages}; PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY");
        });
    }

    /// <summary>Opens a connection that only reads. The tables are there.</summary>
    public static SqliteFile OpenForReading(SqliteSettings settings, StoreErrors errors) =>
        Guard(settings, errors, static file => file.Execute("PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; PRAGMA query_only = ON"));

    private static SqliteFile Guard(SqliteSettings settings, StoreErrors errors, Action<SqliteFile> prepare)
    {
        // Two processes that turn a new file to the write-ahead log at the same time can lock each other out, and then SQLite does not wait by itself.
        long began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return Open(settings, prepare);
            }
            catch (SqliteException e) when (e.SqliteErrorCode is raw.SQLITE_BUSY or raw.SQLITE_LOCKED
                && TimeProvider.System.GetElapsedTime(began) < settings.BusyTimeout)
            {
                Thread.Sleep(Random.Shared.Next(5, 30));
            }
            catch (SqliteException e)
            {
                throw errors.CannotOpen(e);
            }
        }
    }

    private static SqliteFile Open(SqliteSettings settings, Action<SqliteFile> prepare)
    {
        SqliteFile file = SqliteFile.Open(settings.Path);
        try
        {
            file.SetBusyTimeout(settings.BusyTimeout);
            prepare(file);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The version of a file; 0 if it is empty. Reads only.</summary>
    private static int VersionOf(SqliteFile file, string path)
    {
        int id = Number(file, "PRAGMA application_id"), version = Number(file, "PRAGMA user_version");
        if (id == 0 && version == 0 && Number(file, "SELECT count(*) FROM sqlite_schema") == 0) return 0;
        if (id != ApplicationId)
        {
            throw StoreErrors.Refuse($"The file '{path}' is the database of another program (application id {id}). It was not changed. Choose another path.");
        }

        if (version > Version)
        {
            throw StoreErrors.Refuse(
                $"The database '{path}' was made by a newer version of Latchwork: its tables have version {version}, this program knows {Version}. It was not changed. Update this program.");
        }

        return version;
    }

    private static string Outdated(string path, int version)
    {
        string what = version == 0 ? "has no tables yet" : $"was made by an earlier version of Latchwork: its tables have version {version}, this program needs {Version}";
        return $"The database '{path}' {what}. It was not changed. Run 'latchwork store migrate --store sqlite:{path}' when no program of an earlier version uses it any more.";
    }

    // Readers never wait for the writer with a write-ahead log; it can be used by several processes on one machine only.
    private static void UseLog(SqliteFile file, SqliteSettings settings)
    {
        using Statement statement = file["PRAGMA journal_mode = WAL"];
        string mode = statement.Step() ? statement.Text(0) : "";
        if (mode == "wal") return;
        throw StoreErrors.Refuse(
            $"The database '{settings.Path}' cannot have a write-ahead log here (SQLite answered '{mode}'). Put it on a local disk: network file systems are not supported.");
    }

    private static void Migrate(SqliteFile file, string path)
    {
        file.Execute("BEGIN IMMEDIATE"); // of several processes that start together, one makes the tables
        try
        {
            for (int version = VersionOf(file, path); version < Version; version++) file.Execute(Script(_scripts[version]));
            file.Execute($"PRAGMA application_id = {ApplicationId}; PRAGMA user_version = {Version}; COMMIT");
        }
        catch
        {
            if (file.InTransaction) file.Execute("ROLLBACK");
            throw;
        }
    }

    private static int Number(SqliteFile file, string sql)
    {
        using Statement statement = file[sql];
        return statement.Step() ? statement.Int(0) : 0;
    }

    private static string Script(string name)
    {
        using Stream stream = typeof(Opening).Assembly.GetManifestResourceStream(name + ".sql")
            ?? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The script {name} is not in the assembly."));
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
