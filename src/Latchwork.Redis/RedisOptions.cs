using System.Buffers;
using System.Globalization;
using Latchwork.Redis.Connections;
using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>The settings of a <see cref="RedisStore"/>. Checked when it connects; all failures are named together.</summary>
public sealed class RedisOptions
{
    /// <summary>The default of <see cref="Port"/>.</summary>
    public const int DefaultPort = 6379;

    /// <summary>The default of <see cref="ClientName"/>.</summary>
    public const string DefaultClientName = "latchwork";

    /// <summary>The default of <see cref="KeyPrefix"/>.</summary>
    public const string DefaultKeyPrefix = "lw:";

    /// <summary>The default of <see cref="MaxQueuedCommands"/>.</summary>
    public const int DefaultMaxQueuedCommands = 100_000;

    /// <summary>The default of <see cref="MaxQueuedBytes"/>: 64 MiB.</summary>
    public const long DefaultMaxQueuedBytes = 64L << 20;

    /// <summary>The default of <see cref="ConnectTimeout"/> and <see cref="CommandTimeout"/>.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);

    private static readonly SearchValues<char> _notInHosts = SearchValues.Create(" \t\r\n/@,?#[]\\");

    /// <summary>The server's host name or address (IPv6 without brackets). Default <c>localhost</c>. Not used with <see cref="UnixSocketPath"/>.</summary>
    public string Host { get; set; } = "localhost";

    /// <summary>The server's TCP port: 1 to 65535; default 6379.</summary>
    public int Port { get; set; } = DefaultPort;

    /// <summary>The path of the server's unix socket. Default: null, TCP is used.</summary>
    public string? UnixSocketPath { get; set; }

    /// <summary>The user (ACL). Default: null, the server's default user. Needs a <see cref="Password"/>.</summary>
    public string? User { get; set; }

    /// <summary>The password. Default: null, none. It is never printed.</summary>
    public string? Password { get; set; }

    /// <summary>The number of the database: 0 to 1,000,000; default 0. Servers have 16 unless configured otherwise.</summary>
    public int Database { get; set; }

    /// <summary>The name of the connection in the server's <c>CLIENT LIST</c>: up to 100 printable ASCII characters without spaces; default <c>latchwork</c>; empty or null for none.</summary>
    public string? ClientName { get; set; } = DefaultClientName;

    /// <summary>How long connecting may take, greeting included: 10 ms to 5 min; default 5 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = DefaultTimeout;

    /// <summary>
    /// How long a command may take, from the call to the reply, waiting for a connection included: 10 ms to 10 min; default 5 s. A command that
    /// was written is then of unknown outcome. When the server owes replies and sends nothing at all for this time and as much again (at most
    /// one second), the connection is dropped and made anew.
    /// </summary>
    public TimeSpan CommandTimeout { get; set; } = DefaultTimeout;

    /// <summary>What all keys and channels begin with: up to 128 bytes of UTF-8 without braces; default <c>lw:</c>.</summary>
    public string KeyPrefix { get; set; } = DefaultKeyPrefix;

    /// <summary>The most commands that wait for a connection or for their replies: 1 to 10,000,000; default 100,000. More are refused at once.</summary>
    public int MaxQueuedCommands { get; set; } = DefaultMaxQueuedCommands;

    /// <summary>The most bytes of such commands, in bytes: 1 to 1 GiB; default 64 MiB. A single command may have more.</summary>
    public long MaxQueuedBytes { get; set; } = DefaultMaxQueuedBytes;

    /// <summary>Where the store logs. Default: null, nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The clock that decides what is due, for tests. Default: null, the server's clock. Timeouts of the connection always follow real time.</summary>
    public TimeProvider? TimeProvider { get; set; }

