using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Latchwork.Storage.Rules;

namespace Latchwork.Postgres;

/// <summary>Options that were checked; nobody can change them any more.</summary>
internal sealed class PostgresSettings
{
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
        PostgresOptions.Set.Check(options, "The PostgreSQL store cannot be opened", nameof(options));
        return new PostgresSettings(options);
    }
}
