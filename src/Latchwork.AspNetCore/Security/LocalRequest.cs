using System.Net;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Security;

/// <summary>Whether a request comes from this machine, and from a page of this machine: a name that an attacker points to 127.0.0.1 (DNS rebinding) is another host.</summary>
internal static class LocalRequest
{
    private static readonly string[] _hosts = ["localhost", "127.0.0.1", "[::1]"];

    // The middleware for forwarded headers renames what it has applied to X-Original-….
    private static readonly string[] _forwardingPrefixes = ["X-Forwarded-", "X-Original-"];
    private static readonly string[] _forwardingHeaders = ["Forwarded", "Via", "X-Real-IP"];

    /// <summary>Why a request is none of this machine; null if it is one.</summary>
    public static string? Refusal(HttpContext context)
    {
        if (context.Connection.RemoteIpAddress is not { } peer || !IPAddress.IsLoopback(peer)) return "the peer is not a loopback address.";
        if (!_hosts.Contains(context.Request.Host.Host, StringComparer.OrdinalIgnoreCase)) return "the header Host is none of localhost, 127.0.0.1 and [::1].";
        return context.Request.Headers.Keys.FirstOrDefault(IsForwarding) is { } header ? $"the header {header} says that a proxy passed the request on." : null;
    }

    private static bool IsForwarding(string header) =>
        _forwardingHeaders.Contains(header, StringComparer.OrdinalIgnoreCase)
        || _forwardingPrefixes.Any(prefix => header.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));
}
