using System.Globalization;

namespace Latchwork.Redis.Connections.Cluster;

/// <summary>Why a member of a cluster did not do a command.</summary>
internal enum ClusterRefusalKind
{
    /// <summary>The slot belongs to another member.</summary>
    Moved = 0,

    /// <summary>The slot is being moved, and the keys are at another member already, or would be made there.</summary>
    Ask = 1,

    /// <summary>The slot is being moved, and of the keys some are not here (they may be nowhere).</summary>
    TryAgain = 2,

    /// <summary>The cluster serves nothing, or not this slot.</summary>
    Down = 3,
}

/// <summary>An error of a member of a cluster that says that it did nothing, and who could.</summary>
/// <param name="Kind">Why.</param>
/// <param name="Target">The member that could, if it was named.</param>
internal sealed record ClusterRefusal(ClusterRefusalKind Kind, RedisEndpoint? Target)
{
    /// <summary>Reads an error: <c>MOVED 3999 127.0.0.1:6381</c>, <c>ASK …</c>, <c>TRYAGAIN …</c>, <c>CLUSTERDOWN …</c>.</summary>
    /// <param name="error">The error.</param>
    /// <param name="asked">Who said it: where no host is named, it is the same.</param>
    /// <returns>Null if it is another error.</returns>
    public static ClusterRefusal? Parse(string error, RedisEndpoint asked)
    {
        string[] words = error.Split(' ');
        return words[0] switch
        {
            "MOVED" => new ClusterRefusal(ClusterRefusalKind.Moved, words.Length > 2 ? EndpointOf(words[2], asked) : null),
            "ASK" => new ClusterRefusal(ClusterRefusalKind.Ask, words.Length > 2 ? EndpointOf(words[2], asked) : null),
            "TRYAGAIN" => new ClusterRefusal(ClusterRefusalKind.TryAgain, null),
            "CLUSTERDOWN" => new ClusterRefusal(ClusterRefusalKind.Down, null),
            _ => null,
        };
    }

    private static RedisEndpoint? EndpointOf(string text, RedisEndpoint asked)
    {
        int colon = text.LastIndexOf(':');
        if (colon < 0 || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535)
            return null;
        string host = text[..colon].Trim('[', ']');
        return host == "?" ? null : new RedisEndpoint(host.Length > 0 ? host : asked.Host, port);
    }
}
