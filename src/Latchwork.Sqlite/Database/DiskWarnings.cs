using System.Globalization;

namespace Latchwork.Sqlite.Database;

/// <summary>What about the files of a database an operator should know. Looks at names and sizes only: the files are never opened.</summary>
internal static class DiskWarnings
{
    private const long FewBytes = 128L << 20;
    private const long LongLog = 1L << 30;

    public static IReadOnlyList<StoreWarning> Find(SqliteSettings settings)
    {
        var warnings = new List<StoreWarning>();
        long free = new DriveInfo(Path.GetDirectoryName(settings.Path)!).AvailableFreeSpace;
        if (free < FewBytes)
        {
            warnings.Add(new StoreWarning("disk-nearly-full", $"The disk of '{settings.Path}' has {Mebibytes(free)} left. When it is full, everything but looking is refused: free some space."));
        }

        var log = new FileInfo(settings.Path + "-wal");
        if (log.Exists && log.Length > LongLog)
        {
            warnings.Add(new StoreWarning(
                "long-log",
                $"The write-ahead log of '{settings.Path}' has {Mebibytes(log.Length)}. A program that keeps a transaction open, such as a shell of SQLite, keeps it from being moved into the file: end it."));
        }

        if (settings.Synchronous == SqliteSynchronous.Normal)
        {
            warnings.Add(new StoreWarning(
                "not-synced", "Synchronous is Normal: a crash of the operating system or a loss of power may undo what was acknowledged in the last moments. Choose Full if that matters."));
        }

        return warnings;
    }

    private static string Mebibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 20:N0} MiB");
}
