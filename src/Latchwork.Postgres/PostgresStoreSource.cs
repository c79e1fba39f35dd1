using Latchwork.Hosting;
using Latchwork.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Latchwork.Postgres;

/// <summary>
/// Finds out which database an application means, and opens the store: what the code gives, else <c>Latchwork:Postgres:ConnectionString</c>, else the
/// <see cref="NpgsqlDataSource"/> that is registered. There is no other, and never a server that nobody named.
/// </summary>
internal sealed class PostgresStoreSource : LatchworkStoreSource
{
    private const string ConnectionString = "ConnectionString";
    private const string Nothing =
        "No PostgreSQL connection was given. Give one to UsePostgres(…), or set Latchwork:Postgres:ConnectionString, or register an NpgsqlDataSource (for example with AddNpgsqlDataSource)";

    private readonly PostgresOptions _options = new();
    private readonly string? _connectionString;
    private readonly NpgsqlDataSource? _source;
    private readonly List<string> _failures = [];

    public PostgresStoreSource(IServiceProvider services, IConfigurationSection? section, PostgresConnectionChoice choice)
    {
        _options.LoggerFactory = services.GetService<ILoggerFactory>();
        if (choice.Source is not null)
        {
            NpgsqlDataSource? given = null;
            _failures.Gather(() => given = choice.Source(services));
            _source = given;
            if (_source is null && _failures.Count == 0) _failures.Add("The function that was given to UsePostgres has returned null, and no data source");
        }
        else
        {
            _connectionString = choice.ConnectionString ?? (section?[ConnectionString] is { Length: > 0 } text ? text : null);
            if (_connectionString is null)
            {
                _source = choice.Key is null ? services.GetService<NpgsqlDataSource>() : services.GetKeyedService<NpgsqlDataSource>(choice.Key);
                if (_source is null) _failures.Add(choice.Key is null ? Nothing : $"{Nothing}. No NpgsqlDataSource is registered with the key '{choice.Key}'");
            }
            else
            {
                _failures.Gather(() => PostgresAddress.Read(_connectionString));
                if (PostgresAddress.SchemaOf(_connectionString) is { } schema) _options.Schema = schema;
            }
        }

        if (section is not null) Bind(section, _options, _failures);
        choice.Configure?.Invoke(_options);
        _failures.AddRange(PostgresOptions.Set.FindErrors(_options).Select(static error => $"PostgreSQL: {error}."));
    }

    public override string Description => _connectionString is not null && _failures.Count == 0
        ? PostgresStore.Describe(PostgresAddress.Read(_connectionString), _options.Schema)
        : _source is not null ? PostgresStore.Describe(new NpgsqlConnectionStringBuilder(_source.ConnectionString), _options.Schema) : "PostgreSQL";

    public override IReadOnlyList<string> Failures => _failures;

    public override async Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken) => _source is not null
        ? await PostgresStore.OpenAsync(_source, _options, cancellationToken).ConfigureAwait(false)
        : await PostgresStore.OpenAsync(_connectionString!, _options, cancellationToken).ConfigureAwait(false);

    private static void Bind(IConfigurationSection section, PostgresOptions options, List<string> failures)
    {
        var reader = new SettingsReader(section, failures);
        reader.Text(ConnectionString, static _ => { }); // read before everything else
        reader.Read(PostgresOptions.Set, options);
        reader.RefuseUnknown();
    }
}

/// <summary>What the code says of the connection: at most one of the first two; or the key of the registered data source, null for the one without a key.</summary>
internal sealed record PostgresConnectionChoice(string? ConnectionString, Func<IServiceProvider, NpgsqlDataSource>? Source, object? Key, Action<PostgresOptions>? Configure);
