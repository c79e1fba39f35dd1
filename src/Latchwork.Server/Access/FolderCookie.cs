using Microsoft.AspNetCore.Http;

namespace Latchwork.Server.Access;

/// <summary>
/// A cookie without a path: the browser then takes the folder of the page that set it, which is the folder of the dashboard as the browser knows it. Behind a proxy that cuts
/// a prefix the server does not know it, and a cookie for any other path would not come back.
/// </summary>
internal sealed class FolderCookie : CookieBuilder
{
    public override CookieOptions Build(HttpContext context, DateTimeOffset expiresFrom)
    {
        CookieOptions options = base.Build(context, expiresFrom);
        options.Path = null;
        return options;
    }
}
