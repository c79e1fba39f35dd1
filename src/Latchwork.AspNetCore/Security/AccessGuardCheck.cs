using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Latchwork.Security;

/// <summary>
/// Keeps the host from starting, outside Development, while a mapped part has no access rule. It looks when the pipeline has been built (only
/// then are all endpoints known, with the conventions of the groups around them) and before the server listens. What is mapped later is
/// refused request by request.
/// </summary>
internal sealed class AccessGuardCheck(IHostEnvironment environment) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        next(app);
        if (!environment.IsDevelopment() && app.ApplicationServices.GetService<EndpointDataSource>() is { } endpoints) Check(endpoints.Endpoints);
    };

    private static void Check(IReadOnlyList<Endpoint> endpoints)
    {
        List<string> open =
        [
            .. endpoints
                .Where(endpoint => !GuardedEndpoint.HasAccessRule(endpoint.Metadata))
                .Select(endpoint => endpoint.Metadata.GetMetadata<GuardedEndpoint>())
                .OfType<GuardedEndpoint>()
                .Distinct()
                .Select(marker => $"{marker.Part.Method}(\"{marker.Pattern}\")"),
        ];
        if (open.Count == 0) return;
        throw new InvalidOperationException(
            $"Whoever reaches this server could use {string.Join(" and ", open)}: call RequireAuthorization(…) on the result, or AllowAnonymous() if that is meant.");
    }
}
