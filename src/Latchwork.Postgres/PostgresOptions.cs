using Latchwork.Configuration;
using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>The settings of a <see cref="PostgresStore"/>. Checked when it is opened; all failures are named together.</summary>
public sealed class PostgresOptions
{
    /// <summary>The default of <see cref="Schema"/>.</summary>
    public const string DefaultSchema = "latchwork";

    /// <summary>The default of <see cref="MaxConnections"/>.</summary>
    public const int DefaultMaxConnections = 4;

    /// <summary>The default of <see cref="MaxQueued"/>.</summary>
    public const int DefaultMaxQueued = 100_000;

    /// <summary>The default of <see cref="CommandTimeout"/>: 5 s.</summary>
    public static readonly TimeSpan DefaultCommandTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The default of <see cref="LockTimeout"/>: 2 s.</summary>
    public static readonly TimeSpan DefaultLockTimeout = TimeSpan.FromSeconds(2);

    private const int MaxSchemaLength = 63;
    private static readonly TimeSpan _longestCommand = TimeSpan.FromMinutes(10);

    /// <summary>What each of them may be.</summary>
    internal static OptionSet<PostgresOptions> Set { get; } = new OptionSet<PostgresOptions>(static () => new())
        .Text(
            nameof(Schema),
            $"1 to {MaxSchemaLength} lower-case letters, digits and underscores, not beginning with a digit or pg_",
            FindSchemaError,
            static o => o.Schema,
            static (o, value) => o.Schema = value)
        .Flag(nameof(Migrate), static o => o.Migrate, static (o, value) => o.Migrate = value)
        .Duration(nameof(CommandTimeout), TimeSpan.FromMilliseconds(100), _longestCommand, static o => o.CommandTimeout, static (o, value) => o.CommandTimeout = value)
        .Duration(
            nameof(LockTimeout),
            TimeSpan.FromMilliseconds(10),
            new(_longestCommand, nameof(CommandTimeout), static o => o.CommandTimeout),
            static o => o.LockTimeout,
            static (o, value) => o.LockTimeout = value)
        .Number(nameof(MaxConnections), 1, 100, static o => o.MaxConnections, static (o, value) => o.MaxConnections = value)
        .Number(nameof(MaxQueued), 1, 10_000_000, static o => o.MaxQueued, static (o, value) => o.MaxQueued = value);

    /// <summary>The schema with the tables and functions: 1 to 63 lower-case letters, digits and underscores, not beginning with a digit or <c>pg_</c>. Default: <c>latchwork</c>.</summary>
    public string Schema { get; set; } = DefaultSchema;

    /// <summary>
    /// Whether the schema is created and brought up to date when the store is opened. Default: true. If not, and it is missing or older than this
    /// version, opening fails and says how to migrate.
    /// </summary>
    public bool Migrate { get; set; } = true;

    /// <summary>How long an operation may take, waiting for a connection included: 100 ms to 10 min; default 5 s. What PostgreSQL counts in whole seconds is rounded up.</summary>
    public TimeSpan CommandTimeout { get; set; } = DefaultCommandTimeout;

    /// <summary>
    /// How long an operation waits for a row that an open transaction holds, as when two transactions post one id: 10 ms to
    /// <see cref="CommandTimeout"/>; default 2 s. Then it fails, and is known not to have happened. In a caller's transaction the caller's <c>lock_timeout</c> counts.
    /// </summary>
    public TimeSpan LockTimeout { get; set; } = DefaultLockTimeout;

    /// <summary>
    /// The most connections that operations use at a time: 1 to 100; default 4. They are opened when they are needed. Three more serve claims, the
    /// renewal of leases, and <c>LISTEN</c>.
    /// </summary>
    public int MaxConnections { get; set; } = DefaultMaxConnections;

    /// <summary>The most operations that wait for a connection in this process; beyond it they are refused: 1 to 10,000,000; default 100,000.</summary>
    public int MaxQueued { get; set; } = DefaultMaxQueued;

    /// <summary>The clock that decides what is due, for tests. Default: null, the server's clock. All processes that share the schema must go by the same. Timeouts always follow real time.</summary>
    public TimeProvider? TimeProvider { get; set; }

    /// <summary>Where the store logs to. Default: null, nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    internal PostgresOptions WithSchema(string schema)
    {
        var copy = (PostgresOptions)MemberwiseClone();
        copy.Schema = schema;
        return copy;
    }

    // The name stands in statements as it is, so nothing that would need quotes is let in.
    private static string? FindSchemaError(string schema)
    {
        bool isName = schema.Length is > 0 and <= MaxSchemaLength
            && schema.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_')
            && !char.IsAsciiDigit(schema[0]);
        if (!isName) return $"must be 1 to {MaxSchemaLength} lower-case letters, digits and underscores, beginning with no digit; it is '{schema}'";
        return schema.StartsWith("pg_", StringComparison.Ordinal) ? $"must not begin with 'pg_', which PostgreSQL reserves; it is '{schema}'" : null;
    }
}
