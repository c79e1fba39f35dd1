using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Latchwork.Server.Access;

/// <summary>Knows a request by the token in its header <c>Authorization: Bearer …</c>.</summary>
internal sealed class BearerHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, AccessToken token, WrongTokens wrongTokens)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    private const string Prefix = "Bearer ";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Headers.Authorization is not [{ } header] || !header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)) return Task.FromResult(AuthenticateResult.NoResult());
        if (token.Matches(header[Prefix.Length..].Trim())) return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(AccessRules.Holder(Scheme.Name), Scheme.Name)));
        wrongTokens.Note(Context.Connection.RemoteIpAddress);
        return Task.FromResult(AuthenticateResult.Fail("The token is another one."));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) => RefuseAsync(Context);

    /// <summary>Asks for the token.</summary>
    public static Task RefuseAsync(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Results.Problem("Send the token of the server: 'Authorization: Bearer TOKEN'.", statusCode: StatusCodes.Status401Unauthorized, title: "Unauthorized").ExecuteAsync(context);
    }
}
