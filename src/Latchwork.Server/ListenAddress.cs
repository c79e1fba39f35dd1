using System.Globalization;
using System.Net;

namespace Latchwork.Server;

/// <summary>An address that the server listens on.</summary>
/// <param name="Url">It as it was written.</param>
/// <param name="Port">The port; 0 is a free one.</param>
/// <param name="IsLoopback">Whether only this machine reaches it.</param>
internal sealed record ListenAddress(string Url, int Port, bool IsLoopback)
{
    public const string Default = "http://127.0.0.1:5080";

    private const string Scheme = "http://";

    /// <summary>Reads addresses with <c>;</c> between them.</summary>
    /// <exception cref="CliException">One is none that the server can listen on.</exception>
    public static IReadOnlyList<ListenAddress> Parse(string urls)
    {
        string[] parts = urls.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return parts.Length > 0 ? [.. parts.Select(ParseOne)] : throw new CliException(ExitCodes.BadInput, $"'--urls' is empty: write {Default}");
    }

    private static ListenAddress ParseOne(string url)
    {
        if (url.StartsWith("https://", StringComparison.OrdinalIgnoreCase)) throw new CliException(ExitCodes.BadInput, $"'--urls' must begin with http://, as the server has no certificate (put a proxy with TLS in front); it is '{url}'");
        // Any other name would make Kestrel listen on all addresses, whatever the name means.
        string rest = url.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? url[Scheme.Length..].TrimEnd('/') : "";
        int colon = rest.LastIndexOf(':');
        if (colon <= 0 || !int.TryParse(rest.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port > IPEndPoint.MaxPort || IsLoopbackHost(rest[..colon]) is not { } isLoopback)
        {
            throw new CliException(ExitCodes.BadInput, $"'--urls' must be http://ADDRESS:PORT with localhost, * or an IP address, and a port from 0 to {IPEndPoint.MaxPort}; it is '{url}'");
        }

        if (port == 0 && rest.StartsWith("localhost", StringComparison.OrdinalIgnoreCase)) throw new CliException(ExitCodes.BadInput, $"'--urls' must name a port for localhost, which is two addresses (127.0.0.1 takes port 0); it is '{url}'");
        return new ListenAddress(url, port, isLoopback);
    }

    // Null if it is no host that can be listened on.
    private static bool? IsLoopbackHost(string host)
    {
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return true;
        if (host is "*" or "+") return false;
        bool isBracketed = host is ['[', .., ']'];
        if (!IPAddress.TryParse(isBracketed ? host[1..^1] : host, out IPAddress? address)) return null;
        // '127.1' and '1' are addresses to the parser, and something else to whoever reads them.
        return isBracketed == host.Contains(':') && (isBracketed || address.ToString() == host) ? IPAddress.IsLoopback(address) : null;
    }
}
