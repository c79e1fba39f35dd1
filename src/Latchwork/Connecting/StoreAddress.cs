using System.Globalization;
using System.Net;

namespace Latchwork.Connecting;

/// <summary>
/// The parts of a URI that says where a store is: <c>scheme://user:password@host:port,host/path?option=value</c>. Unlike a <see cref="Uri"/> it may
/// name several servers. What cannot be read may be a piece of a password that was not percent-encoded, so no message repeats it.
/// </summary>
/// <param name="Scheme">The scheme, in lower case.</param>
/// <param name="User">The user; null for none.</param>
/// <param name="Password">The password; null for none.</param>
/// <param name="Place">The servers and the path, percent-encoded still.</param>
/// <param name="Query">The options, percent-encoded still.</param>
internal sealed record StoreAddress(string Scheme, string? User, string? Password, string Place, string Query)
{
    public const string HowToEncode =
        "in a user name, a password or a path, percent-encode what has a meaning in a URI (/ is %2F, ? is %3F, # is %23, @ is %40, % is %25)";

    /// <summary>Takes a URI apart. The first of the schemes is the one that messages name.</summary>
    /// <returns>Its parts; null if it cannot be read.</returns>
    public static StoreAddress? Read(string text, string[] schemes, List<string> problems)
    {
        if (text.Length == 0)
        {
            problems.Add($"the address is empty; write {schemes[0]}://host:port");
            return null;
        }

        int end = text.IndexOf("://", StringComparison.Ordinal);
        string scheme = text[..end].ToLowerInvariant();
        string rest = text[(end + 3)..];
        if (!schemes.Contains(scheme))
        {
            string shown = scheme.Length <= 20 && scheme.All(static c => char.IsAsciiLetter(c) || c is '+' or '-' or '.') ? $"the scheme '{scheme}'" : "the scheme";
            problems.Add($"{shown} is none of {string.Join(", ", schemes)}");
            return null;
        }

        // The last @ ends user and password; a ?, a / or a # before it is one that was not percent-encoded, and would tear the password apart.
        int at = rest.LastIndexOf('@');
        if (rest.Contains('#', StringComparison.Ordinal) || (at >= 0 && rest.AsSpan(0, at).IndexOfAny('/', '?', '@') >= 0))
        {
            problems.Add($"the address cannot be read; {HowToEncode}");
            return null;
        }

        string[] login = at < 0 ? [""] : rest[..at].Split(':', 2);
        string[] place = rest[(at + 1)..].Split('?', 2);
        string? user = login[0].Length > 0 ? Decode(login[0], "user", problems) : null;
        string? password = login.Length > 1 ? Decode(login[1], "password", problems) ?? "" : null;
        return new StoreAddress(scheme, user, password, place[0], place.Length > 1 ? place[1] : "");
    }

    /// <summary>The options in their order. The value of one that cannot be decoded is null.</summary>
    public IEnumerable<(string Name, string? Value)> Options(List<string> problems)
    {
        foreach (string option in Query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = option.Split('=', 2);
            yield return (parts[0], Decode(parts.Length > 1 ? parts[1] : "", "value of an option", problems));
        }
    }

    /// <summary>Reads <c>host:port,host,[::1]:port</c>. Where there is no port it is 0.</summary>
    public static IEnumerable<EndPoint> Servers(string text, string scheme, List<string> problems)
    {
        foreach (string server in text.Split(','))
        {
            bool hasHost = server.Length > 0 && !server.StartsWith("[]", StringComparison.Ordinal) && server.LastIndexOf(':') != 0;
            if (!hasHost) problems.Add($"a host is missing; write {scheme}://host:port");
            else if (ReadServer(server) is { } endPoint) yield return endPoint;
            else problems.Add($"a port is not a number between 1 and 65535; {HowToEncode}"); // what was read as a port may be the end of a password
        }
    }

    private static EndPoint? ReadServer(string text)
    {
        string host = text, port = "";
        int end = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) : -1;
        int colon = text.LastIndexOf(':');
        if (end > 0) (host, port) = (text[1..end], text[(end + 1)..].TrimStart(':'));
        else if (colon >= 0 && text.IndexOf(':', StringComparison.Ordinal) == colon) (host, port) = (text[..colon], text[(colon + 1)..]);
        int number = 0;
        if (port.Length > 0 && (!int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number is < 1 or > 65535)) return null;
        return IPAddress.TryParse(host, out IPAddress? address) ? new IPEndPoint(address, number) : new DnsEndPoint(host, number);
    }

    /// <summary>Decodes a part; null if it is not encoded as it must be. (<see cref="Uri.UnescapeDataString(string)"/> lets mistakes pass.)</summary>
    public static string? Decode(string text, string what, List<string> problems)
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
}
