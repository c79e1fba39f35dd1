using System.Security.Claims;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
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
    /// <param name="settings">The token, and the port, as cookies of one machine are shared by all its ports.</param>
    public static void AddTo(IServiceCollection services, ServerSettings settings)
    {
        string cookie = $"latchwork-{settings.Addresses[0].Port}";
        // The keys of cookies and forms are in memory alone: no file to look after, and another run, perhaps with another token, knows none of them.
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        services.Configure<AntiforgeryOptions>(options => (options.Cookie.Name, options.Cookie.Path) = (cookie + "-form", WebServer.DashboardPath));
        services.AddSingleton(settings.Token);
        services.AddAuthentication()
            .AddScheme<AuthenticationSchemeOptions, BearerHandler>(Bearer, null)
            .AddCookie(Session, options =>
            {
                options.Cookie.Name = cookie;
                options.Cookie.Path = WebServer.DashboardPath;
                options.Cookie.HttpOnly = true;
                options.Cookie.SameSite = SameSiteMode.Strict;
                options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
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
}
