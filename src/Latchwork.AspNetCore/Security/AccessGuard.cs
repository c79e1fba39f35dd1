using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Latchwork.Security;

/// <summary>
/// What the HTTP API and the dashboard share to be secure by default. Outside Development a part without an access rule keeps the host from
/// starting; in Development it answers this machine alone. Every answer carries security headers.
/// </summary>
internal static class AccessGuard
{
    /// <summary>Registers the check at start. May be called by each part.</summary>
    public static void AddTo(IServiceCollection services) =>
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IStartupFilter, AccessGuardCheck>());

    /// <summary>Makes the group of endpoints of a part. Endpoints of every kind may be mapped into it: the guard wraps their request delegates.</summary>
    /// <exception cref="InvalidOperationException">The services of the part were not registered.</exception>
    public static RouteGroupBuilder MapGuarded(this IEndpointRouteBuilder endpoints, string pattern, GuardedPart part)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        IServiceProvider services = endpoints.ServiceProvider;
        if (!services.GetServices<IStartupFilter>().OfType<AccessGuardCheck>().Any())
        {
            throw new InvalidOperationException($"{part.Method} needs the services of {part.Name}: register them with AddLatchwork(…) first.");
        }

        bool isDevelopment = services.GetRequiredService<IHostEnvironment>().IsDevelopment();
        RouteGroupBuilder group = endpoints.MapGroup(pattern);
        GuardedEndpoint marker = new(part, pattern);
        group.WithMetadata(marker);
        // When all conventions of the application have run, those of outer groups included.
        ((IEndpointConventionBuilder)group).Finally(endpoint =>
        {
            if (endpoint.RequestDelegate is { } next) endpoint.RequestDelegate = context => AnswerAsync(context, next, marker, isDevelopment);
        });
        return group;
    }

    private static Task AnswerAsync(HttpContext context, RequestDelegate next, GuardedEndpoint marker, bool isDevelopment)
    {
        SecurityHeaders.Set(context.Response.Headers, marker.Part.ContentSecurityPolicy);
        // The metadata of the endpoint as it is now: an outer group's authorization is only known here.
        if (context.GetEndpoint() is { } endpoint && GuardedEndpoint.HasAccessRule(endpoint.Metadata)) return next(context);
        string? refusal = isDevelopment
            ? LocalRequest.Refusal(context) is { } why ? $"Without RequireAuthorization(…) {marker.Part.Name} answers only to this machine: {why}" : null
            : $"{marker.Part.Name} has no authorization: call RequireAuthorization(…) or AllowAnonymous() on {marker.Part.Method}.";
        return refusal is null
            ? next(context)
            : Results.Problem(refusal, statusCode: StatusCodes.Status403Forbidden, title: "Refused").ExecuteAsync(context);
    }
}
