using System.Globalization;
using Latchwork.Redis.Connections;
using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <summary>The settings of a <see cref="RedisStore"/>. Checked when it connects; all failures are named together.</summary>
public sealed class RedisOptions
{
    /// <summary>The TCP port of a server where none is given.</summary>
    public const int DefaultPort = 6379;

    /// <summary>The default of <see cref="ClientName"/>.</summary>
    public const string DefaultClientName = "latchwork";

    /// <summary>The default of <see cref="KeyPrefix"/>.</summary>
    public const string DefaultKeyPrefix = "lw:";

    /// <summary>The default of <see cref="MaxQueuedCommands"/>.</summary>
    public const int DefaultMaxQueuedCommands = 100_000;

    /// <summary>The default of <see cref="MaxQueuedBytes"/>: 64 MiB.</summary>
    public const long DefaultMaxQueuedBytes = 64L << 20;

    /// <summary>The largest value of <see cref="Partitions"/>.</summary>
    public const int MaxPartitions = 1_024;

    /// <summary>The default of <see cref="ConnectTimeout"/> and <see cref="CommandTimeout"/>.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The TCP port of a Sentinel where none is given.</summary>
    public const int DefaultSentinelPort = 26379;

    /// <summary>
    /// The servers. Default: empty, <c>localhost</c>. Of several, the first that is a primary is used, so a primary and its replicas can be
    /// listed in any order. With <see cref="SentinelService"/> they are the Sentinels.
    /// </summary>
    public IList<RedisEndpoint> Endpoints { get; private set; } = [];

    /// <summary>
    /// Whether the servers are members of a Redis Cluster. A few are enough, primaries or replicas: the others are found. Default: false.
    /// </summary>
    public bool Cluster { get; set; }

    /// <summary>The name under which Sentinels watch the primary (<c>sentinel monitor NAME …</c>). Default: null, there are no Sentinels.</summary>
    public string? SentinelService { get; set; }

    /// <summary>The user (ACL) at the Sentinels. Default: null, their default user.</summary>
    public string? SentinelUser { get; set; }

    /// <summary>The password at the Sentinels. Default: null, none. It is never printed.</summary>
    public string? SentinelPassword { get; set; }

    /// <summary>TLS, for the servers and the Sentinels. Default: null, nothing is encrypted.</summary>
    public RedisTlsOptions? Tls { get; set; }

    /// <summary>The user (ACL). Default: null, the server's default user. Needs a <see cref="Password"/>.</summary>
    public string? User { get; set; }

    /// <summary>The password. Default: null, none. It is never printed.</summary>
    public string? Password { get; set; }

    /// <summary>
    /// Gives the user and the password, instead of <see cref="User"/> and <see cref="Password"/>; asked at each connect, so that they can be
    /// changed without a restart. Asked on the connection's thread, which waits for the answer within <see cref="ConnectTimeout"/>. If it
    /// throws, connecting fails and is tried again. Default: null.
    /// </summary>
    public Func<CancellationToken, ValueTask<RedisCredentials>>? Credentials { get; set; }

    /// <summary>The number of the database: 0 to 1,000,000; default 0. Servers have 16 unless configured otherwise; a cluster has only 0.</summary>
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

    /// <summary>
    /// The number of partitions of every timer namespace: 1 to 1,024; default 1. Each is in a slot of its own, so that a namespace can use
    /// several primaries of a cluster. All clients of a namespace must agree: a namespace records its number when it is first used, and who says
    /// another one is refused. <c>latchwork timer repartition</c> changes it.
    /// </summary>
    public int Partitions { get; set; } = 1;

    /// <summary>The most commands that wait for a connection or for their replies, for each primary of a cluster: 1 to 10,000,000; default 100,000. More are refused at once.</summary>
    public int MaxQueuedCommands { get; set; } = DefaultMaxQueuedCommands;

    /// <summary>The most bytes of such commands, in bytes: 1 to 1 GiB; default 64 MiB. A single command may have more.</summary>
    public long MaxQueuedBytes { get; set; } = DefaultMaxQueuedBytes;

    /// <summary>Writes that wait for replicas. Default: null, none do.</summary>
    public RedisReplication? Replication { get; set; }

    /// <summary>Where the store logs. Default: null, nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The clock that decides what is due, for tests. Default: null, the server's clock. Timeouts of the connection always follow real time.</summary>
    public TimeProvider? TimeProvider { get; set; }

