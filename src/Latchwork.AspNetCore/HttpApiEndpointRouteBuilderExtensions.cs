using Latchwork.Api;
using Latchwork.Api.Endpoints;
using Latchwork.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the HTTP API of a store.</summary>
public static class HttpApiEndpointRouteBuilderExtensions
{
    private static readonly GuardedPart _part = new("The HTTP API", "MapLatchworkApi", "default-src 'none'; frame-ancestors 'none'");

    /// <summary>
    /// Maps the HTTP API. Say who may use it: <c>app.MapLatchworkApi("/latchwork/api").RequireAuthorization("operators")</c>. In Development, without
    /// that, it answers only to this machine.
    /// </summary>
    /// <param name="endpoints">The application, or a group of it.</param>
    /// <param name="pattern">The path before all others.</param>
    /// <param name="serviceKey">The key of <c>AddKeyedLatchwork</c>; null for the registration without one.</param>
    /// <returns>The group of endpoints.</returns>
    /// <exception cref="InvalidOperationException">The services were not registered with <c>AddHttpApi</c>.</exception>
    public static IEndpointConventionBuilder MapLatchworkApi(this IEndpointRouteBuilder endpoints, string pattern = "/latchwork/api", string? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        RouteGroupBuilder group = endpoints.MapGuarded(pattern, _part);
        HttpApi api = endpoints.ServiceProvider.GetKeyedService<HttpApi>(HttpApi.KeyOf(serviceKey))
            ?? throw new InvalidOperationException($"MapLatchworkApi needs the services of the HTTP API: call AddHttpApi() on what {(serviceKey is null ? "AddLatchwork(…)" : $"AddKeyedLatchwork(\"{serviceKey}\", …)")} returns.");
        group.WithTags("Latchwork");
        group.AddEndpointFilter(new ApiFilter(api).InvokeAsync);
        TimerEndpoints.Map(group, api);
        DeadLetterEndpoints.Map(group, api);
        DeliveryEndpoints.Map(group, api);
        ScheduleEndpoints.Map(group, api);
        LockEndpoints.Map(group, api);
        return group;
    }
}
