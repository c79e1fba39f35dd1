using System.Globalization;

namespace Latchwork.Redis.Connections;

/// <summary>
/// Reads URIs and connection strings. What is wrong is listed with its value; a value that may be a secret (a password, or anything whose
/// name is not known) is not.
/// </summary>
internal static class RedisAddress
{
    private const string Known = "name, user, password, db, prefix, connectTimeout, commandTimeout";

    public static void Read(string text, RedisOptions options, List<string> problems)
    {
        text = text.Trim();
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        if (text.Length == 0)
            problems.Add("the address is empty; write redis://host:port");
        else if (scheme >= 0 && !text.AsSpan(0, scheme).ContainsAny(",="))
            ReadUri(text[..scheme], text[(scheme + 3)..], options, problems);
        else
            ReadConnectionString(text, options, problems);
    }

    private static void ReadUri(string scheme, string rest, RedisOptions options, List<string> problems)
    {
        bool isUnix = scheme.Equals("unix", StringComparison.OrdinalIgnoreCase) || scheme.Equals("redis+unix", StringComparison.OrdinalIgnoreCase);
        if (scheme.Equals("rediss", StringComparison.OrdinalIgnoreCase))
            problems.Add("'rediss://' asks for TLS, which is not supported yet; nothing is sent in plain instead");
        else if (!isUnix && !scheme.Equals("redis", StringComparison.OrdinalIgnoreCase))
            problems.Add($"the scheme '{scheme}' is none of redis and unix");

        int query = rest.IndexOf('?', StringComparison.Ordinal);
        if (query >= 0)
        {
            foreach (string pair in rest[(query + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries))
                ReadOption(pair, isEncoded: true, options, problems);
            rest = rest[..query];
        }

        if (rest.Contains('#', StringComparison.Ordinal))
            problems.Add("a '#' has no meaning; in a password or a path write %23");
        int slash = rest.LastIndexOf('@') is var at && rest.IndexOf('/', at + 1) is >= 0 and var found ? found : rest.Length;
        string authority = rest[..slash];
        string path = rest[slash..];
        if (at >= 0)
        {
            ReadUser(authority[..at], options, problems);
            authority = authority[(at + 1)..];
        }

        if (isUnix)
        {
            if (authority.Length > 0)
                problems.Add($"'{authority}' comes before the path; write unix:///path/of/the.sock");
            options.UnixSocketPath = Decode(path, "path", problems) ?? "/";
            return;
        }

        ReadEndpoint(authority, options, problems);
        string database = path.Trim('/');
        if (database.Length > 0)
            ReadDatabase(database, options, problems);
    }

    private static void ReadUser(string text, RedisOptions options, List<string> problems)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string user = colon < 0 ? text : text[..colon];
        if (user.Length > 0)
            options.User = Decode(user, "user", problems);
        if (colon >= 0)
            options.Password = Decode(text[(colon + 1)..], "password", problems);
    }

    private static void ReadConnectionString(string text, RedisOptions options, List<string> problems)
    {
        int endpoints = 0;
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (part.Contains('=', StringComparison.Ordinal))
                ReadOption(part, isEncoded: false, options, problems);
            else if (++endpoints == 1)
                ReadEndpoint(part, options, problems);
        }

        if (endpoints == 0)
            problems.Add("the connection string names no server; write host:port first");
        if (endpoints > 1)
            problems.Add($"the connection string names {endpoints} servers, and only one is supported (a comma cannot be part of a password; use a URI and %2C)");
    }

    private static void ReadEndpoint(string text, RedisOptions options, List<string> problems)
    {
        string host = text;
        string port = "";
        int end = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) : -1;
        int colon = text.LastIndexOf(':');
        if (end > 0)
        {
            host = text[1..end];
            if (end + 1 < text.Length && text[end + 1] == ':')
                port = text[(end + 2)..];
            else if (end + 1 < text.Length)
                problems.Add($"'{text[(end + 1)..]}' after the address '{host}' is no port");
        }
        else if (colon >= 0 && text.IndexOf(':', StringComparison.Ordinal) == colon)
        {
            (host, port) = (text[..colon], text[(colon + 1)..]);
        }

        if (host.Length > 0)
            options.Host = host;
        if (port.Length == 0)
            return;
        if (int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            options.Port = number;
        else
            problems.Add($"the port '{port}' is no number");
    }

    private static void ReadOption(string pair, bool isEncoded, RedisOptions options, List<string> problems)
    {
        int equals = pair.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? pair : pair[..equals].Trim();
        string? value = equals < 0 ? "" : pair[(equals + 1)..];
        value = isEncoded ? Decode(value, name, problems) : value.Trim();
        if (value is null)
            return;
        switch (name.ToUpperInvariant())
        {
            case "NAME" or "CLIENTNAME":
                options.ClientName = value;
                break;
            case "USER" or "USERNAME":
                options.User = value;
                break;
            case "PASSWORD":
                options.Password = value;
                break;
            case "DB" or "DATABASE" or "DEFAULTDATABASE":
                ReadDatabase(value, options, problems);
                break;
            case "PREFIX" or "KEYPREFIX":
                options.KeyPrefix = value;
                break;
            case "CONNECTTIMEOUT":
                options.ConnectTimeout = ReadTime(name, value, problems) ?? options.ConnectTimeout;
                break;
            case "COMMANDTIMEOUT" or "SYNCTIMEOUT" or "ASYNCTIMEOUT":
                options.CommandTimeout = ReadTime(name, value, problems) ?? options.CommandTimeout;
                break;
            case "SSL" or "TLS":
                if (!value.Equals("false", StringComparison.OrdinalIgnoreCase))
                    problems.Add($"'{name}' asks for TLS, which is not supported yet; nothing is sent in plain instead");
                break;
            default:
                problems.Add($"the option '{name}' is not known (known are {Known})");
                break;
        }
    }

    private static void ReadDatabase(string value, RedisOptions options, List<string> problems)
    {
        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            options.Database = number;
        else
            problems.Add($"the database '{value}' is no number");
    }

    // "250ms", "5s", "1m", "1h"; a bare number is milliseconds.
    private static TimeSpan? ReadTime(string name, string value, List<string> problems)
    {
        int unit = value.AsSpan().IndexOfAnyExceptInRange('0', '9');
        double? factor = (unit < 0 ? "ms" : value[unit..]) switch { "ms" => 1, "s" => 1000, "m" => 60_000, "h" => 3_600_000, _ => null };
        if (factor is { } f && int.TryParse(unit < 0 ? value : value[..unit], NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return TimeSpan.FromMilliseconds(number * f);
        problems.Add($"{name} '{value}' is no duration such as 250ms, 5s or 1m");
        return null;
    }

    // Uri.UnescapeDataString lets mistakes pass.
    private static string? Decode(string text, string what, List<string> problems)
    {
        for (int i = text.IndexOf('%', StringComparison.Ordinal); i >= 0; i = text.IndexOf('%', i + 1))
        {
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
            {
                problems.Add($"the {what} has a '%' that is not followed by two hexadecimal digits; write %25 for a percent sign");
                return null;
            }
        }

        return Uri.UnescapeDataString(text);
    }
}
