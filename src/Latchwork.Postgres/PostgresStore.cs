using System.Diagnostics.CodeAnalysis;
using Latchwork.Connecting;
using Latchwork.Postgres;
using Latchwork.Postgres.Connections;
using Latchwork.Postgres.Locking;
using Latchwork.Postgres.Maintenance;
using Latchwork.Postgres.Notifications;
using Latchwork.Postgres.Sql;
using Latchwork.Postgres.Timers;
using Latchwork.Storage;
using Latchwork.Threading;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Latchwork;

/// <summary>
/// The store on PostgreSQL 15 or later, reached through Npgsql: for applications whose data lives there. Timers can be posted and confirmed in the
/// application's own transactions.
/// </summary>
/// <remarks>
/// The store has connections and threads of its own, made when they are needed: for operations (<see cref="PostgresOptions.MaxConnections"/>), one for
/// claims, one for the renewal of leases, and one that listens to notifications. None of them joins a transaction of the application, or keeps one open.
/// </remarks>
public sealed class PostgresStore : LatchworkStore
{
    private readonly SqlExecutor _executor;
    private readonly NotificationExchange _notifications;
    private readonly NpgsqlDataSource _source;
    private readonly bool _ownsSource;
    private readonly ServerClock _clock;

    private readonly PostgresLockerStore _locks;

    private PostgresStore(NpgsqlDataSource source, bool ownsSource, PostgresSettings settings, TimeProvider time, PostgresLog log)
    {
        (_source, _ownsSource, _clock) = (source, ownsSource, new ServerClock(time));
        _executor = new SqlExecutor(source, settings, log);
        _notifications = new NotificationExchange(_executor);
        var timers = new PostgresTimerStore(_executor, _notifications);
        Timers = timers;
        TimerTransactions = new PostgresTimerTransactions(_executor, timers);
        Locks = _locks = new PostgresLockerStore(_executor, _notifications, time);
        LockerTransactions = new PostgresLockerTransactions(_executor, _locks.Sweeper);
        Description = Describe(new NpgsqlConnectionStringBuilder(source.ConnectionString), settings.Schema);
        Maintenance = new PostgresMaintenance(_executor, timers, _locks, Description);
    }

    /// <inheritdoc/>
    public override ITimerStore Timers { get; }

    /// <inheritdoc/>
    [Experimental("LATCHWORK001")]
    public override ITimerTransactions TimerTransactions { get; }

    /// <inheritdoc/>
    public override ILockerTransactions LockerTransactions { get; }

    /// <inheritdoc/>
    [Experimental("LATCHWORK001")]
    public override IStoreMaintenance Maintenance { get; }

    /// <inheritdoc/>
    public override ILockerStore Locks { get; }

    /// <inheritdoc/>
    public override string Description { get; }

    /// <inheritdoc/>
    public override long Reconnects => _notifications.Reconnects;

    /// <summary>What wakes those who wait, for tests.</summary>
    internal NotificationExchange Notifications => _notifications;

    /// <summary>Opens the store over connections of its own.</summary>
    /// <param name="connectionString">A connection string of Npgsql, or an address such as <c>postgres://user@host/database</c>, whose option <c>schema</c> overrules <see cref="PostgresOptions.Schema"/>. Never logged.</param>
    /// <param name="options">The settings; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels opening.</param>
    /// <returns>The store.</returns>
    /// <exception cref="ArgumentException">The connection string or settings are wrong; all that is wrong with the settings is named.</exception>
    /// <exception cref="LatchworkStoreException">The server cannot be reached, refuses, or has a schema that this program cannot work with.</exception>
    public static async Task<PostgresStore> OpenAsync(string connectionString, PostgresOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        options ??= new PostgresOptions();
        if (PostgresAddress.SchemaOf(connectionString) is { } schema) options = options.WithSchema(schema);
        var settings = PostgresSettings.Of(options);
        NpgsqlConnectionStringBuilder address = PostgresAddress.Read(connectionString);
        var builder = new NpgsqlDataSourceBuilder(address.ConnectionString);
        if (options.LoggerFactory is { } loggers) builder.UseLoggerFactory(loggers);
        NpgsqlDataSource source = builder.Build();
        return await OpenAsync(source, ownsSource: true, settings, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Opens the store over connections of a data source, which stays the caller's. Its pool needs space for <see cref="PostgresOptions.MaxConnections"/> and 3 more.</summary>
    /// <param name="source">The data source. Disposing the store leaves it as it is.</param>
    /// <param name="options">The settings; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels opening.</param>
    /// <returns>The store.</returns>
    /// <exception cref="ArgumentException">Settings are wrong; all of them are named.</exception>
    /// <exception cref="LatchworkStoreException">The server cannot be reached, refuses, or has a schema that this program cannot work with.</exception>
    public static Task<PostgresStore> OpenAsync(NpgsqlDataSource source, PostgresOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        PostgresAddress.RefuseMultiplexing(new NpgsqlConnectionStringBuilder(source.ConnectionString));
        options ??= new PostgresOptions();
        return OpenAsync(source, ownsSource: false, PostgresSettings.Of(options), options, cancellationToken);
    }

    /// <summary>What creates the schema or brings it up to date, for teams whose applications may not: a script for <c>psql</c>. It can be run again.</summary>
    /// <param name="schema">The schema.</param>
    /// <returns>The script.</returns>
    /// <exception cref="ArgumentException">It is no name that a schema can have.</exception>
    public static string MigrationScript(string schema = PostgresOptions.DefaultSchema) => Migrations.Script(PostgresSettings.Of(new PostgresOptions { Schema = schema }));

    /// <inheritdoc/>
    public override Task<IReadOnlyList<StoreWarning>> CheckAsync(CancellationToken cancellationToken = default) =>
        _executor.Work.RunAsync("check", session => ServerWarnings.Find(session, _executor.Settings.Clock, _clock, _notifications.IsUnheard), cancellationToken).OffStoreThread();

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        _locks.Dispose();
        await _notifications.CloseAsync().ConfigureAwait(false);
        await _executor.CloseAsync().ConfigureAwait(false);
        if (_ownsSource) await _source.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<PostgresStore> OpenAsync(
        NpgsqlDataSource source, bool ownsSource, PostgresSettings settings, PostgresOptions options, CancellationToken cancellationToken)
    {
        var log = new PostgresLog((options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Latchwork.Postgres"));
        var store = new PostgresStore(source, ownsSource, settings, options.TimeProvider ?? TimeProvider.System, log);
        try
        {
            ((int before, int now), string version) = await store._executor.Work.RunAsync(
                "opening of the store",
                session => (Migrations.Apply(session, settings), session.Connection.PostgreSqlVersion.ToString()),
                cancellationToken).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            if (before != now) log.Migrated(settings.Schema, before, now);
            log.Opened(store.Description, version, now);
            return store;
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Where a store is, without user name and password.</summary>
    internal static string Describe(NpgsqlConnectionStringBuilder parts, string schemaName)
    {
        string schema = schemaName == PostgresOptions.DefaultSchema ? "" : $"?schema={schemaName}";
        bool isSocket = parts.Host?.StartsWith('/') == true;
        string host = isSocket ? Uri.EscapeDataString(parts.Host!) : parts.Host ?? "localhost";
        bool hasPort = host.Contains(':', StringComparison.Ordinal) || host.Contains(',', StringComparison.Ordinal);
        string port = hasPort ? "" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $":{parts.Port}");
        return $"postgres://{host}{port}/{Uri.EscapeDataString(parts.Database ?? parts.Username ?? "")}{schema}";
    }
}
