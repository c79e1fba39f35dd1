using System.Globalization;
using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Security;

/// <summary>Who makes a request: a person, or a program that has credentials of its own.</summary>
internal static class RequestUser
{
    private const int MaxName = 128;

    private static readonly string[] _subjects = [ClaimTypes.NameIdentifier, "sub"];

    // What says which program it is: in OAuth, in OpenID Connect, and of Entra.
    private static readonly string[] _clients = ["client_id", "azp", "appid"];

    /// <summary>The user whom the policy for changes admitted, which may name schemes of its own; else the user of the application's default scheme.</summary>
    public static ClaimsPrincipal Of(HttpContext context) => context.Features.Get<Admitted>()?.User ?? context.User;

    public static void Admit(HttpContext context, ClaimsPrincipal user) => context.Features.Set(new Admitted(user));

    /// <summary>
    /// What tells users apart: the subject, which its issuer gives to one alone; without one the client and the name together, as many users may share a client. Empty for one
    /// that is not authenticated.
    /// </summary>
    public static string KeyOf(ClaimsPrincipal user)
    {
        if (user.Identity is not { IsAuthenticated: true } identity) return "";
        if (Find(user, _subjects) is { } subject) return Join("subject", identity.AuthenticationType, subject.Issuer, subject.Value);
        Claim? client = Find(user, _clients);
        return Join("client", identity.AuthenticationType, client?.Issuer, client?.Value, identity.Name);
    }

    /// <summary>What pauses and the log call a user: its name, else its subject, else its client; null for one that has none of them, or is not authenticated.</summary>
    public static string? NameOf(ClaimsPrincipal user)
    {
        if (user.Identity is not { IsAuthenticated: true } identity) return null;
        string? name = identity.Name is { Length: > 0 } given ? given : (Find(user, _subjects) ?? Find(user, _clients))?.Value;
        if (string.IsNullOrEmpty(name)) return null;
        // It is stored with a pause, so it has the bounds of an id.
        string bounded = name.Length > MaxName ? name[..MaxName] : name;
        return bounded.Any(char.IsSurrogate) ? "a user whose name is no plain text" : bounded;
    }

    private static Claim? Find(ClaimsPrincipal user, string[] types)
    {
        foreach (string type in types)
        {
            if (user.FindFirst(type) is { Value.Length: > 0 } claim) return claim;
        }

        return null;
    }

    // Each with its length: whatever characters they have, no two of different parts are one.
    private static string Join(params string?[] parts)
    {
        var key = new StringBuilder();
        foreach (string? part in parts) key.Append(CultureInfo.InvariantCulture, $"{part?.Length ?? -1}:{part}");
        return key.ToString();
    }

    private sealed record Admitted(ClaimsPrincipal User);
}
