using System.Buffers;

namespace Latchwork.Redis;

/// <summary>Finds what is wrong with the configuration of the client.</summary>
internal static class RedisOptionsCheck
{
    private const int MaxServers = 100;
    private static readonly SearchValues<char> _notInHosts = SearchValues.Create(" \t\r\n,/?#@[]=\\");

    /// <summary>Lists what is wrong with where to connect to.</summary>
    public static void AddProblems(ConfigurationOptions settings, List<string> problems)
    {
        var check = new Checklist(problems);
        check.That(settings.EndPoints.Count is >= 1 and <= MaxServers, "number of servers", settings.EndPoints.Count, $"must be between 1 and {MaxServers}; name a server, as in redis://host:6379");
        int number = 0;
        foreach (EndPoint endpoint in settings.EndPoints)
        {
            number++;

            // What is no host may be a piece of a password.
            if (endpoint is DnsEndPoint dns && !IsHost(dns.Host)) problems.Add(string.Create(CultureInfo.InvariantCulture, $"the server number {number} is neither a host name nor an address"));
            if (endpoint is UnixDomainSocketEndPoint) check.That(!settings.Ssl, "unix socket path", endpoint, "cannot be used with TLS");
        }

        check.Time(TimeSpan.FromMilliseconds(settings.ConnectTimeout), "connect timeout", TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(5));
        check.That(settings.DefaultDatabase is null or >= 0, "database", settings.DefaultDatabase, "must not be negative");
        check.That(settings.ServiceName is not "", "service of the Sentinels", settings.ServiceName, "must be the name that they give to the primary");
        check.That(settings.Proxy is Proxy.None, "proxy", settings.Proxy, "cannot be used: scripts and notifications do not pass it");
        if (settings.Password is null && settings.User is not (null or "" or "default")) problems.Add("the user needs a password; write user:password@host, or :password@host for a password alone");
    }

    public static void ThrowIfAny(List<string> problems, string argument)
    {
        if (problems.Count > 0)
            throw new ArgumentException($"The Redis settings are wrong: {string.Join("; ", problems)}.", argument);
    }

    private static bool IsHost(string host) =>
        host.Length is >= 1 and <= 255 && !host.AsSpan().ContainsAny(_notInHosts) && (!host.Contains(':', StringComparison.Ordinal) || IPAddress.TryParse(host, out _));

    private readonly struct Checklist(List<string> problems)
    {
        public void That(bool isRight, string name, object? value, string rule)
        {
            if (!isRight) problems.Add(string.Create(CultureInfo.InvariantCulture, $"the {name} '{value}' {rule}"));
        }

        public void Time(TimeSpan value, string name, TimeSpan min, TimeSpan max) => That(
            value >= min && value <= max, name, Durations.Text(value), $"must be between {Durations.Text(min)} and {Durations.Text(max)}");
    }
}
