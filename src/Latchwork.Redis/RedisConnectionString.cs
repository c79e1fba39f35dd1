namespace Latchwork.Redis;

/// <summary>
/// Reads connection strings: those of StackExchange.Redis as a whole, and URIs, which are translated. In both, some options are the store's own
/// (<c>prefix</c>, <c>partitions</c>, <c>commandTimeout</c>, <c>waitReplicas</c>, <c>waitTimeout</c>, <c>waitWrites</c>). What is wrong is listed; a
/// value that may be a secret, or a piece of text that could not be split into options, is not repeated.
/// </summary>
internal static class RedisConnectionString
{
    private const string Encode = "in a user name, a password or a path, percent-encode what has a meaning in a URI (/ is %2F, ? is %3F, # is %23, @ is %40, % is %25)";
    private static readonly string[] _own = ["prefix", "keyPrefix", "partitions", "commandTimeout", "waitReplicas", "waitTimeout", "waitWrites"];

    private static readonly string[] _schemes =
        ["redis", "rediss", "valkey", "valkeys", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster", "unix", "redis+unix"];

    /// <summary>Reads a connection string.</summary>
    /// <param name="text">The text.</param>
    /// <param name="options">Takes the options of the store.</param>
    /// <param name="problems">Takes what is wrong.</param>
    /// <returns>The configuration of the client; incomplete if something is wrong.</returns>
    public static ConfigurationOptions Read(string text, RedisOptions options, List<string> problems)
    {
        text = text.Trim();
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        ConfigurationOptions settings = text.Length == 0 || (scheme >= 0 && !text.AsSpan(0, scheme).ContainsAny(",="))
            ? ReadUri(text, scheme, options, problems)
            : ReadConfiguration(text, options, problems);
        if (problems.Count == 0 || settings.EndPoints.Count > 0) RedisOptionsCheck.AddProblems(settings, problems);
        return settings;
    }

    private static ConfigurationOptions ReadConfiguration(string text, RedisOptions options, List<string> problems)
    {
        var rest = new List<string>();
        bool afterPassword = false;
        int number = 0;
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            number++;
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? "" : part[..equals].Trim();
            if (equals > 0 && TryReadOwn(name, part[(equals + 1)..].Trim(), options, problems)) continue;
            if (equals < 0 && afterPassword)
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"the part number {number} stands behind a password and has no name: it may be a piece of it, and a password with a comma cannot be written in this form; use a URI ({Encode}), and name servers first"));
            else if (ProblemOf(part, name, number, afterPassword) is { } problem)
                problems.Add(problem);
            afterPassword |= name.EndsWith("password", StringComparison.OrdinalIgnoreCase);
            rest.Add(part);
        }

        if (rest.Count == 0) problems.Add("there is no server; write host:port,name=value");
        return problems.Count == 0 ? ConfigurationOptions.Parse(string.Join(',', rest)) : new ConfigurationOptions();
    }

    // The client names the first failure only, repeats values, and passes over a server that it cannot read.
    private static string? ProblemOf(string part, string name, int number, bool afterPassword)
    {
        try
        {
            bool isServer = name.Length == 0;
            if (ConfigurationOptions.Parse(part, ignoreUnknown: true).EndPoints.Count == 0 && isServer)
                return string.Create(CultureInfo.InvariantCulture, $"the part number {number} is neither a server nor an option with its value");
        }
        catch (ArgumentException)
        {
            return name.Length == 0
                ? string.Create(CultureInfo.InvariantCulture, $"the part number {number} is a server whose port is not a number between 1 and 65535")
                : $"StackExchange.Redis does not accept the value of the option '{name}'";
        }

        try
        {
            _ = ConfigurationOptions.Parse(part);
            return null;
        }
        catch (ArgumentException)
        {
            return $"{NameOf(name, number, afterPassword)} is neither one of StackExchange.Redis nor one of {string.Join(", ", _own)}";
        }
    }

    private static ConfigurationOptions ReadUri(string text, int schemeEnd, RedisOptions options, List<string> problems)
    {
        var settings = new ConfigurationOptions();
        if (text.Length == 0)
        {
            problems.Add("the address is empty; write redis://host:port");
            return settings;
        }

        string scheme = text[..schemeEnd].ToLowerInvariant();
        string rest = text[(schemeEnd + 3)..];
        if (!_schemes.Contains(scheme))
        {
            string shown = scheme.Length <= 20 && scheme.All(static c => char.IsAsciiLetter(c) || c is '+' or '-' or '.') ? $"the scheme '{scheme}'" : "the scheme";
            problems.Add($"{shown} is none of {string.Join(", ", _schemes)}");
            return settings;
        }

        // The last @ ends user and password; a ?, a / or a # before it is one that was not percent-encoded, and would tear the password apart.
        int at = rest.LastIndexOf('@');
        if (rest.Contains('#', StringComparison.Ordinal) || (at >= 0 && rest.AsSpan(0, at).IndexOfAny('/', '?') >= 0) || (at >= 0 && rest.IndexOf('@', StringComparison.Ordinal) != at))
        {
            problems.Add($"the address cannot be read; {Encode}");
            return settings;
        }

        settings.Ssl = scheme.StartsWith("rediss", StringComparison.Ordinal) || scheme == "valkeys";
        ReadUser(at < 0 ? "" : rest[..at], settings, problems);
        rest = rest[(at + 1)..];
        int query = rest.IndexOf('?', StringComparison.Ordinal);
        string place = query < 0 ? rest : rest[..query];
        if (scheme.EndsWith("unix", StringComparison.Ordinal)) ReadPath(place, settings, problems);
        else ReadPlace(place, isSentinel: scheme.EndsWith("sentinel", StringComparison.Ordinal), settings, problems);
        ReadQuery(query < 0 ? "" : rest[(query + 1)..], settings, options, problems);
        return settings;
    }

    private static void ReadUser(string text, ConfigurationOptions settings, List<string> problems)
    {
        if (text.Length == 0) return;
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string user = colon < 0 ? text : text[..colon];
        if (user.Length > 0) settings.User = Decode(user, "user", problems);
        if (colon >= 0) settings.Password = Decode(text[(colon + 1)..], "password", problems) ?? "";
    }

    private static void ReadPath(string text, ConfigurationOptions settings, List<string> problems)
    {
        const int MaxPath = 107;
        if (!text.StartsWith('/'))
        {
            problems.Add("a unix socket has no host; write unix:///path/of/the.sock");
            return;
        }

        string path = Decode(text, "path", problems) ?? "/";
        int bytes = System.Text.Encoding.UTF8.GetByteCount(path);
        if (bytes > MaxPath || path.Contains('\0', StringComparison.Ordinal)) problems.Add($"the unix socket path has {bytes} bytes, and must have at most {MaxPath}, and no NUL");
        else settings.EndPoints.Add(new UnixDomainSocketEndPoint(path));
    }

    private static void ReadPlace(string text, bool isSentinel, ConfigurationOptions settings, List<string> problems)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        foreach (string server in (slash < 0 ? text : text[..slash]).Split(',')) ReadServer(server, settings, problems);
        string[] parts = slash < 0 ? [""] : text[(slash + 1)..].TrimEnd('/').Split('/');
        if (isSentinel)
        {
            settings.ServiceName = Decode(parts[0], "service", problems);
            if (parts[0].Length == 0) problems.Add("the name of the service is missing; write redis+sentinel://host,host,host/NAME/0");
            parts = parts.Length > 1 ? parts[1..] : [""];
        }

        if (parts.Length > 1) problems.Add("there is more than a database behind the servers; write redis://host:port/0");
        else if (int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int database)) settings.DefaultDatabase = database;
        else if (parts[0].Length > 0) problems.Add($"the database behind the servers is not a number; {Encode}"); // it may be the end of a password
    }

    private static void ReadServer(string text, ConfigurationOptions settings, List<string> problems)
    {
        if (text.Length == 0)
        {
            problems.Add("a host is missing; write redis://host:port");
            return;
        }

        string host = text, port = "";
        int end = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) : -1;
        int colon = text.LastIndexOf(':');
        if (end > 0) (host, port) = (text[1..end], text[(end + 1)..].TrimStart(':'));
        else if (colon >= 0 && text.IndexOf(':', StringComparison.Ordinal) == colon) (host, port) = (text[..colon], text[(colon + 1)..]);
        int number = 0;
        if (port.Length > 0 && (!int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number is < 1 or > 65535))
        {
            // What was read as a port may be the end of a password that was not encoded.
            problems.Add($"a port is not a number between 1 and 65535; {Encode}");
            return;
        }

        settings.EndPoints.Add(IPAddress.TryParse(host, out IPAddress? address) ? new IPEndPoint(address, number) : new DnsEndPoint(host, number));
    }

    private static void ReadQuery(string query, ConfigurationOptions settings, RedisOptions options, List<string> problems)
    {
        string? authority = null, certificate = null, key = null, sentinelUser = null, sentinelPassword = null;
        bool afterPassword = problems.Count > 0; // what could not be read may have been one, and this its end
        int number = 0;
        foreach (string pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            number++;
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? pair : pair[..equals];
            string? value = Decode(equals < 0 ? "" : pair[(equals + 1)..], "value of an option", problems);
            if (value is null || TryReadOwn(name, value, options, problems)) continue;
            switch (name.ToUpperInvariant())
            {
                case "NAME" or "CLIENTNAME":
                    settings.ClientName = value;
                    break;
                case "USER" or "USERNAME":
                    settings.User = value;
                    break;
                case "PASSWORD":
                    settings.Password = value;
                    afterPassword = true;
                    break;
                case "DB" or "DATABASE" or "DEFAULTDATABASE":
                    ReadDatabase(value, settings, problems);
                    break;
                case "CONNECTTIMEOUT" when ReadTime(name, value, problems) is { } timeout:
                    settings.ConnectTimeout = (int)timeout.TotalMilliseconds;
                    break;
                case "CONNECTTIMEOUT":
                    break;
                case "SERVICE" or "SERVICENAME":
                    settings.ServiceName = value;
                    break;
                case "SENTINELUSER":
                    sentinelUser = value;
                    break;
                case "SENTINELPASSWORD":
                    sentinelPassword = value;
                    afterPassword = true;
                    break;
                case "CA" when IsFile(name, value, problems):
                    authority = value;
                    break;
                case "CERT" when IsFile(name, value, problems):
                    certificate = value;
                    break;
                case "KEY" when IsFile(name, value, problems):
                    key = value;
                    break;
                case "CA" or "CERT" or "KEY":
                    break;
                case "TLSHOST" or "SSLHOST":
                    settings.Ssl = true;
                    settings.SslHost = value;
                    break;
                case "ABORTCONNECT" when bool.TryParse(value, out bool abort):
                    settings.AbortOnConnectFail = abort;
                    break;
                case "ABORTCONNECT":
                    problems.Add($"{name} '{value}' is neither true nor false");
                    break;
                default:
                    problems.Add($"{NameOf(name, number, afterPassword)} is not known. Options of a URI: name, user, password, db, connectTimeout, ca, cert, key, tlsHost, serviceName, sentinelUser, sentinelPassword, abortConnect, {string.Join(", ", _own)}; any other one of StackExchange.Redis goes into a connection string of its form (host:port,name=value)");
                    break;
            }
        }

        // Without user and password of their own, Sentinels get none; the client would give them those of the server, which they need not know.
        if (settings.ServiceName is not null) (settings.SentinelUser, settings.SentinelPassword) = (sentinelUser ?? "", sentinelPassword ?? "");
        else if (sentinelUser is not null || sentinelPassword is not null) problems.Add("a user or a password for Sentinels needs the name of a service");

        if (key is not null && certificate is null) problems.Add("the option 'key' needs a certificate file, the option 'cert'");
        if (authority is not null || certificate is not null) settings.Ssl = true;
        if (!settings.Ssl) return;
        if (settings.EndPoints.Any(static endpoint => endpoint is UnixDomainSocketEndPoint)) problems.Add("a unix socket cannot be used with TLS");
        settings.SslClientAuthenticationOptions = new RedisTls(authority, certificate, key).For;
    }

    /// <summary>Reads an option of the store.</summary>
    /// <returns>Whether it is one.</returns>
    private static bool TryReadOwn(string name, string value, RedisOptions options, List<string> problems)
    {
        switch (name.ToUpperInvariant())
        {
            case "PREFIX" or "KEYPREFIX":
                options.KeyPrefix = value;
                return true;
            case "PARTITIONS" when ReadNumber(name, value, problems) is { } partitions:
                options.Partitions = partitions;
                return true;
            case "COMMANDTIMEOUT" when ReadTime(name, value, problems) is { } timeout:
                options.CommandTimeout = timeout;
                return true;
            case "WAITREPLICAS" when ReadNumber(name, value, problems) is { } replicas:
                (options.Replication ??= new RedisReplication()).Replicas = replicas;
                return true;
            case "WAITTIMEOUT" when ReadTime(name, value, problems) is { } timeout:
                (options.Replication ??= new RedisReplication()).Timeout = timeout;
                return true;
            case "WAITWRITES" when Enum.TryParse(value, ignoreCase: true, out ReplicatedWrites writes) && !int.TryParse(value, CultureInfo.InvariantCulture, out _):
                (options.Replication ??= new RedisReplication()).Writes = writes;
                return true;
            case "WAITWRITES":
                problems.Add($"{name} '{value}' is none of posts, publishes and all");
                return true;
            default:
                return _own.Contains(name, StringComparer.OrdinalIgnoreCase);
        }
    }

    private static void ReadDatabase(string value, ConfigurationOptions settings, List<string> problems) =>
        settings.DefaultDatabase = ReadNumber("database", value, problems);

    private static int? ReadNumber(string name, string value, List<string> problems)
    {
        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) return number;
        problems.Add($"{name} '{value}' is not a number");
        return null;
    }

    // "250ms", "5s", "1m", "1h"; a bare number is milliseconds.
    private static TimeSpan? ReadTime(string name, string value, List<string> problems)
    {
        int unit = value.AsSpan().IndexOfAnyExceptInRange('0', '9');
        double? factor = (unit < 0 ? "ms" : value[unit..]) switch { "ms" => 1, "s" => 1000, "m" => 60_000, "h" => 3_600_000, _ => null };
        if (factor is { } f && int.TryParse(unit < 0 ? value : value[..unit], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number * f <= int.MaxValue)
            return TimeSpan.FromMilliseconds(number * f);
        problems.Add($"{name} '{value}' is not a duration such as 250ms, 5s or 1m");
        return null;
    }

    private static bool IsFile(string name, string path, List<string> problems)
    {
        if (File.Exists(path)) return true;
        problems.Add($"the file '{path}' of the option '{name}' does not exist");
        return false;
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

    // A name that is not known may be a piece of something else: of a password with a '&' or a ',' that stands before it.
    private static string NameOf(string name, int number, bool afterPassword) => !afterPassword && name.Length <= 20 && name.All(char.IsAsciiLetter)
        ? $"the option '{name}'"
        : string.Create(CultureInfo.InvariantCulture, $"the option number {number}");
}
