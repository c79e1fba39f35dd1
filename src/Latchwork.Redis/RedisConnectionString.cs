namespace Latchwork.Redis;

/// <summary>
/// Reads connection strings: those of StackExchange.Redis as a whole, and URIs, which are translated. In both, some options are the store's own
/// (<c>prefix</c>, <c>partitions</c>, <c>commandTimeout</c>, <c>waitReplicas</c>, <c>waitTimeout</c>, <c>waitWrites</c>). What is wrong is listed; a
/// value that may be a secret, or a piece of text that could not be split into options, is not repeated.
/// </summary>
internal static class RedisConnectionString
{
    private static readonly Dictionary<string, Func<RedisOptions, string, string?>> _own = new(StringComparer.OrdinalIgnoreCase)
    {
        ["prefix"] = static (options, value) => OptionValue.Text(value, text => options.KeyPrefix = text),
        ["keyPrefix"] = static (options, value) => OptionValue.Text(value, text => options.KeyPrefix = text),
        ["partitions"] = static (options, value) => OptionValue.Number(value, number => options.Partitions = number),
        ["commandTimeout"] = static (options, value) => OptionValue.Time(value, time => options.CommandTimeout = time),
        ["waitReplicas"] = static (options, value) => OptionValue.Number(value, number => options.ReplicationToSet.Replicas = number),
        ["waitTimeout"] = static (options, value) => OptionValue.Time(value, time => options.ReplicationToSet.Timeout = time),
        ["waitWrites"] = static (options, value) =>
            OptionValue.Choice<ReplicatedWrites>(value, writes => options.ReplicationToSet.Writes = writes, "is none of posts, publishes and all"),
    };

    private static readonly Dictionary<string, Func<UriOptions, string, string?>> _ofUri = new(StringComparer.OrdinalIgnoreCase)
    {
        ["name"] = static (uri, value) => OptionValue.Text(value, text => uri.Settings.ClientName = text),
        ["clientName"] = static (uri, value) => OptionValue.Text(value, text => uri.Settings.ClientName = text),
        ["user"] = static (uri, value) => OptionValue.Text(value, text => uri.Settings.User = text),
        ["userName"] = static (uri, value) => OptionValue.Text(value, text => uri.Settings.User = text),
        ["password"] = static (uri, value) => OptionValue.Text(value, text => uri.Settings.Password = text),
        ["db"] = static (uri, value) => OptionValue.Number(value, number => uri.Settings.DefaultDatabase = number),
        ["database"] = static (uri, value) => OptionValue.Number(value, number => uri.Settings.DefaultDatabase = number),
        ["defaultDatabase"] = static (uri, value) => OptionValue.Number(value, number => uri.Settings.DefaultDatabase = number),
        ["connectTimeout"] = static (uri, value) => OptionValue.Time(value, time => uri.Settings.ConnectTimeout = (int)time.TotalMilliseconds),
        ["ca"] = static (uri, value) => OptionValue.FileAt(value, file => uri.Authority = file),
        ["cert"] = static (uri, value) => OptionValue.FileAt(value, file => uri.Certificate = file),
        ["key"] = static (uri, value) => OptionValue.FileAt(value, file => uri.Key = file),
        ["tlsHost"] = static (uri, value) => OptionValue.Text(value, host => uri.TlsHost = host),
        ["sslHost"] = static (uri, value) => OptionValue.Text(value, host => uri.TlsHost = host),
        ["service"] = static (uri, value) => OptionValue.Text(value, text => uri.Settings.ServiceName = text),
        ["serviceName"] = static (uri, value) => OptionValue.Text(value, text => uri.Settings.ServiceName = text),
        ["sentinelUser"] = static (uri, value) => OptionValue.Text(value, text => uri.SentinelUser = text),
        ["sentinelPassword"] = static (uri, value) => OptionValue.Text(value, text => uri.SentinelPassword = text),
        ["abortConnect"] = static (uri, value) => OptionValue.Flag(value, flag => uri.Settings.AbortOnConnectFail = flag),
    };

