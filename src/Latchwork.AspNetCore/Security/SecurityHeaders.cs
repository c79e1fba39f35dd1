using Microsoft.AspNetCore.Http;

namespace Latchwork.Security;

/// <summary>Headers that tell a browser to keep an answer to itself: not to guess its type, frame it, store it, or tell others its address.</summary>
internal static class SecurityHeaders
{
    public static void Set(IHeaderDictionary headers, string contentSecurityPolicy)
    {
        headers.ContentSecurityPolicy = contentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }
}
