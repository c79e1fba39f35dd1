using Microsoft.Data.Sqlite;

namespace Latchwork.Sqlite.Tests.Support;

/// <summary>A folder of its own for one test, deleted at the end.</summary>
public sealed class TestFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("latchwork-");

    public string Path => _folder.FullName;

    /// <summary>The path of the database that the test works with.</summary>
    public string Database => File("latchwork.db");

    public string Uri => $"sqlite:{Database}";

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Looks at the database with a connection of the test's own. Nothing else in this process may have opened it by other means than SQLite.</summary>
    public static string Ask(string database, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={database};Pooling=false");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        using SqliteDataReader rows = command.ExecuteReader();
        var lines = new List<string>();
        while (rows.Read()) lines.Add(string.Join('|', Enumerable.Range(0, rows.FieldCount).Select(i => rows.GetValue(i))));
        return string.Join('\n', lines);
    }

    public string Ask(string sql) => Ask(Database, sql);

    public void Dispose() => _folder.Delete(recursive: true);
}
