using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Security;

/// <summary>Marks each endpoint of a mapped part, so that the guard finds it whatever groups it is mapped in.</summary>
/// <param name="Part">The part.</param>
/// <param name="Pattern">Where the application mapped it.</param>
internal sealed record GuardedEndpoint(GuardedPart Part, string Pattern)
{
    /// <summary>Whether the application has said who may use the endpoint: by an authorization, or by an explicit <c>AllowAnonymous()</c>.</summary>
    public static bool HasAccessRule(EndpointMetadataCollection metadata) =>
        metadata.GetMetadata<IAuthorizeData>() is not null
        || metadata.GetMetadata<AuthorizationPolicy>() is not null
        || metadata.GetMetadata<IAllowAnonymous>() is not null;
}
