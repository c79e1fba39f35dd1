using System.Security.Claims;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Latchwork.Server.Access;

/// <summary>Who may use what: the API whoever shows the token in a header, the dashboard also a browser in which it was entered.</summary>
internal static class AccessRules
{
    /// <summary>The scheme of the token in the header <c>Authorization</c>.</summary>
    public const string Bearer = "Bearer";

    /// <summary>The scheme of the cookie of a browser in which the token was entered.</summary>
    public const string Session = "Session";

    /// <summary>The policy of the API.</summary>
    public const string ForApi = "api";

    /// <summary>The policy of the dashboard.</summary>
    public const string ForDashboard = "dashboard";

    /// <summary>The policy of what is for everybody who has passed one of the others.</summary>
    public const string ForHolder = "holder";

    // The scheme that is one of the two above.
    private const string Either = "Either";

    private static readonly TimeSpan _sessionLength = TimeSpan.FromHours(12);

    /// <summary>Registers schemes and policies.</summary>
    /// <param name="services">The services.</param>
    /// <param name="token">The token.</param>
    public static void AddTo(IServiceCollection services, AccessToken token)
    {
        // The keys of cookies and forms are in memory alone: no file to look after, and another run, perhaps with another token, knows none of them.
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        services.AddOptions<AntiforgeryOptions>().Configure<IServer>(static (options, server) => options.Cookie = Cookie(CookieName(server) + "-form"));
        services.AddSingleton(token);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<WrongTokens>();
        services.AddSingleton<Sessions>();
        services.AddOptions<CookieAuthenticationOptions>(Session).Configure<IServer, Sessions>(
            static (options, server, sessions) => (options.Cookie, options.SessionStore) = (Cookie(CookieName(server)), sessions));
        services.AddAuthentication()
            .AddScheme<AuthenticationSchemeOptions, BearerHandler>(Bearer, null)
            .AddCookie(Session, static options =>
            {
                options.ExpireTimeSpan = _sessionLength;
                options.Events.OnRedirectToLogin = static context => LoginPage.ChallengeAsync(context.HttpContext);
            })
            .AddPolicyScheme(Either, null, static options => options.ForwardDefaultSelector =
                static context => context.Request.Headers.Authorization.Count > 0 ? Bearer : Session);
        services.AddAuthorizationBuilder()
            .AddPolicy(ForApi, static policy => policy.AddAuthenticationSchemes(Bearer).RequireAuthenticatedUser())
            .AddPolicy(ForDashboard, static policy => policy.AddAuthenticationSchemes(Either).RequireAuthenticatedUser())
            .AddPolicy(ForHolder, static policy => policy.RequireAuthenticatedUser());
    }

    /// <summary>Whoever has the token. There is one, so all have one name, which pauses and the log show.</summary>
    public static ClaimsPrincipal Holder(string scheme) => new(new ClaimsIdentity([new Claim(ClaimTypes.Name, ServerCommand.Name)], scheme));

    // Browsers share the cookies of a machine among all its ports. The port is the one that is listened on, also where 0 was asked for: cookies are first made for a request.
    private static string CookieName(IServer server) => $"latchwork-{BindingAddress.Parse(server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First()).Port}";

    private static FolderCookie Cookie(string name) =>
        new() { Name = name, HttpOnly = true, SameSite = SameSiteMode.Strict, SecurePolicy = CookieSecurePolicy.SameAsRequest, IsEssential = true };
}
