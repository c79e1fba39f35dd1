namespace Latchwork.Redis;

/// <summary>
/// Reads connection strings: those of StackExchange.Redis as a whole, and URIs, which are translated. In both, some options are the store's own
/// (<c>prefix</c>, <c>partitions</c>, <c>commandTimeout</c>, <c>waitReplicas</c>, <c>waitTimeout</c>, <c>waitWrites</c>). What is wrong is listed; a
/// value that may be a secret, or a piece of text that could not be split into options, is not repeated.
/// </summary>
internal static class RedisConnectionString
{
    private const string Encode = "in a user name, a password or a path, percent-encode what has a meaning in a URI (/ is %2F, ? is %3F, # is %23, @ is %40, % is %25)";

    // What an option does with its value; each gives back what is wrong with that, in words that follow it, or null.
    private static readonly Dictionary<string, Func<RedisOptions, string, string?>> _own = new(StringComparer.OrdinalIgnoreCase)
    {
        ["prefix"] = static (options, value) => Text(options.KeyPrefix = value),
        ["keyPrefix"] = static (options, value) => Text(options.KeyPrefix = value),
        ["partitions"] = static (options, value) => Number(value, number => options.Partitions = number),
        ["commandTimeout"] = static (options, value) => Time(value, time => options.CommandTimeout = time),
        ["waitReplicas"] = static (options, value) => Number(value, number => ReplicationOf(options).Replicas = number),
        ["waitTimeout"] = static (options, value) => Time(value, time => ReplicationOf(options).Timeout = time),
        ["waitWrites"] = static (options, value) => Writes(value, writes => ReplicationOf(options).Writes = writes),
    };

