using System.Text.Encodings.Web;
using System.Text.RegularExpressions;
using Latchwork.Dashboard;
using Latchwork.Security;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Latchwork.Server.Access;

/// <summary>Where a browser is given the token. What it is shown instead of a page of the dashboard leads back to that page.</summary>
internal static partial class LoginPage
{
    private const string Path = "login", SignOutPath = "logout", Style = "login.css", TokenField = "token", TargetField = "to";

    private const long MaxForm = 16 << 10;

    /// <summary>Maps it beside the dashboard, for everybody.</summary>
    public static void MapTo(IEndpointRouteBuilder endpoints)
    {
        RouteGroupBuilder group = endpoints.MapGroup(WebServer.DashboardPath);
        group.MapGet(Path, static context => ShowAsync(context, StatusCodes.Status200OK, "./")).AllowAnonymous().ExcludeFromDescription();
        group.MapPost(Path, LogInAsync).AllowAnonymous().ExcludeFromDescription();
        group.MapPost(SignOutPath, SignOutAsync).AllowAnonymous().ExcludeFromDescription();
        group.MapGet(Style, DashboardAsset.Style.WriteAsync).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>Where the browser of a request signs out; null if it has not signed in, but sends the token itself.</summary>
    public static string? FindSignOut(HttpContext context) => context.User.Identity?.AuthenticationType == AccessRules.Session ? SignOutPath : null;

    /// <summary>Answers a request of somebody who is not known: a browser gets the page, a program a refusal.</summary>
    public static Task ChallengeAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        if (!request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase)) return BearerHandler.RefuseAsync(context);
        if (!HttpMethods.IsGet(request.Method)) return ShowAsync(context, StatusCodes.Status401Unauthorized, "./");
        // Addresses are relative to the folder of the dashboard.
        string path = request.Path.Value!;
        string page = path[(path.LastIndexOf('/') + 1)..];
        if (!path.StartsWith(WebServer.DashboardPath + "/", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Redirect($"{page}/{request.QueryString}");
            return Task.CompletedTask;
        }

        return ShowAsync(context, StatusCodes.Status401Unauthorized, $"./{page}{request.QueryString}");
    }

    private static async Task LogInAsync(HttpContext context)
    {
        if (IsOfOtherSite(context))
        {
            await ShowOtherSiteAsync(context).ConfigureAwait(false);
            return;
        }

        if (!context.Request.HasFormContentType)
        {
            await ShowAsync(context, StatusCodes.Status415UnsupportedMediaType, "./", "The token is sent as a form.").ConfigureAwait(false);
            return;
        }

        IFormCollection form;
        try
        {
            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = MaxForm;
            form = await context.Request.ReadFormAsync(context.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException)
        {
            await ShowAsync(context, StatusCodes.Status413PayloadTooLarge, "./", "The form is larger than what is accepted.").ConfigureAwait(false);
            return;
        }

        string target = form[TargetField].ToString();
        if (!Target().IsMatch(target)) target = "./";
        if (!context.RequestServices.GetRequiredService<AccessToken>().Matches(form[TokenField].ToString().Trim()))
        {
            context.RequestServices.GetRequiredService<WrongTokens>().Note(context.Connection.RemoteIpAddress);
            await ShowAsync(context, StatusCodes.Status401Unauthorized, target, "That is not the token of this server.").ConfigureAwait(false);
            return;
        }

        await context.SignInAsync(AccessRules.Session, AccessRules.Holder(AccessRules.Session)).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = target;
    }

    // The session ends, and the browser's cookie with it.
    private static async Task SignOutAsync(HttpContext context)
    {
        if (IsOfOtherSite(context))
        {
            await ShowOtherSiteAsync(context).ConfigureAwait(false);
            return;
        }

        await context.SignOutAsync(AccessRules.Session).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = Path;
    }

    // A browser says where a form comes from.
    private static bool IsOfOtherSite(HttpContext context) => context.Request.Headers["Sec-Fetch-Site"] is [{ } site, ..] && site is not ("same-origin" or "none");

    private static Task ShowOtherSiteAsync(HttpContext context) => ShowAsync(context, StatusCodes.Status403Forbidden, "./", "The form came from another site.");

    private static Task ShowAsync(HttpContext context, int status, string target, string? problem = null)
    {
        SecurityHeaders.Set(context.Response.Headers, DashboardEndpoints.Part.ContentSecurityPolicy);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(Html(target, problem), context.RequestAborted);
    }

    private static string Html(string target, string? problem) =>
        $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>Sign in · Latchwork</title>
            <link rel="stylesheet" href="{Style}?v={DashboardAsset.Style.Version}">
        </head>
        <body>
            <header class="top"><a class="brand" href="./">Latchwork</a></header>
            <main>
                <h1>Sign in</h1>
                {(problem is null ? "" : $"<p class=\"note bad\" role=\"alert\">{problem}</p>")}
                <form class="stack" method="post" action="{Path}">
                    <input type="hidden" name="{TargetField}" value="{HtmlEncoder.Default.Encode(target)}">
                    <label for="token">Token</label>
                    <input id="token" name="{TokenField}" type="password" required maxlength="{AccessToken.MaxLength}" autocomplete="current-password" autofocus>
                    <p class="why">{ServerCommand.Name} wrote it to standard error when it started, or read it from its token file.</p>
                    <div><button class="primary">Sign in</button></div>
                </form>
            </main>
        </body>
        </html>
        """;

    // A page of the dashboard and its query: nothing that leads elsewhere.
    [GeneratedRegex(@"^\./[a-z]{0,20}(\?[\x21-\x7e]{0,8000})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Target();
}
