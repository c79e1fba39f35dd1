using System.Net.Http.Headers;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace OrderDesk;

/// <summary>
/// Stands for the sign-in of a real shop, with OpenID Connect, say. Names, passwords and roles are in the section <c>Staff</c> of the configuration
/// (<c>Staff:ada:Password</c>, <c>Staff:ada:Role</c>), and browsers ask for them.
/// </summary>
public sealed class StaffAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, IConfiguration configuration)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Staff";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers.WWWAuthenticate = "Basic realm=\"order desk\", charset=\"UTF-8\"";
        return Task.CompletedTask;
    }

    private AuthenticateResult Authenticate()
    {
        if (!AuthenticationHeaderValue.TryParse(Request.Headers.Authorization, out AuthenticationHeaderValue? header) || header.Scheme != "Basic") return AuthenticateResult.NoResult();
        byte[] decoded = new byte[header.Parameter?.Length ?? 0];
        if (!Convert.TryFromBase64String(header.Parameter ?? "", decoded, out int length)) return AuthenticateResult.Fail("No Base64.");
        string[] parts = Encoding.UTF8.GetString(decoded, 0, length).Split(':', 2);
        IConfigurationSection member = configuration.GetSection("Staff").GetChildren().FirstOrDefault(one => one.Key == parts[0]) ?? configuration.GetSection("Nobody");
        if (parts.Length != 2 || member["Password"] is not { Length: > 0 } password || !AreSame(parts[1], password)) return AuthenticateResult.Fail("Unknown name or wrong password.");

        List<Claim> claims = [new(ClaimTypes.Name, member.Key)];
        if (member["Role"] is { } role) claims.Add(new(ClaimTypes.Role, role));
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity(claims, Scheme.Name)), Scheme.Name));
    }

    private static bool AreSame(string given, string wanted) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(wanted)));
}