    private static readonly Dictionary<string, Func<UriOptions, string, string?>> _ofUri = new(StringComparer.OrdinalIgnoreCase)
    {
        ["name"] = static (uri, value) => Text(uri.Settings.ClientName = value),
        ["clientName"] = static (uri, value) => Text(uri.Settings.ClientName = value),
        ["user"] = static (uri, value) => Text(uri.Settings.User = value),
        ["userName"] = static (uri, value) => Text(uri.Settings.User = value),
        ["password"] = static (uri, value) => Text(uri.Settings.Password = value),
        ["db"] = static (uri, value) => Number(value, number => uri.Settings.DefaultDatabase = number),
        ["database"] = static (uri, value) => Number(value, number => uri.Settings.DefaultDatabase = number),
        ["defaultDatabase"] = static (uri, value) => Number(value, number => uri.Settings.DefaultDatabase = number),
        ["connectTimeout"] = static (uri, value) => Time(value, time => uri.Settings.ConnectTimeout = (int)time.TotalMilliseconds),
        ["ca"] = static (uri, value) => FileAt(uri.Authority = value),
        ["cert"] = static (uri, value) => FileAt(uri.Certificate = value),
        ["key"] = static (uri, value) => FileAt(uri.Key = value),
        ["tlsHost"] = static (uri, value) => Text(uri.TlsHost = value),
        ["sslHost"] = static (uri, value) => Text(uri.TlsHost = value),
        ["service"] = static (uri, value) => Text(uri.Settings.ServiceName = value),
        ["serviceName"] = static (uri, value) => Text(uri.Settings.ServiceName = value),
        ["sentinelUser"] = static (uri, value) => Text(uri.SentinelUser = value),
        ["sentinelPassword"] = static (uri, value) => Text(uri.SentinelPassword = value),
        ["abortConnect"] = static (uri, value) => Flag(value, flag => uri.Settings.AbortOnConnectFail = flag),
    };

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
            if (equals > 0 && TryRead(_own, options, name, part[(equals + 1)..].Trim(), problems)) continue;
            if (equals < 0 && afterPassword)
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"the part number {number} stands behind a password and has no name: it may be a piece of it, and a password with a comma cannot be written in this form; use a URI ({Encode}), and name servers first"));
            else if (ProblemOf(part, name, number, afterPassword) is { } problem) problems.Add(problem);
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
            return $"{NameOf(name, number, afterPassword)} is neither one of StackExchange.Redis nor one of {string.Join(", ", _own.Keys)}";
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
        var uri = new UriOptions(settings);
        bool afterPassword = problems.Count > 0; // what could not be read may have been one, and this its end
        int number = 0;
        foreach (string pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            number++;
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? pair : pair[..equals];
            string? value = Decode(equals < 0 ? "" : pair[(equals + 1)..], "value of an option", problems);
            if (value is null || TryRead(_own, options, name, value, problems)) continue;
            if (!TryRead(_ofUri, uri, name, value, problems))
                problems.Add($"{NameOf(name, number, afterPassword)} is not known. Options of a URI: {string.Join(", ", _ofUri.Keys.Concat(_own.Keys))}; any other one of StackExchange.Redis goes into a connection string of its form (host:port,name=value)");
            else afterPassword |= name.EndsWith("password", StringComparison.OrdinalIgnoreCase);
        }

        // Without user and password of their own, Sentinels get none; the client would give them those of the server, which they need not know.
        if (settings.ServiceName is not null) (settings.SentinelUser, settings.SentinelPassword) = (uri.SentinelUser ?? "", uri.SentinelPassword ?? "");
        else if (uri.SentinelUser is not null || uri.SentinelPassword is not null) problems.Add("a user or a password for Sentinels needs the name of a service");

        if (uri.Key is not null && uri.Certificate is null) problems.Add("the option 'key' needs a certificate file, the option 'cert'");
        settings.SslHost = uri.TlsHost;
        settings.Ssl |= uri.TlsHost is not null || uri.Authority is not null || uri.Certificate is not null;
        if (!settings.Ssl) return;
        if (settings.EndPoints.Any(static endpoint => endpoint is UnixDomainSocketEndPoint)) problems.Add("a unix socket cannot be used with TLS");
        settings.SslClientAuthenticationOptions = new RedisTls(uri.Authority, uri.Certificate, uri.Key).For;
    }

    /// <summary>Reads an option, if it is one of the table.</summary>
    private static bool TryRead<T>(Dictionary<string, Func<T, string, string?>> table, T target, string name, string value, List<string> problems)
    {
        if (!table.TryGetValue(name, out Func<T, string, string?>? read)) return false;
        if (read(target, value) is { } problem) problems.Add($"{name} '{value}' {problem}");
        return true;
    }

    private static RedisReplication ReplicationOf(RedisOptions options) => options.Replication ??= new RedisReplication();
    private static string? Text(string _) => null;
    private static string? FileAt(string path) => File.Exists(path) ? null : "is no file that exists";

    private static string? Number(string value, Action<int> set) =>
        Set(int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number), number, set, "is not a number");

    private static string? Flag(string value, Action<bool> set) => Set(bool.TryParse(value, out bool flag), flag, set, "is neither true nor false");

    private static string? Writes(string value, Action<ReplicatedWrites> set) => Set(
        Enum.TryParse(value, ignoreCase: true, out ReplicatedWrites writes) && !int.TryParse(value, CultureInfo.InvariantCulture, out _),
        writes,
        set,
        "is none of posts, publishes and all");

    // "250ms", "5s", "1m", "1h"; a bare number is milliseconds.
    private static string? Time(string value, Action<TimeSpan> set)
    {
        int unit = value.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (unit < 0) unit = value.Length;
        double factor = value[unit..] switch { "" or "ms" => 1, "s" => 1000, "m" => 60_000, "h" => 3_600_000, _ => double.NaN };
        bool isTime = int.TryParse(value[..unit], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number * factor <= int.MaxValue;
        return Set(isTime, TimeSpan.FromMilliseconds(isTime ? number * factor : 0), set, "is not a duration such as 250ms, 5s or 1m");
    }

    private static string? Set<T>(bool isRight, T value, Action<T> set, string problem)
    {
        if (!isRight) return problem;
        set(value);
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

    // A name that is not known may be a piece of something else: of a password with a '&' or a ',' that stands before it.
    private static string NameOf(string name, int number, bool afterPassword) => !afterPassword && name.Length <= 20 && name.All(char.IsAsciiLetter)
        ? $"the option '{name}'"
        : string.Create(CultureInfo.InvariantCulture, $"the option number {number}");

    /// <summary>What the options of a URI say that is not complete before all are read.</summary>
    private sealed class UriOptions(ConfigurationOptions settings)
    {
        public ConfigurationOptions Settings { get; } = settings;
        public string? Authority { get; set; }
        public string? Certificate { get; set; }
        public string? Key { get; set; }
        public string? TlsHost { get; set; }
        public string? SentinelUser { get; set; }
        public string? SentinelPassword { get; set; }
    }
}