    private static readonly string[] _schemes =
        ["redis", "rediss", "valkey", "valkeys", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster", "unix", "redis+unix"];

    /// <summary>Reads a connection string. <paramref name="options"/> and <paramref name="problems"/> take the options of the store and what is wrong.</summary>
    /// <returns>The configuration of the client; incomplete if something is wrong.</returns>
    public static ConfigurationOptions Read(string text, RedisOptions options, List<string> problems)
    {
        text = text.Trim();
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        ConfigurationOptions settings = text.Length == 0 || (scheme >= 0 && !text.AsSpan(0, scheme).ContainsAny(",="))
            ? ReadUri(text, options, problems)
            : ReadConfiguration(text, options, problems);
        if (problems.Count == 0 || settings.EndPoints.Count > 0) RedisOptionsCheck.AddProblems(settings, problems);
        return settings;
    }

    /// <summary>Reads a configuration of the client, which may have options that it does not know; null if one is wrong.</summary>
    public static ConfigurationOptions? TryParse(string text, bool ignoreUnknown = true)
    {
        try
        {
            return ConfigurationOptions.Parse(text, ignoreUnknown);
        }
        catch (ArgumentException)
        {
            return null;
        }
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
            if (equals > 0 && _own.TryRead(options, name, part[(equals + 1)..].Trim(), problems)) continue;
            if (equals < 0 && afterPassword)
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"the part number {number} stands behind a password and has no name: it may be a piece of it, and a password with a comma cannot be written in this form; use a URI ({StoreAddress.HowToEncode}), and name servers first"));
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
        bool isServer = name.Length == 0;
        string partNumber = string.Create(CultureInfo.InvariantCulture, $"the part number {number}");
        if (TryParse(part) is not { } read)
            return isServer ? $"{partNumber} is a server whose port is not a number between 1 and 65535" : $"StackExchange.Redis does not accept the value of the option '{name}'";
        if (isServer && read.EndPoints.Count == 0) return $"{partNumber} is neither a server nor an option with its value";
        if (TryParse(part, ignoreUnknown: false) is not null) return null;
        return $"{NameOf(name, number, afterPassword)} is neither one of StackExchange.Redis nor one of {string.Join(", ", _own.Keys)}";
    }

    private static ConfigurationOptions ReadUri(string text, RedisOptions options, List<string> problems)
    {
        var settings = new ConfigurationOptions();
        if (StoreAddress.Read(text, _schemes, problems) is not { } address) return settings;
        settings.Ssl = address.Scheme.StartsWith("rediss", StringComparison.Ordinal) || address.Scheme == "valkeys";
        (settings.User, settings.Password) = (address.User, address.Password);
        if (address.Scheme.EndsWith("unix", StringComparison.Ordinal)) ReadPath(address.Place, settings, problems);
        else ReadPlace(address.Place, isSentinel: address.Scheme.EndsWith("sentinel", StringComparison.Ordinal), settings, problems);
        ReadOptions(address, settings, options, problems);
        return settings;
    }

    private static void ReadPath(string text, ConfigurationOptions settings, List<string> problems)
    {
        const int MaxPath = 107;
        if (!text.StartsWith('/'))
        {
            problems.Add("a unix socket has no host; write unix:///path/of/the.sock");
            return;
        }

        string path = StoreAddress.Decode(text, "path", problems) ?? "/";
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes > MaxPath || path.Contains('\0', StringComparison.Ordinal)) problems.Add($"the unix socket path has {bytes} bytes, and must have at most {MaxPath}, and no NUL");
        else settings.EndPoints.Add(new UnixDomainSocketEndPoint(path));
    }

    private static void ReadPlace(string text, bool isSentinel, ConfigurationOptions settings, List<string> problems)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        foreach (EndPoint server in StoreAddress.Servers(slash < 0 ? text : text[..slash], _schemes[0], problems)) settings.EndPoints.Add(server);
        string[] parts = slash < 0 ? [""] : text[(slash + 1)..].TrimEnd('/').Split('/');
        if (isSentinel)
        {
            settings.ServiceName = StoreAddress.Decode(parts[0], "service", problems);
            if (parts[0].Length == 0) problems.Add("the name of the service is missing; write redis+sentinel://host,host,host/NAME/0");
            parts = parts.Length > 1 ? parts[1..] : [""];
        }

        if (parts.Length > 1) problems.Add("there is more than a database behind the servers; write redis://host:port/0");
        else if (int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int database)) settings.DefaultDatabase = database;
        else if (parts[0].Length > 0) problems.Add($"the database behind the servers is not a number; {StoreAddress.HowToEncode}"); // it may be the end of a password
    }

    private static void ReadOptions(StoreAddress address, ConfigurationOptions settings, RedisOptions options, List<string> problems)
    {
        var uri = new UriOptions(settings);
        bool afterPassword = problems.Count > 0; // what could not be read may have been one, and this its end
        int number = 0;
        foreach ((string name, string? value) in address.Options(problems))
        {
            number++;
            if (value is null || _own.TryRead(options, name, value, problems)) continue;
            if (!_ofUri.TryRead(uri, name, value, problems))
                problems.Add($"{NameOf(name, number, afterPassword)} is not known. Options of a URI: {string.Join(", ", _ofUri.Keys.Concat(_own.Keys))}; any other one of StackExchange.Redis goes into a connection string of its form (host:port,name=value)");
            else afterPassword |= name.EndsWith("password", StringComparison.OrdinalIgnoreCase);
        }

        // Without user and password of their own, Sentinels get none; the client would give them those of the server, which they need not know.
        if (settings.ServiceName is not null) (settings.SentinelUser, settings.SentinelPassword) = (uri.SentinelUser ?? "", uri.SentinelPassword ?? "");
        else if (uri.SentinelUser is not null || uri.SentinelPassword is not null) problems.Add("a user or a password for Sentinels needs the name of a service");

        if (uri.Key is not null && uri.Certificate is null) problems.Add("the option 'key' needs a certificate file, the option 'cert'");
        settings.SslHost = uri.TlsHost;
        settings.Ssl |= uri.TlsHost is not null || uri.Authority is not null || uri.Certificate is not null;
        if (settings.Ssl) settings.SslClientAuthenticationOptions = new TlsFiles(uri.Authority, uri.Certificate, uri.Key).For;
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
