using System.Diagnostics.CodeAnalysis;
using Latchwork.Connecting;
using Latchwork.Sqlite;
using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Locking;
using Latchwork.Sqlite.Maintenance;
using Latchwork.Sqlite.Notifications;
using Latchwork.Sqlite.Timers;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Latchwork.Threading;
using Microsoft.Extensions.Logging.Abstractions;

namespace Latchwork;

/// <summary>
/// The embedded, durable store: one SQLite file on a local disk, for any number of processes and threads on one machine. Needs no server.
/// </summary>
/// <remarks>
/// Each store has one thread that writes (what waits shares a transaction), one that reads, and, once something listens, one that receives
/// notifications. Network file systems are not supported: SQLite's write-ahead log and locks do not work on them.
/// </remarks>
public sealed class SqliteStore : LatchworkStore
{
    private readonly Writer _writer;
    private readonly Reader _reader;
    private readonly NotificationExchange _notifications;
    private readonly OutcomeSweeper _sweeper;
    private readonly SqliteSettings _settings;
    private readonly ServerClock _clock;

    [SuppressMessage("Reliability", "CA2000", Justification = "The threads own their connections and close them when they end.")]
    private SqliteStore(SqliteSettings settings, SqliteLog log)
    {
        _settings = settings;
        _clock = new ServerClock(settings.TimeProvider);
        var errors = new StoreErrors(settings.Path, settings.BusyTimeout, log);
        SqliteFile writing = Opening.OpenForWriting(settings, errors);
        SqliteFile reading;
        try
        {
            reading = Opening.OpenForReading(settings, errors);
        }
        catch
        {
            writing.Dispose();
            throw;
        }

        _notifications = new NotificationExchange(log);
        _writer = new Writer(writing, new WriteScope(writing, settings.TimeProvider, _notifications), errors, settings);
        _reader = new Reader(reading, errors, settings);
        _notifications.Attach(_writer);
        var timers = new SqliteTimerStore(_writer, _reader, _notifications, settings.TimeProvider);
        Timers = timers;
        _sweeper = new OutcomeSweeper(_writer, settings.TimeProvider, log);
        Locks = new SqliteLockerStore(_writer, _reader, _notifications, _sweeper, settings.TimeProvider);
        Description = $"sqlite:{settings.Path}";
        Maintenance = new SqliteMaintenance(_writer, _reader, timers, _sweeper, Description);
        log.Opened(settings.Path, SqliteFile.Version, settings.Synchronous);
    }

    /// <inheritdoc/>
    public override ITimerStore Timers { get; }

    /// <inheritdoc/>
    public override ILockerStore Locks { get; }

    /// <inheritdoc/>
    [Experimental("LATCHWORK001")]
    public override IStoreMaintenance Maintenance { get; }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <summary>The thread that writes, for tests that count.</summary>
    internal Writer Writer => _writer;

    /// <summary>The thread that reads, for tests that look at its statements.</summary>
    internal Reader Reader => _reader;

    /// <summary>What wakes those who wait, for tests that look at its table.</summary>
    internal NotificationExchange Notifications => _notifications;

    /// <summary>Opens a file; if there is none, it is made, unless <see cref="SqliteOptions.Migrate"/> is off. The folder must exist.</summary>
    /// <param name="path">The file's path, absolute or relative to the current folder. On a local disk.</param>
    /// <param name="options">The settings; null for the defaults.</param>
    /// <param name="cancellationToken">Gives up before opening.</param>
    /// <returns>The store.</returns>
    /// <exception cref="ArgumentException">Settings are wrong; all of them are named.</exception>
    /// <exception cref="LatchworkStoreException">
    /// The file cannot be opened or created, is damaged, belongs to another program, was made by a newer version, or is older and not to be migrated. It was not changed.
    /// </exception>
    public static Task<SqliteStore> OpenAsync(string path, SqliteOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new SqliteOptions();
        SqliteSettings settings = SqliteSettings.Of(path, options);
        var log = new SqliteLog((options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Latchwork.Sqlite"));

        // On a thread of the pool: opening may have to wait for the disk or for another process.
        return Task.Run(() => new SqliteStore(settings, log), cancellationToken);
    }

    /// <inheritdoc/>
    public override async Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default)
    {
        // Both threads answer, and the lock for writing is to be had. Whoever asked continues elsewhere: code of users may block.
        await Task.WhenAll(
            _reader.RunAsync(static file => file.Scalar("SELECT count(*) FROM processes"), isDurable: false, cancellationToken),
            _writer.RunAsync(static _ => "", isDurable: false, cancellationToken)).OffStoreThread().ConfigureAwait(false);
        IReadOnlyList<StoreWarning> disk = DiskWarnings.Find(_settings);
        return _clock.Check(_settings.TimeProvider.GetMicroseconds()) is { } warning ? [.. disk, warning] : disk;
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        _sweeper.Dispose();
        await _notifications.LeaveAsync().ConfigureAwait(false);

        // One after the other: SQLite folds its log into the file only for the last connection, and of two that close at the same time neither is.
        await _reader.CloseAsync().ConfigureAwait(false);
        await _writer.CloseAsync().ConfigureAwait(false);
        _notifications.Dispose();
    }
}
