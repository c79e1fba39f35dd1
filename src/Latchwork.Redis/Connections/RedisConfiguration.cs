namespace Latchwork.Redis.Connections;

/// <summary>What the store sets in the client's configuration for connections of its own, and how it writes addresses in messages.</summary>
internal static class RedisConfiguration
{
    /// <summary>The TCP port of a server, and of a Sentinel, where none is given.</summary>
    public const int DefaultPort = 6379, DefaultSentinelPort = 26379;

    private const string ClientName = "latchwork";

    // A server that is back is found within a second: the client checks its connections with each heartbeat.
    private static readonly TimeSpan _reconnectAfter = TimeSpan.FromMilliseconds(250), _slowestHeartbeat = TimeSpan.FromSeconds(1);

    /// <summary>A copy of the application's configuration, changed where a guarantee depends on it.</summary>
    /// <exception cref="ArgumentException">It has a channel prefix.</exception>
    public static ConfigurationOptions Prepare(ConfigurationOptions settings, RedisOptions options)
    {
        // Scripts publish to channels as they are, so the client would listen to others.
        if (!settings.ChannelPrefix.IsNullOrEmpty)
            throw new ArgumentException("The Redis settings are wrong: a channel prefix (channelPrefix) cannot be used, because no notification would arrive; the store's own prefix (prefix) begins its channels, too.", nameof(settings));
        ConfigurationOptions copy = settings.Clone();

        // A command that cannot be written now fails as "not applied", and is sent again by the store within the caller's time. A backlog would run
        // it later than anybody waits for it, and on the server that it was meant for before a failover.
        copy.BacklogPolicy = BacklogPolicy.FailFast;

        // One connection carries scripts and subscriptions, in order: a request that is sent after SUBSCRIBE is decided after it.
        copy.Protocol ??= RedisProtocol.Resp3;
        copy.SharedSubscriptionConnection = true;

        copy.ReconnectRetryPolicy = new LinearRetry((int)_reconnectAfter.TotalMilliseconds);
        if (copy.HeartbeatInterval > _slowestHeartbeat) copy.HeartbeatInterval = _slowestHeartbeat;

        // Where it is not set, the client takes the time of synchronous commands, which is about to be another one.
        copy.ConnectTimeout = settings.ConnectTimeout;

        // The store keeps the time itself; the client's own timeouts are looked at with each heartbeat only, and come behind.
        copy.AsyncTimeout = copy.SyncTimeout = (int)(options.CommandTimeout + _slowestHeartbeat).TotalMilliseconds;
        copy.IncludeDetailInExceptions = false; // keys of users
        copy.ClientName ??= ClientName;

        // Rights that the store does not need: a key and a channel of the client.
        copy.TieBreaker = "";
        copy.ConfigurationChannel = "";

        copy.SetClientLibrary = false;

        // CONFIG GET, CLIENT ID and the like; the flag is one of the client, not of the server.
        copy.AllowAdmin = true;
        return copy;
    }

    /// <summary>A copy that leads to one server, and fails if it cannot be reached.</summary>
    public static ConfigurationOptions At(ConfigurationOptions settings, EndPoint server)
    {
        ConfigurationOptions copy = settings.Clone();
        copy.ServiceName = null;
        copy.AbortOnConnectFail = true;
        copy.EndPoints.Clear();
        copy.EndPoints.Add(server);
        return copy;
    }

    /// <summary>Where the servers are: a URI without user name and password.</summary>
    public static string Describe(ConfigurationOptions settings)
    {
        string scheme = settings.Ssl ? "rediss" : "redis";
        int database = settings.DefaultDatabase ?? 0;
        if (settings.ServiceName is { } service)
        {
            string sentinels = string.Join(',', settings.EndPoints.Select(endpoint => Text(WithPort(endpoint, DefaultSentinelPort))));
            return string.Create(CultureInfo.InvariantCulture, $"{scheme}+sentinel://{sentinels}/{service}/{database}");
        }

        return settings.EndPoints is [UnixDomainSocketEndPoint path]
            ? string.Create(CultureInfo.InvariantCulture, $"unix://{path}?db={database}")
            : string.Create(CultureInfo.InvariantCulture, $"{scheme}://{string.Join(',', settings.EndPoints.Select(endpoint => Text(WithPort(endpoint, DefaultPort))))}/{database}");
    }

    /// <summary>The same for the application's connection.</summary>
    public static string Describe(IConnectionMultiplexer multiplexer) =>
        $"redis://{string.Join(',', multiplexer.GetEndPoints(configuredOnly: true).Select(Text))}/{multiplexer.GetDatabase().Database.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>An address as people write it: <c>host:6379</c>, <c>[::1]:6379</c>, or a path.</summary>
    public static string Text(EndPoint endpoint) => endpoint switch
    {
        DnsEndPoint dns => string.Create(CultureInfo.InvariantCulture, $"{dns.Host}:{dns.Port}"),
        _ => endpoint.ToString() ?? "",
    };

    public static EndPoint WithPort(EndPoint endpoint, int port) => endpoint switch
    {
        DnsEndPoint { Port: 0 } dns => new DnsEndPoint(dns.Host, port),
        IPEndPoint { Port: 0 } ip => new IPEndPoint(ip.Address, port),
        _ => endpoint,
    };

    /// <summary>Why connecting failed, in short, without what the client prints of its state.</summary>
    public static string Explain(Exception error)
    {
        Exception cause = error;
        while (cause.InnerException is { } inner && cause is RedisConnectionException or AggregateException)
            cause = inner;
        string text = cause.Message;
        int details = text.IndexOf(" (", StringComparison.Ordinal);
        return cause is RedisConnectionException && details > 0 ? text[..details].TrimEnd('.') : text.TrimEnd('.');
    }
}
