using Latchwork.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>Chooses an SQLite file as the store of an application.</summary>
public static class SqliteLatchworkBuilderExtensions
{
    /// <summary>
    /// Keeps everything in the SQLite file whose path is in the configuration: <c>Latchwork:Sqlite:Path</c>, and the other settings beside it
    /// (<c>Synchronous</c>, <c>BusyTimeout</c>, <c>MaxQueued</c>, <c>CheckpointPages</c>): see <see cref="SqliteOptions"/>.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UseSqlite(this LatchworkBuilder builder, Action<SqliteOptions>? configure = null) =>
        Use(builder, path: null, configure);

    /// <summary>Keeps everything in an SQLite file, which is made if there is none. Its folder must exist.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="path">The file's path, absolute or relative to the current folder, on a local disk.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UseSqlite(this LatchworkBuilder builder, string path, Action<SqliteOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Use(builder, path, configure);
    }

    private static LatchworkBuilder Use(LatchworkBuilder builder, string? path, Action<SqliteOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.UseStore("Sqlite", (services, settings) =>
            SqliteStoreSource.Create(path, settings, services.GetService<ILoggerFactory>(), configure));
    }
}
