namespace Latchwork.Security;

/// <summary>A part of this package that an application maps: the HTTP API or the dashboard.</summary>
/// <param name="Name">What messages call it.</param>
/// <param name="Method">The method that maps it.</param>
/// <param name="ContentSecurityPolicy">What a browser may load for its answers.</param>
internal sealed record GuardedPart(string Name, string Method, string ContentSecurityPolicy);
