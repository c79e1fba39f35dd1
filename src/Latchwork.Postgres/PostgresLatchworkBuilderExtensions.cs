using Latchwork.Postgres;
using Npgsql;

namespace Latchwork;

/// <summary>Chooses PostgreSQL as the store of an application.</summary>
public static class PostgresLatchworkBuilderExtensions
{
    /// <summary>
    /// Keeps everything in the database that the application names elsewhere: in the setting <c>Latchwork:Postgres:ConnectionString</c>, for which the
    /// store makes connections of its own, or else by a registered <see cref="NpgsqlDataSource"/>, which it shares. With neither of them the host does
    /// not start. The section <c>Latchwork:Postgres</c> also has <c>Schema</c>, <c>Migrate</c>, <c>CommandTimeout</c>, <c>LockTimeout</c>,
    /// <c>MaxConnections</c> and <c>MaxQueued</c>: see <see cref="PostgresOptions"/>.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <param name="serviceKey">The key with which the <see cref="NpgsqlDataSource"/> is registered. Default: null, it has none.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UsePostgres(this LatchworkBuilder builder, Action<PostgresOptions>? configure = null, object? serviceKey = null) =>
        Use(builder, new PostgresConnectionChoice(null, null, serviceKey, configure));

    /// <summary>Keeps everything in a database, over connections of the store's own. The server need not be there yet when the application starts.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="connectionString">A connection string of Npgsql, or an address such as <c>postgres://user@host/database</c>.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UsePostgres(this LatchworkBuilder builder, string connectionString, Action<PostgresOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        return Use(builder, new PostgresConnectionChoice(connectionString, null, null, configure));
    }

    /// <summary>Keeps everything in a database, over connections of the application's data source.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="source">Gives the data source; called once, when the host starts.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder UsePostgres(this LatchworkBuilder builder, Func<IServiceProvider, NpgsqlDataSource> source, Action<PostgresOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        return Use(builder, new PostgresConnectionChoice(null, source, null, configure));
    }

    private static LatchworkBuilder Use(LatchworkBuilder builder, PostgresConnectionChoice choice)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.UseStore("Postgres", (services, settings) => new PostgresStoreSource(services, settings, choice));
    }
}
