using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Latchwork.Tools;

/// <summary>Finds the store that is meant and opens it.</summary>
internal static class StoreResolver
{
    public const string Variable = "LATCHWORK_STORE";

    private const string Memory = "memory:";
    private const string Sqlite = "sqlite:";
    private const string Known = "write sqlite:PATH, redis://host:port, postgres://host/database or memory:";

    private static readonly string[] _extensions = [".db", ".db3", ".sqlite", ".sqlite3"];

    /// <summary>The address of the store: the option, else the environment, else the default database, whose folder is made.</summary>
    /// <param name="option">What <c>--store</c> says.</param>
    /// <param name="user">The user, whose variable or default database is meant if the option is missing.</param>
    /// <param name="mustExist">Whether a store that is not there is not to be made.</param>
    public static string Find(string? option, UserEnvironment user, bool mustExist = false)
    {
        // An empty option comes from a script whose variable is not set. It must not lead to another store than the one that was meant.
        if (option is not null && string.IsNullOrWhiteSpace(option)) throw new CliException(ExitCodes.BadInput, $"'--store' is empty: {Known}");
        string? address = option ?? user.Variable(Variable);
        return string.IsNullOrWhiteSpace(address) ? DefaultDatabase.FindAddress(user, isMade: !mustExist) : address.Trim();
    }

    /// <summary>The address of a database file.</summary>
    public static string AddressOf(string path) => Sqlite + path;

    /// <summary>Opens a store.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The store.</returns>
    public static Task<LatchworkStore> OpenAsync(string address, CancellationToken cancellationToken) => OpenAsync(address, mustExist: false, cancellationToken);

    /// <summary>Opens a store.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="mustExist">Whether a file or a schema of PostgreSQL that is missing or old is an error, and neither made nor migrated: who looks, or changes what is there, breaks no older program.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="log">Where the store logs; null for nowhere.</param>
    /// <returns>The store.</returns>
    public static async Task<LatchworkStore> OpenAsync(string address, bool mustExist, CancellationToken cancellationToken, ILoggerFactory? log = null)
    {
        if (IsMemory(address)) return new InMemoryStore();
        if (IsPostgres(address)) return await OpenPostgresAsync(address, migrate: !mustExist, log, cancellationToken).ConfigureAwait(false);
        if (FindPath(address) is { } path)
        {
            if (mustExist && IsMissing(path)) throw new CliException(ExitCodes.NotFound, $"there is no store yet: no file '{path}'. 'latchwork timer post' and 'latchwork once' make one; or name another with --store sqlite:PATH or redis://host:port");
            return await OpenSqliteAsync(path, migrate: !mustExist, log, cancellationToken).ConfigureAwait(false);
        }

        if (FindError(address) is { } error) throw new CliException(ExitCodes.BadInput, error);
        return await ConnectToRedisAsync(address, log, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether the address means a store in this process.</summary>
    public static bool IsMemory(string address) => address.Equals(Memory, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the address means a database of PostgreSQL.</summary>
    public static bool IsPostgres(string address) =>
        address.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase) || address.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The file that an address means; null if it means none. <c>sqlite:PATH</c> takes the path as it is, and <c>sqlite:///PATH</c> an absolute one.
    /// A path alone is understood, too, if it is one beyond doubt.
    /// </summary>
    public static string? FindPath(string address)
    {
        if (!address.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase)) return IsPath(address) ? address : null;
        string path = address[Sqlite.Length..];
        if (path.StartsWith("//", StringComparison.Ordinal))
        {
            path = path[2..];
            if (!path.StartsWith('/')) throw new CliException(ExitCodes.BadInput, "the address of the SQLite store names a host: write sqlite:PATH, or sqlite:///PATH with an absolute path");
            if (OperatingSystem.IsWindows()) path = path.TrimStart('/'); // sqlite:///C:/folder/file
        }

        return path.Length > 0 ? path : throw new CliException(ExitCodes.BadInput, "the address of the SQLite store names no file: write sqlite:PATH");
    }

    // Only what the connection could not know: a word that it would take for the name of a host. What cannot be read may be a password, or a piece
    // of one: it is not repeated.
    private static string? FindError(string address)
    {
        int scheme = address.IndexOf("://", StringComparison.Ordinal);
        if (scheme >= 0)
        {
            string name = address[..scheme].ToLowerInvariant();
            if (name is "redis" or "rediss" or "redis+sentinel" or "rediss+sentinel" or "redis+cluster" or "rediss+cluster" or "redis+unix" or "unix" or "valkey" or "valkeys") return null;
            bool isScheme = name.Length is > 0 and <= 20 && name.All(static c => char.IsAsciiLetter(c) || c is '+' or '-' or '.');
            return $"the store's address has {(isScheme ? $"the scheme '{name}', which is not known" : "a scheme that is not known")}: {Known}";
        }

        bool looksLikeAddress = address.AsSpan().IndexOfAny(":,/") >= 0;
        return looksLikeAddress ? null : $"the store's address is neither a URI nor a path: {Known}";
    }

    // What is no path at all (':memory:') is for the store to refuse, and so is a folder.
    private static bool IsMissing(string path) => !path.StartsWith(':') && !File.Exists(path) && !Directory.Exists(path);

    // Only a path begins like that, or ends like that without being anything else.
    private static bool IsPath(string address)
    {
        if (address.StartsWith('/') || address.StartsWith("./", StringComparison.Ordinal) || address.StartsWith("../", StringComparison.Ordinal)) return true;
        if (OperatingSystem.IsWindows() && address is [_, ':', '\\' or '/', ..] && char.IsAsciiLetter(address[0])) return true;
        return address.AsSpan().IndexOfAny(":,=@") < 0 && Array.Exists(_extensions, end => address.EndsWith(end, StringComparison.OrdinalIgnoreCase));
    }

    // On its own, as the other: each store's assemblies are loaded only for a command that needs them.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<LatchworkStore> OpenSqliteAsync(string path, bool migrate, ILoggerFactory? log, CancellationToken cancellationToken) =>
        await SqliteStore.OpenAsync(path, new SqliteOptions { Migrate = migrate, LoggerFactory = log }, cancellationToken).ConfigureAwait(false);

    // On its own, as the others.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<LatchworkStore> OpenPostgresAsync(string address, bool migrate, ILoggerFactory? log, CancellationToken cancellationToken) =>
        await PostgresStore.OpenAsync(address, new PostgresOptions { Migrate = migrate, LoggerFactory = log }, cancellationToken).ConfigureAwait(false);

    // On its own, so that a command that needs no Redis does not load its assembly.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<LatchworkStore> ConnectToRedisAsync(string address, ILoggerFactory? log, CancellationToken cancellationToken) =>
        await RedisStore.ConnectAsync(address, new RedisOptions { LoggerFactory = log }, cancellationToken).ConfigureAwait(false);
}
