using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;

namespace Latchwork.Redis.Connections;

/// <summary>Finds all that is wrong with settings, each with its value; of passwords never the value.</summary>
internal static class RedisOptionsCheck
{
    private static readonly SearchValues<char> _notInHosts = SearchValues.Create(" \t\r\n/@,?#[]\\");
    private static readonly SearchValues<char> _notInServices = SearchValues.Create(" \t\r\n/");

    public static void AddProblems(RedisOptions options, List<string> problems)
    {
        var check = new Checklist(problems);
        CheckServers(options, check);
        CheckTls(options, check);
        CheckUsers(options, check);
        CheckReplication(options, check);
        check.That(options.Database is >= 0 and <= 1_000_000, "database", options.Database, "must be between 0 and 1000000");
        check.That(!options.Cluster || options.Database == 0, "database", options.Database, "must be 0 in a cluster, which has no other");
        check.That(
            options.ClientName is null || (options.ClientName.Length <= 100 && !options.ClientName.AsSpan().ContainsAnyExceptInRange('!', '~')),
            "client name", options.ClientName, "must have up to 100 printable ASCII characters without spaces");
        check.Time(options.ConnectTimeout, "connect timeout", TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(5));
        check.Time(options.CommandTimeout, "command timeout", TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(10));
        string? prefix = options.KeyPrefix;
        check.That(prefix is not null && Encoding.UTF8.GetByteCount(prefix) <= 128, "prefix", prefix, "must have at most 128 bytes of UTF-8");
        check.That(prefix?.AsSpan().ContainsAny('{', '}') != true, "prefix", prefix, "must not have braces, which mark the hash tag of a key");
        check.That(
            options.Partitions is >= 1 and <= RedisOptions.MaxPartitions, "number of partitions", options.Partitions, $"must be between 1 and {RedisOptions.MaxPartitions}");
        check.That(options.MaxQueuedCommands is >= 1 and <= 10_000_000, "most queued commands", options.MaxQueuedCommands, "must be between 1 and 10000000");
        check.That(options.MaxQueuedBytes is >= 1 and <= 1L << 30, "most queued bytes", options.MaxQueuedBytes, "must be between 1 and 1073741824");
    }

    private static void CheckServers(RedisOptions options, Checklist check)
    {
        check.That(options.Endpoints.Count <= 100, "number of servers", options.Endpoints.Count, "must be at most 100");
        foreach (RedisEndpoint? endpoint in options.Endpoints)
        {
            if (endpoint?.UnixSocketPath is { } path)
            {
                bool isPath = path.Length > 0 && !path.Contains('\0', StringComparison.Ordinal);
                check.That(isPath, "unix socket path", path, "must be a path");
                check.That(Encoding.UTF8.GetByteCount(path) <= 107, "unix socket path", path, "must have at most 107 bytes");
                check.That(options.Tls is null, "unix socket path", path, "cannot be used with TLS");
                check.That(!options.Cluster, "unix socket path", path, "cannot be used for a cluster, whose members name each other by host and port");
                continue;
            }

            check.That(IsHost(endpoint?.Host), "host", endpoint?.Host, "must be a host name or an address");
            check.That(endpoint?.Port is null or (>= 1 and <= 65535), "port", endpoint?.Port, "must be between 1 and 65535");
        }

        string? service = options.SentinelService;
        check.That(service is null || !options.Cluster, "service of the Sentinels", service, "cannot be used for a cluster, which needs no Sentinels");
        check.That(
            service is null || (service.Length is >= 1 and <= 256 && !service.AsSpan().ContainsAny(_notInServices)),
            "service of the Sentinels", service, "must be the name that they give to the primary, as in redis+sentinel://host1,host2,host3/NAME/0");
    }

    private static void CheckTls(RedisOptions options, Checklist check)
    {
        if (options.Tls is not { } tls)
            return;
        CheckFile(tls.AuthorityFile, "file of certificate authorities");
        CheckFile(tls.CertificateFile, "certificate file");
        CheckFile(tls.KeyFile, "key file");
        check.That(tls.KeyFile is null || tls.CertificateFile is not null, "key file", tls.KeyFile, "needs a certificate file");
        check.That(tls.Certificate is null || tls.CertificateFile is null, "certificate file", tls.CertificateFile, "cannot be used together with a certificate");
        check.That(tls.Certificate?.HasPrivateKey != false, "certificate", tls.Certificate?.Subject, "must have its private key");
        check.That(tls.Authorities is not { Count: 0 }, "number of certificate authorities", 0, "must be at least 1; use null for those of the system");
        check.That(tls.HostName is null || IsHost(tls.HostName), "TLS host name", tls.HostName, "must be a host name or an address");

        void CheckFile(string? path, string name) => check.That(path is null || File.Exists(path), name, path, "does not exist");
    }

    private static void CheckUsers(RedisOptions options, Checklist check)
    {
        bool asked = options.Credentials is not null;
        check.That(asked || options.User is null || options.Password is not null, "user", options.User, "needs a password");
        check.That(options.User is not { Length: 0 }, "user", options.User, "must not be empty");
        check.That(!asked || options.User is null, "user", options.User, "cannot be used together with a callback for credentials");
        check.That(!asked || options.Password is null, "password", "***", "cannot be used together with a callback for credentials");
        check.That(options.SentinelUser is null || options.SentinelPassword is not null, "user at the Sentinels", options.SentinelUser, "needs a password");
        check.That(
            options.SentinelService is not null || (options.SentinelUser is null && options.SentinelPassword is null),
            "user at the Sentinels", options.SentinelUser, "needs the name of a service");
    }

    private static void CheckReplication(RedisOptions options, Checklist check)
    {
        if (options.Replication is not { } replication)
            return;
        check.That(replication.Replicas is >= 1 and <= 100, "number of replicas", replication.Replicas, "must be between 1 and 100");
        check.Time(replication.Timeout, "timeout of replicas", TimeSpan.FromMilliseconds(1), options.CommandTimeout);
        check.That((replication.Writes & ~ReplicatedWrites.All) == 0, "kind of replicated writes", replication.Writes, "is not known");
    }

    private static bool IsHost(string? host) =>
        !string.IsNullOrEmpty(host) && host.Length <= 255 && !host.AsSpan().ContainsAny(_notInHosts) &&
        (!host.Contains(':', StringComparison.Ordinal) || IPAddress.TryParse(host, out _));

    private readonly struct Checklist(List<string> problems)
    {
        public void That(bool isRight, string name, object? value, string rule)
        {
            if (!isRight)
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"the {name} '{value}' {rule}"));
        }

        public void Time(TimeSpan value, string name, TimeSpan min, TimeSpan max) => That(
            value >= min && value <= max, name, RedisErrors.Text(value), $"must be between {RedisErrors.Text(min)} and {RedisErrors.Text(max)}");
    }
}
