namespace Latchwork.Sqlite;

/// <summary>Options that were checked; nobody can change them any more.</summary>
internal sealed record SqliteSettings(
    string Path,
    SqliteSynchronous Synchronous,
    bool Migrate,
    TimeSpan BusyTimeout,
    int MaxQueued,
    int CheckpointPages,
    TimeProvider TimeProvider)
{
    /// <summary>Checks everything.</summary>
    /// <exception cref="ArgumentException">Something is wrong; all of it is named, with the limits and the values.</exception>
    public static SqliteSettings Of(string path, SqliteOptions options)
    {
        IReadOnlyList<string> wrong = Failures(path, options);
        if (wrong.Count > 0) throw new ArgumentException($"The SQLite store cannot be opened: {string.Join("; ", wrong)}.", nameof(options));
        return new SqliteSettings(
            System.IO.Path.GetFullPath(path),
            options.Synchronous,
            options.Migrate,
            options.BusyTimeout,
            options.MaxQueued,
            options.CheckpointPages,
            options.TimeProvider ?? TimeProvider.System);
    }

    /// <summary>What is wrong with a path and options; empty if all is well.</summary>
    public static IReadOnlyList<string> Failures(string path, SqliteOptions options)
    {
        var wrong = new List<string>();
        if (FindPathError(path) is { } error) wrong.Add(error);
        wrong.AddRange(SqliteOptions.Set.FindErrors(options));
        return wrong;
    }

    private static string? FindPathError(string path)
    {
        if (string.IsNullOrWhiteSpace(path)) return "the path must not be empty";
        if (path.Contains('\0', StringComparison.Ordinal)) return "the path must not contain a null character";
        if (path.StartsWith(":memory:", StringComparison.Ordinal)) return $"the path must be a file, not '{path}' (for tests there is {nameof(InMemoryStore)})";
        return path.StartsWith("file:", StringComparison.OrdinalIgnoreCase) ? $"the path must be a plain path, not the URI '{path}'" : null;
    }
}
