using System.Net;
using Latchwork.Connecting;
using Npgsql;

namespace Latchwork.Postgres;

/// <summary>
/// Where the server is: a connection string of Npgsql, or <c>postgres://user:password@host:port,host/database?option=value</c>, whose options are
/// those of Npgsql without spaces. No message repeats what may be a piece of a password.
/// </summary>
internal static class PostgresAddress
{
    private const int DefaultPort = 5432;

    private static readonly string[] _schemes = ["postgres", "postgresql"];

    /// <summary>Whether a text is an address, and not a connection string.</summary>
    public static bool IsUri(string text) => Array.Exists(_schemes, scheme => text.StartsWith(scheme + "://", StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads either form. An option <c>schema</c> is left out: see <see cref="SchemaOf"/>.</summary>
    /// <exception cref="ArgumentException">It cannot be read; what is wrong is named.</exception>
    public static NpgsqlConnectionStringBuilder Read(string text)
    {
        if (!text.Contains("://", StringComparison.Ordinal)) return Complete(ReadConnectionString(text));
        var problems = new List<string>();
        var builder = new NpgsqlConnectionStringBuilder();
        if (StoreAddress.Read(text, _schemes, problems) is { } address) Fill(builder, address, problems);
        if (problems.Count > 0) throw new ArgumentException($"The address of PostgreSQL cannot be used: {string.Join("; ", problems)}.", nameof(text));
        return Complete(builder);
    }

    /// <summary>Refuses connections that commands share: nobody can listen on one, and no session is anybody's.</summary>
    public static void RefuseMultiplexing(NpgsqlConnectionStringBuilder builder)
    {
        if (!builder.Multiplexing) return;
        throw new ArgumentException("'Multiplexing=true' cannot be used by the store: LISTEN needs a connection of its own. Give the store a data source without it; your own may keep it.", nameof(builder));
    }

    /// <summary>The schema that an address names; null for none.</summary>
    public static string? SchemaOf(string text)
    {
        if (!IsUri(text) || StoreAddress.Read(text, _schemes, []) is not { } address) return null;
        return address.Options([]).LastOrDefault(static option => option.Name == "schema").Value;
    }

    private static NpgsqlConnectionStringBuilder ReadConnectionString(string text)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException)
        {
            // What the client says may hold a piece of the string, and so of a password.
            throw new ArgumentException(
                "The connection string of PostgreSQL cannot be read: write 'Host=…;Database=…;Username=…', or an address such as postgres://user@host/database.", nameof(text));
        }
    }

    private static NpgsqlConnectionStringBuilder Complete(NpgsqlConnectionStringBuilder builder)
    {
        if (string.IsNullOrWhiteSpace(builder.Host)) throw new ArgumentException("The connection string of PostgreSQL names no host: a missing host is not localhost.", nameof(builder));
        RefuseMultiplexing(builder);
        builder.Enlist = false;
        builder.ApplicationName ??= "latchwork";
        return builder;
    }

    private static void Fill(NpgsqlConnectionStringBuilder builder, StoreAddress address, List<string> problems)
    {
        string[] parts = address.Place.Split('/', 2);
        string place = parts[0];
        if (StoreAddress.Decode(place, "host", problems) is { Length: > 0 } socket && socket.StartsWith('/'))
        {
            // A folder with a unix socket: postgres://%2Fvar%2Frun%2Fpostgresql:5432/database
            int colon = socket.LastIndexOf(':');
            builder.Host = colon > 0 ? socket[..colon] : socket;
            if (colon > 0 && int.TryParse(socket[(colon + 1)..], out int port)) builder.Port = port;
        }
        else
        {
            builder.Host = string.Join(',', StoreAddress.Servers(place, address.Scheme, problems).Select(Server));
        }

        if (parts.Length > 1 && StoreAddress.Decode(parts[1], "database", problems) is { Length: > 0 } database) builder.Database = database;
        builder.Username = address.User;
        builder.Password = address.Password;
        foreach ((string name, string? value) in address.Options(problems))
        {
            if (value is null || name == "schema") continue;
            try
            {
                builder[NameOf(name)] = value;
            }
            catch (Exception e) when (e is ArgumentException or KeyNotFoundException or FormatException or InvalidCastException or OverflowException)
            {
                problems.Add($"the option '{name}' is none of Npgsql, or its value cannot be read");
            }
        }
    }

    /// <summary>An option as Npgsql calls it; those of PostgreSQL's own client are known, too.</summary>
    private static string NameOf(string name) => name switch
    {
        "target_session_attrs" => "Target Session Attributes",
        "sslrootcert" => "Root Certificate",
        "sslcert" => "SSL Certificate",
        "sslkey" => "SSL Key",
        "connect_timeout" => "Timeout",
        _ => Uri.UnescapeDataString(name).Replace('_', ' '),
    };

    private static string Server(EndPoint server) => server switch
    {
        DnsEndPoint dns => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{dns.Host}:{(dns.Port == 0 ? DefaultPort : dns.Port)}"),
        IPEndPoint { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6 } ip => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"[{ip.Address}]:{(ip.Port == 0 ? DefaultPort : ip.Port)}"),
        IPEndPoint ip => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{ip.Address}:{(ip.Port == 0 ? DefaultPort : ip.Port)}"),
        _ => throw new ArgumentException("unexpected kind of address", nameof(server)),
    };
}