    /// <summary>Reads an address.</summary>
    /// <param name="connection">
    /// A URI, with percent-encoding: <c>redis://user:password@host:port,host:port/database</c>, <c>rediss://…</c> with TLS,
    /// <c>redis+sentinel://host,host,host/service/database</c> (<c>rediss+sentinel://</c> with TLS), <c>redis+cluster://host,host,host</c>
    /// (<c>rediss+cluster://</c> with TLS) or <c>unix:///path</c>. After a question
    /// mark: <c>name</c>, <c>user</c>, <c>password</c>, <c>db</c>, <c>prefix</c>, <c>partitions</c>, <c>connectTimeout</c>, <c>commandTimeout</c>
    /// (<c>250ms</c>, <c>5s</c>, <c>1m</c>); for TLS <c>ca</c>, <c>cert</c>, <c>key</c> (PEM files) and <c>tlsHost</c>; for Sentinels
    /// <c>sentinelUser</c> and <c>sentinelPassword</c>; for replicas <c>waitReplicas</c>, <c>waitTimeout</c> and <c>waitWrites</c>
    /// (<c>posts</c>, <c>publishes</c>, <c>all</c>). Or a connection string with the same options:
    /// <c>host:port,user=…,password=…,defaultDatabase=…,name=…,connectTimeout=5000,ssl=true,serviceName=…</c>,
    /// or <c>…,cluster=true</c>.
    /// </param>
    /// <returns>The settings.</returns>
    /// <exception cref="ArgumentException">The text is not valid; all that is wrong is named with its value, except passwords.</exception>
    public static RedisOptions Parse(string connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var options = new RedisOptions();
        var problems = new List<string>();
        RedisAddress.Read(connection, options, problems);
        RedisOptionsCheck.AddProblems(options, problems);
        ThrowIfAny(problems, nameof(connection));
        return options;
    }

    /// <summary>Where the server is: a URI without user name and password.</summary>
    /// <returns>The URI.</returns>
    public override string ToString()
    {
        RedisEndpoint[] servers = Servers();
        string scheme = Tls is null ? "redis" : "rediss";
        if (Cluster && !IsClusterNode)
            return $"{scheme}+cluster://{string.Join<RedisEndpoint>(',', servers)}";
        if (SentinelService is null && servers is [var only])
            return Describe(only);
        (string kind, string service) = SentinelService is null ? ("", "") : ("+sentinel", $"/{SentinelService}");
        return string.Create(CultureInfo.InvariantCulture, $"{scheme}{kind}://{string.Join<RedisEndpoint>(',', servers)}{service}/{Database}");
    }

    /// <summary>One of the servers as a URI.</summary>
    internal string Describe(RedisEndpoint server) => server.UnixSocketPath is { } path
        ? string.Create(CultureInfo.InvariantCulture, $"unix://{path}?db={Database}")
        : string.Create(CultureInfo.InvariantCulture, $"{(Tls is null ? "redis" : "rediss")}://{server}/{Database}");

    /// <summary>The servers, each with its port.</summary>
    internal RedisEndpoint[] Servers()
    {
        int port = SentinelService is null ? DefaultPort : DefaultSentinelPort;
        return [.. Endpoints.DefaultIfEmpty(new RedisEndpoint("localhost")).Select(endpoint => endpoint.WithPort(port))];
    }

    /// <summary>A copy that nobody can change any more.</summary>
    /// <exception cref="ArgumentException">Settings are wrong.</exception>
    internal RedisOptions CheckedCopy()
    {
        var problems = new List<string>();
        RedisOptionsCheck.AddProblems(this, problems);
        ThrowIfAny(problems, "options");
        var copy = (RedisOptions)MemberwiseClone();
        copy.Endpoints = [.. Endpoints];
        copy.Tls = Tls?.Copy();
        copy.Replication = Replication?.Copy();
        return copy;
    }

    /// <summary>Whether a cluster's channels are plain ones even where sharded ones exist, as before Redis 7; for tests.</summary>
    internal bool UsesPlainChannels { get; set; }

    /// <summary>Whether these are the settings of a connection to one member of a cluster.</summary>
    internal bool IsClusterNode { get; private set; }

    /// <summary>The settings of a connection to one member of the cluster. The others must not change any more.</summary>
    internal RedisOptions ForNode(RedisEndpoint endpoint)
    {
        var copy = (RedisOptions)MemberwiseClone();
        copy.Endpoints = [endpoint];
        copy.IsClusterNode = true;
        return copy;
    }

    private static void ThrowIfAny(List<string> problems, string argument)
    {
        if (problems.Count > 0)
            throw new ArgumentException($"The Redis settings are wrong: {string.Join("; ", problems)}.", argument);
    }
}
