using System.Globalization;

namespace Latchwork.Redis.Connections;

/// <summary>Reads one <c>name=value</c> of a URI or a connection string.</summary>
internal static class RedisAddressOption
{
    private const string Known =
        "name, user, password, db, prefix, partitions, connectTimeout, commandTimeout, tls, ca, cert, key, tlsHost, cluster, service, sentinelUser, sentinelPassword, " +
        "waitReplicas, waitTimeout, waitWrites";

    public static void Read(string pair, bool isEncoded, RedisOptions options, List<string> problems)
    {
        int equals = pair.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? pair : pair[..equals].Trim();
        string? value = equals < 0 ? "" : pair[(equals + 1)..];
        value = isEncoded ? RedisAddress.Decode(value, name, problems) : value.Trim();
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
            case "PARTITIONS" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int partitions):
                options.Partitions = partitions;
                break;
            case "PARTITIONS":
                problems.Add($"the number of partitions '{value}' is no number");
                break;
            case "CONNECTTIMEOUT":
                options.ConnectTimeout = ReadTime(name, value, problems) ?? options.ConnectTimeout;
                break;
            case "COMMANDTIMEOUT" or "SYNCTIMEOUT" or "ASYNCTIMEOUT":
                options.CommandTimeout = ReadTime(name, value, problems) ?? options.CommandTimeout;
                break;
            case "CLUSTER" when bool.TryParse(value, out bool isCluster):
                options.Cluster |= isCluster;
                break;
            case "CLUSTER":
                problems.Add($"{name} '{value}' is neither true nor false");
                break;
            case "SERVICE" or "SERVICENAME":
                options.SentinelService = value;
                break;
            case "SENTINELUSER":
                options.SentinelUser = value;
                break;
            case "SENTINELPASSWORD":
                options.SentinelPassword = value;
                break;
            default:
                if (!TryReadTls(name, value, options, problems) && !TryReadReplication(name, value, options, problems))
                    problems.Add($"the option '{name}' is not known (known are {Known})");
                break;
        }
    }

    private static bool TryReadTls(string name, string value, RedisOptions options, List<string> problems)
    {
        switch (name.ToUpperInvariant())
        {
            case "SSL" or "TLS" when bool.TryParse(value, out bool isOn):
                if (isOn)
                    options.Tls ??= new RedisTlsOptions();
                else if (options.Tls is not null)
                    problems.Add($"{name} '{value}' contradicts what asks for TLS; nothing is sent in plain instead");
                return true;
            case "SSL" or "TLS":
                problems.Add($"{name} '{value}' is neither true nor false");
                return true;
            case "CA":
                (options.Tls ??= new RedisTlsOptions()).AuthorityFile = value;
                return true;
            case "CERT":
                (options.Tls ??= new RedisTlsOptions()).CertificateFile = value;
                return true;
            case "KEY":
                (options.Tls ??= new RedisTlsOptions()).KeyFile = value;
                return true;
            case "TLSHOST" or "SSLHOST":
                (options.Tls ??= new RedisTlsOptions()).HostName = value;
                return true;
            default:
                return false;
        }
    }

    private static bool TryReadReplication(string name, string value, RedisOptions options, List<string> problems)
    {
        switch (name.ToUpperInvariant())
        {
            case "WAITREPLICAS" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int replicas):
                (options.Replication ??= new RedisReplication()).Replicas = replicas;
                return true;
            case "WAITREPLICAS":
                problems.Add($"{name} '{value}' is no number");
                return true;
            case "WAITTIMEOUT":
                (options.Replication ??= new RedisReplication()).Timeout = ReadTime(name, value, problems) ?? RedisReplication.DefaultTimeout;
                return true;
            case "WAITWRITES" when Enum.TryParse(value, ignoreCase: true, out ReplicatedWrites writes):
                (options.Replication ??= new RedisReplication()).Writes = writes;
                return true;
            case "WAITWRITES":
                problems.Add($"{name} '{value}' is none of posts, publishes and all");
                return true;
            default:
                return false;
        }
    }

    public static void ReadDatabase(string value, RedisOptions options, List<string> problems)
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
}
