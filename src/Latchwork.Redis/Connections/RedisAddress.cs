using System.Globalization;

namespace Latchwork.Redis.Connections;

/// <summary>
/// Reads URIs and connection strings. What is wrong is listed with its value; a value that may be a secret (a password, or anything whose
/// name is not known) is not.
/// </summary>
internal static class RedisAddress
{
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
        scheme = scheme.ToLowerInvariant();
        bool isUnix = scheme is "unix" or "redis+unix";
        bool isSentinel = scheme is "redis+sentinel" or "rediss+sentinel";
        options.Cluster |= scheme is "redis+cluster" or "rediss+cluster";
        if (scheme is "rediss" or "rediss+sentinel" or "rediss+cluster" or "valkeys")
            options.Tls = new RedisTlsOptions();
        else if (!isUnix && scheme is not ("redis" or "redis+sentinel" or "redis+cluster" or "valkey"))
            problems.Add($"the scheme '{scheme}' is none of redis, rediss, redis+sentinel, rediss+sentinel, redis+cluster, rediss+cluster and unix");

        int query = rest.IndexOf('?', StringComparison.Ordinal);
        if (query >= 0)
        {
            foreach (string pair in rest[(query + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries))
                RedisAddressOption.Read(pair, isEncoded: true, options, problems);
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
            options.Endpoints.Add(RedisEndpoint.Unix(Decode(path, "path", problems) ?? "/"));
            return;
        }

        foreach (string server in authority.Split(','))
            ReadEndpoint(server, options, problems);
        string[] parts = path.Trim('/').Split('/');
        if (isSentinel)
        {
            options.SentinelService = Decode(parts[0], "service", problems);
            parts = parts.Length > 1 ? parts[1..] : [""];
        }

        if (parts[0].Length > 0 || parts.Length > 1)
            RedisAddressOption.ReadDatabase(string.Join('/', parts), options, problems);
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
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (part.Contains('=', StringComparison.Ordinal))
                RedisAddressOption.Read(part, isEncoded: false, options, problems);
            else
                ReadEndpoint(part, options, problems);
        }

        if (options.Endpoints.Count == 0)
            problems.Add("the connection string names no server; write host:port first");
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

        int? number = null;
        if (port.Length > 0 && int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out int value))
            number = value;
        else if (port.Length > 0)
            problems.Add($"the port '{port}' is no number");
        options.Endpoints.Add(new RedisEndpoint(host.Length > 0 ? host : "localhost", number));
    }

    // Uri.UnescapeDataString lets mistakes pass.
    internal static string? Decode(string text, string what, List<string> problems)
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
