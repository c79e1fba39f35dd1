using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Security;

/// <summary>Who makes a request.</summary>
internal static class RequestUser
{
    /// <summary>The user whom the policy for changes admitted, which may name schemes of its own; else the user of the application's default scheme.</summary>
    public static ClaimsPrincipal Of(HttpContext context) => context.Features.Get<Admitted>()?.User ?? context.User;

    public static void Admit(HttpContext context, ClaimsPrincipal user) => context.Features.Set(new Admitted(user));

    /// <summary>What tells users apart; empty for one that is not authenticated.</summary>
    public static string KeyOf(ClaimsPrincipal user)
    {
        if (user.Identity is not { IsAuthenticated: true } identity) return "";
        Claim? id = user.FindFirst(ClaimTypes.NameIdentifier) ?? user.FindFirst("sub");
        return id is null ? $"{identity.AuthenticationType}\n\n{identity.Name}" : $"{identity.AuthenticationType}\n{id.Issuer}\n{id.Value}";
    }

    private sealed record Admitted(ClaimsPrincipal User);
}
