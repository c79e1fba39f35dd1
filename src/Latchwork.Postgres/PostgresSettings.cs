using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Latchwork.Storage.Rules;

namespace Latchwork.Postgres;

/// <summary>Options that were checked; nobody can change them any more.</summary>
internal sealed class PostgresSettings
{
    private const int MaxSchemaLength = 63;

    private readonly TimeProvider? _time;
    private readonly ConcurrentDictionary<string, string> _statements = new(StringComparer.Ordinal);

    private PostgresSettings(PostgresOptions options)
    {
        Schema = options.Schema;
        Migrate = options.Migrate;
        CommandTimeout = options.CommandTimeout;
        LockTimeout = options.LockTimeout;
        MaxConnections = options.MaxConnections;
        MaxQueued = options.MaxQueued;
        _time = options.TimeProvider;
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(Schema));
        LockSpace = BitConverter.ToInt32(hash) & 0x3fff_ffff;
        Channel = $"latchwork_{Convert.ToHexStringLower(hash, 4, 6)}";
    }

    public string Schema { get; }

    public bool Migrate { get; }

    public TimeSpan CommandTimeout { get; }

    public TimeSpan LockTimeout { get; }

    public int MaxConnections { get; }

    public int MaxQueued { get; }

    /// <summary>The first of the two numbers of advisory locks on partitions. The next ones are those of processes and of migrations.</summary>
    public int LockSpace { get; }

    /// <summary>The channel that every process of the schema listens to; those of single processes begin with it.</summary>
    public string Channel { get; }

    /// <summary>The time to go by, in µs since 1970; null for the server's.</summary>
    public long? Clock => _time?.GetMicroseconds();

    /// <summary>How long a statement waits for a row, in ms.</summary>
    public int LockWait => (int)LockTimeout.TotalMilliseconds;

    /// <summary>Puts the name of the schema into a statement of this program.</summary>
    public string Sql(string statement) => _statements.GetOrAdd(statement, Fill);

    /// <summary>Puts the names and numbers of the schema into a text that is not used again.</summary>
    public string Fill(string text) => text
        .Replace("@schema@", Schema, StringComparison.Ordinal)
        .Replace("@space@", LockSpace.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("@processes@", (LockSpace + 1).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("@channel@", Channel, StringComparison.Ordinal);

    /// <summary>Checks everything.</summary>
    /// <exception cref="ArgumentException">Something is wrong; all of it is named, with the limits and the values.</exception>
    public static PostgresSettings Of(PostgresOptions options)
    {
        IReadOnlyList<string> wrong = Failures(options);
        if (wrong.Count > 0) throw new ArgumentException($"The PostgreSQL store cannot be opened: {string.Join("; ", wrong)}.", nameof(options));
        return new PostgresSettings(options);
    }

    /// <summary>What is wrong with options; empty if all is well.</summary>
    public static IReadOnlyList<string> Failures(PostgresOptions options)
    {
        var wrong = new List<string>();
        if (FindSchemaError(options.Schema) is { } error) wrong.Add(error);
        Check(nameof(options.CommandTimeout), options.CommandTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10));
        Check(nameof(options.LockTimeout), options.LockTimeout, TimeSpan.FromMilliseconds(10), options.CommandTimeout);
        if (options.MaxConnections is < 1 or > 100) wrong.Add($"{nameof(options.MaxConnections)} must be between 1 and 100; it is {options.MaxConnections}");
        if (options.MaxQueued is < 1 or > 10_000_000) wrong.Add($"{nameof(options.MaxQueued)} must be between 1 and 10000000; it is {options.MaxQueued}");
        return wrong;

        void Check(string name, TimeSpan value, TimeSpan shortest, TimeSpan longest)
        {
            if (value < shortest || value > longest) wrong.Add($"{name} must be between {shortest} and {longest}; it is {value}");
        }
    }

    // The name stands in statements as it is, so nothing that would need quotes is let in.
    private static string? FindSchemaError(string schema)
    {
        bool isName = schema.Length is > 0 and <= MaxSchemaLength
            && schema.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_')
            && !char.IsAsciiDigit(schema[0]);
        if (!isName) return $"{nameof(PostgresOptions.Schema)} must be 1 to {MaxSchemaLength} lower-case letters, digits and underscores, beginning with no digit; it is '{schema}'";
        return schema.StartsWith("pg_", StringComparison.Ordinal) ? $"{nameof(PostgresOptions.Schema)} must not begin with 'pg_', which PostgreSQL reserves; it is '{schema}'" : null;
    }
}
