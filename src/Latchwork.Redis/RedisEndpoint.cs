using System.Globalization;

namespace Latchwork;

/// <summary>Where a server listens: a host and a TCP port, or the path of a unix socket. Checked when the store connects.</summary>
public sealed record RedisEndpoint
{
    /// <summary>Creates the address of a TCP port.</summary>
    /// <param name="host">A host name or an address (IPv6 without brackets).</param>
    /// <param name="port">The port: 1 to 65535. Default: null, 6379, or 26379 for a Sentinel.</param>
    public RedisEndpoint(string host, int? port = null)
    {
        Host = host;
        Port = port;
    }

    private RedisEndpoint(string host, string path)
    {
        Host = host;
        UnixSocketPath = path;
    }

    /// <summary>A host name or an address.</summary>
    public string Host { get; }

    /// <summary>The TCP port; null for the default.</summary>
    public int? Port { get; }

    /// <summary>The path of the unix socket; null for TCP.</summary>
    public string? UnixSocketPath { get; }

    /// <summary>Creates the address of a unix socket.</summary>
    /// <param name="path">Its path: up to 107 bytes of UTF-8.</param>
    /// <returns>The address.</returns>
    public static RedisEndpoint Unix(string path) => new("localhost", path);

    /// <summary>The address as people write it: <c>host:6379</c>, <c>[::1]:6379</c>, or the path.</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        if (UnixSocketPath is not null) return UnixSocketPath;
        string host = Host is not null && Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : $"{Host}";
        return Port is int port ? string.Create(CultureInfo.InvariantCulture, $"{host}:{port}") : host;
    }

    internal RedisEndpoint WithPort(int port) => UnixSocketPath is null && Port is null ? new RedisEndpoint(Host, port) : this;
}
