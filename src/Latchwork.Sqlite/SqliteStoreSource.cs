using Latchwork.Hosting;
using Latchwork.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Latchwork.Sqlite;

/// <summary>Reads the settings of an SQLite store from a path, the configuration and code, in this order, and opens it.</summary>
internal sealed class SqliteStoreSource : LatchworkStoreSource
{
    private const string PathSetting = "Path";

    private readonly string _path;
    private readonly SqliteOptions _options;

    private SqliteStoreSource(string path, SqliteOptions options, IReadOnlyList<string> failures) => (_path, _options, Failures) = (path, options, failures);

    public override string Description => $"sqlite:{_path}";

    public override IReadOnlyList<string> Failures { get; }

    public static SqliteStoreSource Create(string? path, IConfigurationSection? settings, ILoggerFactory? loggers, Action<SqliteOptions>? configure)
    {
        var failures = new List<string>();
        var options = new SqliteOptions { LoggerFactory = loggers };
        if (settings is not null) Bind(settings, options, failures);
        configure?.Invoke(options);
        string chosen = path ?? settings?[PathSetting] ?? "";
        failures.AddRange(SqliteSettings.Failures(chosen, options).Select(failure => $"SQLite: {failure}."));
        return new SqliteStoreSource(chosen, options, failures);
    }

    public override async Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken) =>
        await SqliteStore.OpenAsync(_path, _options, cancellationToken).ConfigureAwait(false);

    private static void Bind(IConfigurationSection section, SqliteOptions options, List<string> failures)
    {
        var reader = new SettingsReader(section, failures);
        reader.Text(PathSetting, static _ => { }); // read on its own: a path in code goes before it
        reader.Read(SqliteOptions.Set, options);
        reader.RefuseUnknown();
    }
}