    /// <summary>Reads an address.</summary>
    /// <param name="connection">
    /// A URI: <c>redis://user:password@host:port/database</c> or <c>unix:///path?db=0</c>, with percent-encoding, and with the options
    /// <c>name</c>, <c>connectTimeout</c>, <c>commandTimeout</c> (<c>250ms</c>, <c>5s</c>, <c>1m</c>), <c>prefix</c>, <c>user</c>,
    /// <c>password</c> and <c>db</c> after a question mark. Or a connection string:
    /// <c>host:port,user=…,password=…,defaultDatabase=…,name=…,connectTimeout=5000</c>.
    /// </param>
    /// <returns>The settings.</returns>
    /// <exception cref="ArgumentException">The text is not valid; all that is wrong is named with its value, except passwords.</exception>
    public static RedisOptions Parse(string connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var options = new RedisOptions();
        var problems = new List<string>();
        RedisAddress.Read(connection, options, problems);
        options.AddProblems(problems);
        ThrowIfAny(problems, nameof(connection));
        return options;
    }

    /// <summary>Where the server is: a URI without user name and password.</summary>
    /// <returns>The URI.</returns>
    public override string ToString() => UnixSocketPath is null
        ? string.Create(CultureInfo.InvariantCulture, $"redis://{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}/{Database}")
        : string.Create(CultureInfo.InvariantCulture, $"unix://{UnixSocketPath}?db={Database}");

    /// <summary>A copy that nobody can change any more.</summary>
    /// <exception cref="ArgumentException">Settings are wrong.</exception>
    internal RedisOptions CheckedCopy()
    {
        var problems = new List<string>();
        AddProblems(problems);
        ThrowIfAny(problems, "options");
        return (RedisOptions)MemberwiseClone();
    }

    private static void ThrowIfAny(List<string> problems, string argument)
    {
        if (problems.Count > 0)
            throw new ArgumentException($"The Redis settings are wrong: {string.Join("; ", problems)}.", argument);
    }

    private void AddProblems(List<string> problems)
    {
        Check(UnixSocketPath is not null || IsHost(Host), "host", Host, "must be a host name or an address");
        Check(UnixSocketPath is not { Length: 0 } && !(UnixSocketPath?.Contains('\0', StringComparison.Ordinal) ?? false), "unix socket path", UnixSocketPath, "must be a path");
        Check(System.Text.Encoding.UTF8.GetByteCount(UnixSocketPath ?? "") <= 107, "unix socket path", UnixSocketPath, "must have at most 107 bytes");
        Check(Port is >= 1 and <= 65535, "port", Port, "must be between 1 and 65535");
        Check(Database is >= 0 and <= 1_000_000, "database", Database, "must be between 0 and 1000000");
        Check(User is null || Password is not null, "user", User, "needs a password");
        Check(User is not { Length: 0 }, "user", User, "must not be empty");
        Check(
            ClientName is null || (ClientName.Length <= 100 && !ClientName.AsSpan().ContainsAnyExceptInRange('!', '~')),
            "client name", ClientName, "must have up to 100 printable ASCII characters without spaces");
        CheckTime(ConnectTimeout, "connect timeout", TimeSpan.FromMinutes(5));
        CheckTime(CommandTimeout, "command timeout", TimeSpan.FromMinutes(10));
        Check(KeyPrefix is not null && System.Text.Encoding.UTF8.GetByteCount(KeyPrefix) <= 128, "prefix", KeyPrefix, "must have at most 128 bytes of UTF-8");
        Check(KeyPrefix?.AsSpan().ContainsAny('{', '}') != true, "prefix", KeyPrefix, "must not have braces, which mark the hash tag of a key");
        Check(MaxQueuedCommands is >= 1 and <= 10_000_000, "most queued commands", MaxQueuedCommands, "must be between 1 and 10000000");
        Check(MaxQueuedBytes is >= 1 and <= 1L << 30, "most queued bytes", MaxQueuedBytes, "must be between 1 and 1073741824");

        void Check(bool isRight, string name, object? value, string rule)
        {
            if (!isRight)
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"the {name} '{value}' {rule}"));
        }

        void CheckTime(TimeSpan value, string name, TimeSpan max) => Check(
            value >= TimeSpan.FromMilliseconds(10) && value <= max, name, RedisErrors.Text(value), $"must be between 10 ms and {RedisErrors.Text(max)}");
    }

    private static bool IsHost(string? host) =>
        !string.IsNullOrEmpty(host) && host.Length <= 255 && !host.AsSpan().ContainsAny(_notInHosts) &&
        (!host.Contains(':', StringComparison.Ordinal) || System.Net.IPAddress.TryParse(host, out _));
}
